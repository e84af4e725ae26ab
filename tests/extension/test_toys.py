"""One toy of each kind, named `package.module:Name`: parts of one's own work without a change to the product."""

import json
from pathlib import Path

import pytest

from reasondistill.cli.main import main
from reasondistill.errors import RecipeError
from reasondistill.recipe.read import load_recipe
from reasondistill.rows.problem_file import write_problems
from reasondistill.run.recipe_run import RecipeRun
from reasondistill.store import Table
from reasondistill.store.options import Choice, read_choice
from reasondistill.training.methods import METHODS

HERE = Path(__file__).parent
MAX_LINES = 40

RECIPE = """
name: toys
until: export
problems: {source: train.jsonl}
held_out: {}
teacher: {model: adder, engine: "toy_engine:open_adder"}
generate:
  template: math-zero-shot
  strategy: {name: "toy_strategy:Hint", hint: "Mention 'so'."}
curate: {custom: [{name: "toy_curation:Mentions", word: so}], decontaminate: false}
export: {formats: ["toy_format:LENGTHS"]}
steps: [{name: "toy_step:CountWords", after: generate, least: 2}]
"""


@pytest.fixture
def toys(monkeypatch):
    """Put the toys where Python finds a user's own modules."""
    monkeypatch.syspath_prepend(str(HERE))
    return HERE


@pytest.fixture
def recipe(tmp_path, make_problem, toys):
    problems = [make_problem(n, question=f"What is {n} + 1?", answer=str(n + 1)) for n in range(6)]
    write_problems(tmp_path / "train.jsonl", problems)
    path = tmp_path / "toys.yaml"
    path.write_text(RECIPE.replace("train.jsonl", str(tmp_path / "train.jsonl")))
    return path


def test_each_toy_is_small():
    sizes = {path.name: len(path.read_text().splitlines()) for path in HERE.glob("toy_*.py")}
    assert len(sizes) == 7
    assert {name: lines for name, lines in sizes.items() if lines >= MAX_LINES} == {}


def test_a_run_uses_strategy_engine_curation_format_and_step(recipe, tmp_path):
    run = RecipeRun(load_recipe(recipe, [f"out={tmp_path / 'run'}"]), recipe_folder=tmp_path)
    run.run()
    rollouts = list(Table(run.path / "rollouts", key="id"))
    assert all("Mention 'so'." in row["messages"][-2]["content"] for row in rollouts)
    assert {row["strategy"] for row in rollouts} == {"toy_strategy:Hint"}
    assert json.loads((run.path / "words.json").read_text())["words"] > 0
    assert list(run.steps)[:3] == ["problems", "generate", "count_words"]
    report, _ = run.report()
    assert report["counts"]["examples"] == 6
    assert report["counts"]["formats"] == {"lengths": 6}


def test_the_drops_of_a_toy_curation_step_are_in_the_ledger(recipe, tmp_path):
    words = [f"out={tmp_path / 'run'}", 'curate.custom=[{name: "toy_curation:Mentions", word: never}]']
    run = RecipeRun(load_recipe(recipe, words), recipe_folder=tmp_path)
    run.run()
    assert run.report()[0]["counts"]["drops"] == {"mentions": {"no 'never'": 6}}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("teacher.engine=toy_engine:nobody", "toy_engine has no nobody"),
        ("generate.strategy=no_such_module:Name", "cannot import no_such_module"),
        ("generate.strategy.hnt=x", "hnt"),
        ("curate.custom=[{name: 'toy_curation:Mentions', wrd: so}]", "wrd"),
        ("steps=[{name: 'toy_step:CountWords', after: nowhere}]", "nowhere"),
        ("steps=[{name: 'toy_step:CountWords', lest: 2}]", "lest"),
    ],
)
def test_a_mistake_in_a_toys_name_or_option_is_one_line(recipe, tmp_path, capsys, word, message):
    assert main(["run", str(recipe), f"out={tmp_path / 'run'}", word]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ") and message in line


def test_a_dataset_layout_is_read_by_evaluate(tmp_path, toys, capsys):
    row = {"q": "What is 1 + 1?", "a": "2", "tries": [["It is \\boxed{2}.", 0.9], ["It is \\boxed{3}.", 0.1]]}
    path = tmp_path / "tries.jsonl"
    path.write_text(json.dumps(row) + "\n")
    words = ["--format", "toy_layout:LAYOUT", "--out", str(tmp_path / "out"), "--json"]
    assert main(["evaluate", "--rollouts", str(path), *words]) == 0
    assert json.loads(capsys.readouterr().out)["outcomes"] == {"correct": 1, "incorrect": 1}


def test_a_trainer_of_ones_own_is_found_by_its_name(toys):
    method, options = read_choice(Choice(name="toy_trainer:Smooth", options={"smoothing": 0.2}), METHODS, "method")
    assert (options.smoothing, options.loss_type) == (0.2, "nll")
    assert method(options).DATA == "main"
    with pytest.raises(RecipeError, match="smoothing must be"):
        read_choice(Choice(name="toy_trainer:Smooth", options={"smoothing": 2}), METHODS, "method")
