"""A sweep's recipe: what it reads, what it refuses in one line, and the cells that come of it."""

from pathlib import Path

import pytest

from reasondistill.errors import RecipeError
from reasondistill.scaling.grid import cells, sample_set
from reasondistill.scaling.recipe import load_scaling

CONFIGS = Path(__file__).parents[2] / "configs"
BASE = """
model: {model: m, engine: openai}
benchmark: {source: problems.jsonl}
max_tokens: 100
sequential: {budgets: [8, 16], waits: [0, 2]}
parallel: {budgets: [16], samples: 4, k: [1, 4]}
"""


@pytest.fixture
def load(tmp_path):
    def run(*overrides):
        (tmp_path / "scaling.yaml").write_text(BASE)
        return load_scaling(tmp_path / "scaling.yaml", overrides)

    return run


@pytest.mark.parametrize("name", ["scaling.yaml", "scaling_quickstart.yaml"])
def test_the_recipes_that_come_along_can_be_read(name):
    assert list(cells(load_scaling(CONFIGS / name)))


def test_cells_are_the_grid(load):
    found = [cell.name for cell in cells(load("baselines=[steps, short]"))]
    assert found == [
        "sequential-b8-w0",
        "sequential-b8-w2",
        "sequential-b16-w0",
        "sequential-b16-w2",
        "parallel-b16-w0",
        "steps-b8-w0",
        "steps-b16-w0",
        "short-b16-w0",
    ]


def test_sc_tir_is_data(load, tmp_path):
    recipe = load("sc_tir={width: 6, depth: 3, restarts: 2, k: [1, 6]}")
    [cell] = [cell for cell in cells(recipe) if cell.part == "sc-tir"]
    made = sample_set(recipe, cell, folder=tmp_path, problems=tmp_path / "p.jsonl", beside=tmp_path)
    assert (made.samples, made.strategy.strategy.name, made.sampling.temperature, made.template) == (
        6,
        "tir",
        0.8,
        "tir",
    )
    tir = made.strategy.options()
    assert (tir.executions, tir.restarts, tir.hallucinated, tir.cell_seconds, tir.output_chars) == (
        3,
        2,
        "prune",
        5.0,
        200,
    )
    assert load("sc_tir={width: 1, prune: false}").sc_tir.options().hallucinated == "keep"


def test_a_cell_says_how_it_is_sampled(load, tmp_path):
    recipe = load("parallel.temperature=0.5", "seed=3", "parallel.votes=[confidence]", "forcing.wait=Hmm")
    made = {
        cell.name: sample_set(recipe, cell, folder=tmp_path, problems=tmp_path / "p.jsonl", beside=tmp_path)
        for cell in cells(recipe)
    }
    greedy, sampled = made["sequential-b8-w2"], made["parallel-b16-w0"]
    assert (greedy.sampling.temperature, greedy.samples, greedy.strategy.decoding.options["waits"]) == (0.0, 1, 2)
    assert (sampled.sampling.temperature, sampled.samples, sampled.sampling.seed) == (0.5, 4, 3)
    forcing = sampled.strategy.decoding.options
    assert forcing["thinking_budget"] == 16 and forcing["confidence"]
    assert greedy.strategy.decoding.options["wait"] == "Hmm"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("name=''", "name is empty"),
        ("model.model=''", "model.model is missing"),
        ("model.engine=vlm", "model.engine must be one of auto"),
        ("model.concurrency=0", "model.concurrency must be at least 1, got 0"),
        ("sequential.budgets=[100]", "leave room for an answer within max_tokens 100, got 100"),
        ("sequential.budgets=[8, 8]", "sequential.budgets must hold different numbers"),
        ("sequential.waits=[]", "sequential.waits is empty; give it a value"),
        ("parallel.k=[8]", "parallel.k must lie between 1 and parallel.samples 4, got [8]"),
        (
            "parallel.votes=[best]",
            "parallel.votes must be one of majority, confidence, surest, steps, judge, select, got 'best'",
        ),
        ("parallel.temperature=0", "all samples would be the same one"),
        ("sequential.temperature=-1", "sequential.temperature must be at least 0"),
        ("baselines=[word]", "baselines must be one of tokens, steps, short, long, rejection, got 'word'"),
        ("selector.characters=0", "selector.characters must be at least 1, got 0"),
        ("selector.model.dtype=half", "selector.model.dtype must be one of"),
        ("sc_tir.width=-1", "sc_tir.width must be at least 0, got -1"),
        ("sc_tir={width: 4, k: [8]}", "sc_tir.k must lie between 1 and sc_tir.width 4, got [8]"),
        ("sc_tir.depth=0", "sc_tir.executions must be at least 1"),
        ("forcing.waits=1", "come from the grids; leave them out"),
        ("forcing.format=tags", "forcing.format must be one of auto"),
        ("sequential.budget=[1]", "unknown key sequential.budget (did you mean sequential.budgets?)"),
    ],
)
def test_a_value_that_cannot_work_is_named(word, message, load):
    with pytest.raises(RecipeError) as error:
        load(word)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sequential.budgets=[]", "parallel.budgets=[]"], "nothing to measure"),
        (["parallel.budgets=[]", "baselines=[rejection]"], "rejection takes the parallel samples"),
    ],
)
def test_parts_that_need_each_other(words, message, load):
    with pytest.raises(RecipeError, match=message):
        load(*words)
