"""A run up to its dataset with every format, in real processes: what is opened, left out, told and done again."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from reasondistill.export.formats import FORMATS
from reasondistill.store import read_rows

HELD = "A train leaves the station at noon and travels for seven hours at forty miles an hour; how far does it go?"
RECIPE = """
name: exported
until: export
problems: {{source: {problems}}}
held_out: {{seen: {{source: {held}}}}}
teacher: {{model: recorded, engine: replay}}
generate: {{template: math-zero-shot, samples: 3, sampling: {{temperature: 0.7, max_tokens: 64}}}}
export: {{formats: [{formats}]}}
"""


def answer(problem, index):
    """The first and last rollouts are right, the second wrong."""
    given = int(problem.answer) + (index == 1)
    return f"Attempt {index}.\nWe have {given} + 0 = {given}.\nThe answer is \\boxed{{{given}}}."


@pytest.fixture(scope="module")
def place(tmp_path_factory, record_teacher):
    """A folder with the recipe, its problems and the teacher's answers."""
    folder = tmp_path_factory.mktemp("exported")
    rows = [
        {"id": f"p{n}", "question": f"What is {n} and one, said as a number?", "answer": str(n + 1)} for n in range(5)
    ]
    rows[3]["licence"] = "unknown third-party"
    rows[2]["license"] = "mit"
    rows.append({"id": "dirty", "question": HELD.upper(), "answer": "280"})
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "held.jsonl").write_text(json.dumps({"id": "h", "question": HELD, "answer": "280"}) + "\n")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        RECIPE.format(problems=folder / "problems.jsonl", held=folder / "held.jsonl", formats=", ".join(FORMATS))
    )
    record_teacher(folder / "answers.jsonl", recipe, [], answer)
    return folder


def command(place, out, *words, environment=None):
    """Run `reasondistill` and return the finished process."""
    known = {key: value for key, value in os.environ.items() if key not in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")}
    own = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HOME": str(place / "hf"), **(environment or {})}
    first, *rest = words
    where = [str(place / "recipe.yaml"), f"out={out}", f"teacher.replay={place / 'answers.jsonl'}"]
    return subprocess.run(
        [sys.executable, "-m", "reasondistill", first, *(where if first == "run" else [str(out)]), *rest],
        capture_output=True, text=True, timeout=110, check=False, env={**known, **own},
    )  # fmt: skip


@pytest.fixture(scope="module")
def exported(place):
    """The folder of the finished run."""
    done = command(place, place / "run", "run")
    assert done.returncode == 0, done.stderr
    return place / "run"


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "dataset").rglob("*") if path.is_file()}


def test_every_format_is_a_configuration_of_the_card(exported, load):
    dataset = exported / "dataset"
    counts = json.loads((dataset / "manifest.json").read_text())["formats"]
    assert counts == {
        **dict.fromkeys(("messages", "sharegpt", "openmathreasoning", "numina-tir"), 8),
        "dpo": 4,
        "kto": 12,
        "grpo": 4,
        "prm": 12,
        "kd": 4,
        "open-r1": 4,
    }
    for name in FORMATS:
        opened = load(str(dataset), name)
        assert opened.num_rows == counts[name]
        text = json.dumps(list(opened))
        assert "What is 3 and one" not in text
        assert "TRAIN LEAVES" not in text
    assert load(str(dataset)).num_rows == 8
    assert not list(exported.glob("*.tmp"))


def test_statements_that_may_not_be_given_on_stand_in_the_ledger(exported):
    drops = [row for path in (exported / "drops").glob("*.jsonl*") for row in read_rows(path)]
    left_out = [row for row in drops if row["step"] == "licence"]
    assert {(row["problem_id"], row["reason"], row["evidence"]) for row in left_out} == {
        ("p3", "statement_not_free", "unknown third-party")
    }
    assert len(left_out) == 3
    counts = json.loads((exported / "report.json").read_text())["counts"]
    assert counts["drops"]["licence"] == {"statement_not_free": 3}
    assert counts["formats"] == json.loads((exported / "dataset" / "manifest.json").read_text())["formats"]
    card = (exported / "dataset" / "README.md").read_text()
    assert "3 rollouts are left out because their problems' statements may not be redistributed." in card
    assert "| mit | 1 |" in card
    assert "| not known | 3 |" in card
    assert "| dirty | seen | h | same_question | 1.00 |" in card
    assert "train leaves" not in card.lower()


def test_the_same_again_writes_nothing_and_another_format_only_the_dataset(exported, place):
    before = stamps(exported)
    assert command(place, exported, "export").returncode == 0
    assert stamps(exported) == before
    done = command(place, exported, "export", "--formats", "dpo", "kd", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["formats"] == {"dpo": 4, "kd": 4}
    assert sorted(p.name for p in (exported / "dataset" / "formats").iterdir()) == ["dpo", "kd"]
    assert command(place, exported, "export", f"export.formats=[{','.join(FORMATS)}]").returncode == 0
    assert stamps(exported).keys() == before.keys()


def test_what_a_killed_export_left_is_no_obstacle_and_the_bytes_are_the_same(exported, place):
    before = {p: p.read_bytes() for p in (exported / "dataset").rglob("*.parquet")}
    half = exported / "dataset.tmp" / "formats" / "dpo" / "data"
    half.mkdir(parents=True)
    (half / "0.part").write_bytes(b"half")
    shutil.rmtree(exported / "dataset" / "formats")
    assert command(place, exported, "export", "export.formats=[dpo]").returncode == 0
    done = command(place, exported, "export", f"export.formats=[{','.join(FORMATS)}]")
    assert done.returncode == 0, done.stderr
    assert {p: p.read_bytes() for p in (exported / "dataset").rglob("*.parquet")} == before
    assert not list(exported.glob("*.tmp"))


def test_an_audit_finds_nothing_wrong_with_it(exported, place):
    done = command(place, exported / "dataset", "audit", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_licences_can_be_forced(exported, place, tmp_path):
    done = command(place, tmp_path / "run", "run", "export.force_licence=true", "export.formats=[kd]")
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "run" / "dataset" / "README.md").read_text()
    assert "Statements were exported whatever their licence says" in card
    assert "| unknown third-party | 1 |" in card
    assert json.loads((tmp_path / "run" / "report.json").read_text())["counts"]["drops"].keys() == {
        "outcome",
        "decontamination",
    }


def test_a_dataset_is_sent_and_the_result_says_where(exported, place, hub):
    hub.files.clear()
    own = {"HF_ENDPOINT": hub.address, "HF_TOKEN": hub.token, "HF_HUB_DISABLE_XET": "1"}
    done = command(place, exported, "export", "--push", "me/set", "--json", environment=own)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pushed"] == f"{hub.address}/datasets/me/set"
    assert {name for name in hub.files if name.startswith("formats/")} == {
        f"formats/{name}/data/train-00000-of-00001.parquet" for name in FORMATS
    }
    assert hub.files["README.md"] == (exported / "dataset" / "README.md").read_bytes()
    left = [p for p in exported.rglob("*") if p.is_file() and hub.token.encode() in p.read_bytes()]
    assert (left, hub.token in done.stdout + done.stderr) == ([], False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export.formats=[dop]"], "export.formats must be one of messages, dpo"),
        (["export.pairs_per_problem=0"], "export.pairs_per_problem must be at least 1, got 0"),
        (["--formats", "dop"], "(did you mean dpo?)"),
        (["--push", "me/set"], "--push me/set: no token; set HF_TOKEN in the environment to one that may write"),
        (["--push", "a/b/c"], "--push a/b/c: "),
    ],
)
def test_mistakes_are_one_line_and_change_nothing(exported, place, words, said):
    before = stamps(exported)
    done = command(place, exported, "export", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert stamps(exported) == before
