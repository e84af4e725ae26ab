"""Which statements are given on: the words of licences, who names them, and what is done with the others."""

from pathlib import Path

import pytest

from reasondistill.curation.candidate_source import Candidate
from reasondistill.curation.controls import control_options
from reasondistill.curation.ledger import Ledger
from reasondistill.curation.options import CurateOptions
from reasondistill.curation.select import make_steps
from reasondistill.curation.steps.licence import Licence, LicenceRule, forbids, licence_of
from reasondistill.problems.benchmarks.benchmark import benchmark_names, find_benchmark
from reasondistill.problems.licences import licence_of_source
from reasondistill.problems.source import ProblemSource
from reasondistill.recipe.records import GenerateOptions, Recipe
from reasondistill.run.build import build_steps
from verifiers import Outcome, Verdict


@pytest.mark.parametrize(
    ("licence", "forbidden"),
    [
        ("Apache-2.0", False),
        ("MIT", False),
        ("CC BY 4.0", False),
        ("CC BY-NC-SA 4.0 (MIT OpenCourseWare)", False),
        ("not known", False),
        ("", False),
        ("problem texts (c) MAA", True),
        ("problem texts of their contests", True),
        ("Apache-2.0 (competition texts)", True),
        ("unknown third-party", True),
        ("Third party", True),
        ("© 2024 somebody", True),
        ("Copyright by the authors. All rights reserved.", True),
        ("no redistribution", True),
    ],
)
def test_the_words_decide(licence, forbidden):
    assert forbids(licence) == forbidden


def test_the_rows_own_licence_wins(make_problem):
    rule = LicenceRule(source="MIT")
    assert licence_of(make_problem(metadata={"licence": "third-party"}), rule) == "third-party"
    assert licence_of(make_problem(metadata={"license": " cc0 "}), rule) == "cc0"
    assert licence_of(make_problem(metadata={"license": 3}), rule) == "MIT"
    assert licence_of(make_problem(), LicenceRule()) == "not known"


@pytest.mark.parametrize(("force", "kept"), [(False, ["p0-0"]), (True, ["p0-0", "p1-0"])])
def test_what_is_left_out_is_in_the_ledger(make_problem, make_rollout, run_step, force, kept):
    problems = [make_problem(0), make_problem(1, metadata={"license": "third-party"})]
    candidates = [
        Candidate(problem=p, rollout=make_rollout(p), verdict=Verdict(outcome=Outcome.CORRECT)) for p in problems
    ]
    ledger = Ledger()
    rule = LicenceRule(source="MIT", force=force)
    assert [c.rollout.id for c in run_step(Licence(rule), candidates, ledger)] == kept
    found = [(drop.rollout_id, drop.step, drop.reason, drop.evidence) for drop in ledger.drops]
    assert found == ([] if force else [("p1-0", "licence", "statement_not_free", "third-party")])


@pytest.mark.parametrize("control", ["correct", "all", "wrong", "random"])
def test_controls_keep_to_the_licence(control):
    rule = LicenceRule(source="third-party")
    step = make_steps(control_options(CurateOptions(), control), rule)[0]
    assert isinstance(step, Licence) and step.options == rule


def test_every_benchmark_names_a_licence_that_its_file_and_its_hub_dataset_get():
    for name in benchmark_names():
        benchmark = find_benchmark(name)
        assert benchmark.licence
        places = [benchmark.file and f"some/where/{benchmark.file}", benchmark.hub and f"hub:{benchmark.hub}"]
        for place in filter(None, places):
            assert licence_of_source(ProblemSource(source=place)) == benchmark.licence, place


def test_the_recipe_wins_over_the_table():
    assert licence_of_source(ProblemSource(source="aime24.jsonl.gz", licence="MIT")) == "MIT"
    assert licence_of_source(ProblemSource(source="gym:chain_sum")) == "Apache-2.0"


@pytest.mark.parametrize(
    ("recipe", "licence"),
    [
        (Recipe(), "Apache-2.0"),
        (Recipe(generate=GenerateOptions(rollouts=["made.jsonl"])), ""),
        (Recipe(generate=GenerateOptions(rollouts=["made.jsonl"]), problems=ProblemSource(licence="MIT")), "MIT"),
        (
            Recipe(generate=GenerateOptions(rollouts=["made.jsonl"]), problems=ProblemSource(source="aime24.jsonl.gz")),
            "problem texts (c) MAA",
        ),
    ],
)
def test_imported_rollouts_bring_their_own_licence(recipe, licence):
    curate = next(step for step in build_steps(recipe, Path()) if step.name == "curate")
    assert curate.curator.licence.source == licence
