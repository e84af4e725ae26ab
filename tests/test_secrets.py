"""No password and no key stands in anything that a run writes, nor in the lines that it says."""

import pytest

from reasondistill.cli.main import main
from reasondistill.problems import write_problems
from reasondistill.recipe.read import load_recipe
from reasondistill.run.recipe_run import RecipeRun

KEY = "sk-hunter2-and-more"
ADDRESS = "http://me:hunter2@127.0.0.1:9/v1?api_key=hunter2"


@pytest.fixture
def recipe(tmp_path, make_problem):
    """A recipe file whose teacher is recorded; it stops when the dataset is written."""
    write_problems(tmp_path / "train.jsonl", [make_problem(i) for i in range(6)])
    write_problems(tmp_path / "seen.jsonl", [make_problem(i + 50) for i in range(2)])
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"name: secret\nuntil: export\nout: {tmp_path}/run\n"
        f"problems: {{source: {tmp_path}/train.jsonl}}\nheld_out: {{seen: {{source: {tmp_path}/seen.jsonl}}}}\n"
        f"teacher: {{model: t, engine: replay, replay: {tmp_path}/recorded.jsonl, base_url: '{ADDRESS}'}}\n"
        "generate: {template: math-zero-shot}\n"
    )
    return path


def test_a_run_writes_no_secret(recipe, tmp_path, monkeypatch, record, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    command = f"reasondistill run r.yaml teacher.base_url={ADDRESS}"
    run = RecipeRun(load_recipe(recipe), recipe_folder=tmp_path, command=command)
    run.run_steps("problems")
    plans = [one.plan("t") for one in run.steps["generate"].stage(None).sets]
    record(tmp_path / "recorded.jsonl", plans, lambda problem, index: rf"\boxed{{{problem.answer}}}")
    run.run()
    report, _ = run.report()
    assert report["counts"]["examples"] == 6
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {"recipe.yaml", "manifest.json", "log.jsonl", "report.html", "README.md"} <= {path.name for path in written}
    assert [str(path) for path in written if b"hunter2" in path.read_bytes()] == []
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "none.yaml", f"teacher.bse_url={ADDRESS}"],
        ["run", "{recipe}", f"teacher.bse_url={ADDRESS}"],
        ["run", "{recipe}", "teacher.engine=openai", "teacher.concurrency=1", "teacher.retry_seconds=0.1"],
        ["run", "{recipe}", f"teacher.engine={KEY}"],
    ],
)
def test_an_error_line_holds_no_secret(recipe, monkeypatch, capsys, arguments):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert main([word.replace("{recipe}", str(recipe)) for word in arguments]) == 2
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err
    assert [line for line in said.err.splitlines() if line.startswith("error: ")]


def test_an_error_line_holds_no_terminal_codes(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"\\u001b[31mred": 1, "completion": "2"}\n')
    assert main(["verify", str(path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "red" in said and "\x1b" not in said and said.count("\n") == 1


@pytest.mark.parametrize("where", ["file", "override"])
def test_a_recipe_cannot_read_the_environment(recipe, where, capsys):
    words = ["generate.template=${oc.env:OPENAI_API_KEY}"]
    if where == "file":
        recipe.write_text(recipe.read_text() + "seed: ${oc.env:OPENAI_API_KEY}\n")
    assert main(["run", str(recipe), *(words if where == "override" else [])]) == 2
    assert "oc.env" in capsys.readouterr().err
