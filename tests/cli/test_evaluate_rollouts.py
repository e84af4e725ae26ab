"""`evaluate --rollouts` and `--benchmark` as a user types them: what is printed, the exit status, the files."""

import json
from pathlib import Path

import pytest

from reasondistill.cli.main import main
from reasondistill.generation.prompts import load_template
from reasondistill.records import Problem

ROWS = [{"problem_id": p, "completion": text, "answer": "2"} for p, text in (("a", "2"), ("a", "3"), ("b", "2"))]
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "benchmarks"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


def _evaluate(*words):
    return main(["evaluate", "--rollouts", "rollouts.jsonl", "--out", "out", *words])


def test_the_metrics_are_printed_with_their_intervals(desk, capsys):
    assert _evaluate("--k", "1,2") == 0
    said = capsys.readouterr()
    assert said.out.startswith("pass@1: 75.0 % [")
    assert said.out.rstrip().endswith("3 rollouts of 2 problems: correct 2, incorrect 1")
    assert "warning: @2: 1 of 2 problems have fewer than 2 judged rollouts and are left out there" in said.err


def test_metrics_that_are_the_same_at_1_are_not_repeated(desk, capsys):
    (desk / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[1:]))
    assert _evaluate() == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()][:-1] == ["pass@1"]
    assert set(json.loads((desk / "out" / "report.json").read_text())["metrics"]) >= {"pass@1", "avg@1", "maj@1"}


def test_json_is_the_report(desk, capsys):
    assert _evaluate("--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((desk / "out" / "report.json").read_text())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--k", "3"), "error: --k 3: no problem of rollouts.jsonl has so many rollouts, the most is 2"),
        (("--where", "model"), "error: --where takes key=value"),
        (("--rollouts", "none.jsonl"), "error: none.jsonl: file not found; name a file, a folder"),
        (("--problems", "none.jsonl"), "error: none.jsonl: file not found"),
        (
            ("--by-label",),
            "error: rollouts.jsonl:1: no label: any of is_correct, correct, label, passed, is_right, verified must",
        ),
        (("--benchmark", "gsm9k"), "error: benchmark 'gsm9k': neither a known name nor a file; did you mean gsm8k?"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(desk, capsys, words, message):
    assert _evaluate(*words) == 2
    said = capsys.readouterr()
    assert said.err.startswith(message) and said.err.count("\n") == 1 and not said.out


@pytest.mark.parametrize("ks", ["0", "1,-2", "one", "", "1,,2"])
def test_a_k_that_is_none_is_refused(desk, capsys, ks):
    with pytest.raises(SystemExit) as ended:
        _evaluate("--k", ks)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: argument --k: must be")


def test_without_model_and_rollouts_it_says_what_to_give(desk, capsys):
    assert main(["evaluate", "--benchmark", "gsm8k", "--out", "out"]) == 2
    assert "give --model and --benchmark, or --rollouts FILE" in capsys.readouterr().err


def test_evalplus_samples_come_in_and_go_out(desk, capsys):
    problem = {
        "id": "HumanEval/0",
        "prompt": "import math\n\ndef f(x):\n    '''Add one.'''\n",
        "tests": "def check(candidate):\n    assert candidate(1) == 2",
        "entry_point": "f",
    }
    (desk / "problems.jsonl").write_text(json.dumps(problem) + "\n")
    samples = [
        {"task_id": "HumanEval/0", "completion": "    return x + 1\n"},
        {"task_id": "HumanEval/0", "solution": "def f(x):\n    return x"},
    ]
    (desk / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
    words = ["--rollouts", "samples.jsonl", "--problems", "problems.jsonl", "--format", "evalplus", "--k", "1,2"]
    assert main(["evaluate", *words, "--out", "first", "--export", "evalplus"]) == 0
    assert capsys.readouterr().out.endswith("written first/samples.jsonl\n")
    written = [json.loads(line) for line in (desk / "first" / "samples.jsonl").read_text().splitlines()]
    assert [set(row) for row in written] == [{"task_id", "solution"}] * 2
    # What was written stands alone: it has the prompt's head and imports.
    assert "def f(x)" in written[0]["solution"] and "import math" in written[0]["solution"]
    again = ["--rollouts", "first/samples.jsonl", "--problems", "problems.jsonl", "--k", "1,2"]
    assert main(["evaluate", *again, "--out", "second"]) == 0
    first, second = (json.loads((desk / name / "report.json").read_text()) for name in ("first", "second"))
    assert (second["format"], second["outcomes"]) == ("evalplus", {"correct": 1, "incorrect": 1})
    assert second["metrics"] == first["metrics"]


def test_lm_evals_logged_samples_come_in_and_go_out(desk, capsys):
    doc = {"question": "1 + 1?", "answer": "It is 1 + 1 = 2.\n#### 2"}
    base = {"doc_id": 0, "doc": doc, "target": doc["answer"], "arguments": [["Q: 1 + 1?\nA:", {}]]}
    rows = [
        {**base, "resps": [["It is 2.", "It is 3."]], "filter": "strict-match", "filtered_resps": ["2"]},
        {**base, "resps": [["It is 2.", "It is 3."]], "filter": "flexible-extract", "filtered_resps": ["2"]},
        {
            **base,
            "doc_id": 1,
            "doc": {**doc, "question": "2 + 0?"},
            "resps": [["It is 4."]],
            "filter": "strict-match",
            "exact_match": 0.0,
        },
    ]
    (desk / "logged.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["evaluate", "--rollouts", "logged.jsonl", "--out", "first", "--export", "lm-eval"]) == 0
    report = json.loads((desk / "first" / "report.json").read_text())
    assert (report["format"], report["problems"], report["rollouts"]) == ("lm-eval", 2, 3)
    assert (report["outcomes"], report["labels"]["agree"]) == ({"correct": 1, "incorrect": 2}, 1)
    written = [json.loads(line) for line in (desk / "first" / "samples_lm_eval.jsonl").read_text().splitlines()]
    assert [(row["doc_id"], row["resps"], row["exact_match"]) for row in written] == [
        (0, [["It is 2.", "It is 3."]], 0.5),
        (1, [["It is 4."]], 0.0),
    ]
    assert main(["evaluate", "--rollouts", "first/samples_lm_eval.jsonl", "--out", "second"]) == 0
    assert json.loads((desk / "second" / "report.json").read_text())["metrics"] == report["metrics"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"doc_id": 0, "doc": {"answer": "2"}, "resps": []}, ":1: `resps` holds no completion"),
        ({"task_id": "a", "solution": 5, "tests": "assert f()"}, ":1: `solution` must be a program, got int"),
    ],
)
def test_a_foreign_row_that_is_none_is_named(desk, capsys, row, message):
    (desk / "rollouts.jsonl").write_text(json.dumps(row) + "\n")
    assert _evaluate() == 2
    assert message in capsys.readouterr().err


def test_a_benchmark_is_asked_by_its_own_prompt_and_judged_by_its_own_rules(desk, capsys):
    (desk / "mine.yaml").write_text(
        "title: Mine\nkind: math\nfile: mine.jsonl\nprompts: [gsm8k-cot-0-shot, r1-boxed]\npolicy: physics\n"
    )
    (desk / "mine.jsonl").write_text(json.dumps({"id": "a", "question": "How long?", "answer": "1.00"}) + "\n")
    asked = load_template("gsm8k-cot-0-shot").messages(Problem(id="a", question="How long?"))
    turns = [*(turn.to_row() for turn in asked), {"role": "assistant", "content": "It is 1.004."}]
    (desk / "recorded.jsonl").write_text(json.dumps({"messages": turns, "finish_reason": "stop"}) + "\n")
    words = ["--benchmark", "mine.yaml", "--benchmarks-dir", ".", "--model", "m", "--engine", "replay"]
    assert main(["evaluate", *words, "--replay", "recorded.jsonl", "--out", "out", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["metrics"]["pass@1"]["value"] == 1.0
    assert report["prompt"] == {"template": "gsm8k-cot-0-shot", "hash": load_template("gsm8k-cot-0-shot").hash}
    assert report["sampling"]["stop"] == ["Q:", "</s>", "<|im_end|>"]
    assert report["benchmark_details"]["name"] == "mine" and report["benchmark_details"]["hash"]


def test_a_named_benchmark_brings_the_references_of_rollouts(desk, capsys):
    if not DATA.exists():
        pytest.skip("no benchmark files beside this checkout")
    row = {"problem_id": "aime25/0", "completion": r"\boxed{70}"}
    (desk / "rollouts.jsonl").write_text(json.dumps(row) + "\n")
    assert _evaluate("--benchmark", "aime25", "--benchmarks-dir", str(DATA)) == 0
    assert capsys.readouterr().out.startswith("pass@1: 100.0 %")
