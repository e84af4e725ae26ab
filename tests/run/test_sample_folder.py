"""`generate` and `evaluate` without a recipe: they resume, measure, and fail when too much failed."""

import json
from dataclasses import replace

import pytest

from reasondistill.engines import EngineOptions
from reasondistill.errors import DataError, EngineError, RecipeError, StoreError
from reasondistill.evaluation.statistics import bootstrap_mean, wilson
from reasondistill.generation.load_strategy import StrategyChoice
from reasondistill.generation.prompts import load_template
from reasondistill.generation.sampling import SamplingPlan
from reasondistill.generation.strategies import Cot
from reasondistill.problems import write_problems
from reasondistill.records import Sampling
from reasondistill.run.sample_folder import SamplingRun
from reasondistill.run.score_folder import rescore
from reasondistill.store import Table
from reasondistill.store.options import read_options
from reasondistill.verification.judging import VerifyOptions

SAMPLING = Sampling(temperature=0.7, max_tokens=64)


@pytest.fixture
def start(tmp_path, make_problem, record):
    """Return a builder of a run over six problems with recorded answers: text by problem and index, None for none."""
    found = [make_problem(i) for i in range(6)]
    source = tmp_path / "problems.jsonl"
    write_problems(source, found)

    def build(answer, *, samples=2, sampling=SAMPLING, **engine):
        plan = SamplingPlan(
            problems=tuple(found),
            strategy=Cot(template=load_template("math-zero-shot")),
            sampling=sampling,
            samples=samples,
            model="m",
        )
        recorded = record(tmp_path / "recorded.jsonl", plan, answer)
        options = EngineOptions(engine="replay", replay=str(recorded), model="m", **engine)
        return SamplingRun(
            folder=tmp_path / "out", source=str(source), engine=options, template="math-zero-shot", sampling=sampling
        )

    return build


def _right(problem, index):
    return rf"\boxed{{{problem.answer}}}"


def _half(problem, index):
    return rf"\boxed{{{int(problem.answer) + index}}}"


def test_every_problem_is_sampled_and_judged(start, tmp_path):
    result = start(_half).sample(samples=2)
    assert result["accuracy"] == bootstrap_mean([0.5] * 6).to_row()
    assert (result["wanted"], result["rollouts"], result["failed"], result["engine"]) == (12, 12, {}, "replay")
    assert (result["truncated_share"], result["empty_share"], result["stopped"]) == (0, 0, None)
    row = next(iter(Table(tmp_path / "out" / "rollouts", key="id")))
    assert {"id", "problem_id", "index", "messages", "finish_reason", "usage"} <= row.keys()


def test_the_same_command_again_resumes(start):
    with pytest.raises(EngineError, match=r"1 of 6 requests failed for good \(not_recorded 1; .*; 5 rollouts"):
        start(lambda p, i: _right(p, i) if p.id != "p5" else None, samples=1).sample()
    result = start(lambda p, i: _right(p, i) if p.id == "p5" else None, samples=1).sample()
    assert (result["rollouts"], result["failed"]) == (6, {})
    assert start(_right, samples=1).sample()["engine"] is None


def test_more_samples_are_added_to_those_there(start):
    assert start(_right).sample(samples=1)["rollouts"] == 6
    result = start(lambda p, i: _right(p, i) if i else None).sample(samples=2)
    assert result["rollouts"] == 12


def test_a_limit_takes_the_first_problems(start):
    result = start(_right).sample(limit=2, samples=1)
    assert (result["wanted"], result["accuracy"]) == (2, wilson(2, 2).to_row())


def test_problems_without_a_reference_are_sampled_only_when_nothing_is_judged(start, tmp_path, make_problem):
    run = start(_right, samples=1)
    write_problems(tmp_path / "problems.jsonl", [make_problem(i, answer=None) for i in range(6)])
    with pytest.raises(DataError, match="no answer"):
        run.sample()
    open_ended = run.sample(judged=False)
    assert (open_ended["wanted"], open_ended["accuracy"]) == (6, None)
    assert not (tmp_path / "out" / "verdicts").exists()


def test_repeats_are_not_asked_and_told_in_the_report(start, tmp_path, make_problem):
    run = start(_right, samples=1)
    same = [replace(make_problem(i % 2), id=f"other{i}") for i in range(50)]
    write_problems(tmp_path / "problems.jsonl", [make_problem(0), make_problem(1), *same])
    assert run.sample(measured=True)["wanted"] == 2
    report = run.report()
    assert (report["problems"], report["metrics"]["pass@1"]["n"]) == (2, 2)
    assert "50 of 52 problems repeat another's question and answer" in report["warnings"][0]


def test_rows_without_an_answer_are_told_in_the_report(start, tmp_path, make_problem):
    run = start(_right, samples=1)
    write_problems(tmp_path / "problems.jsonl", [make_problem(0), make_problem(1, answer=None), make_problem(2)])
    run.sample(measured=True, skip_bad=True)
    report = run.report()
    assert report["metrics"]["pass@1"]["n"] == 2
    assert ["left out 1 unusable rows: 2 (no answer" in line for line in report["warnings"]] == [True]


def test_one_sample_a_problem_reports_pass_at_1_with_wilsons_interval(start, tmp_path):
    run = start(lambda p, i: _right(p, i) if p.id < "p4" else r"\boxed{-1}", samples=1)
    run.sample()
    report = run.report()
    assert report["metrics"]["pass@1"] == wilson(4, 6).to_row()
    assert {name.partition("@")[2] for name in report["metrics"]} == {"1"}
    assert report["outcomes"] == {"correct": 4, "incorrect": 2}
    assert (report["model"], report["truncated"]) == ("m", 0)
    assert report["prompt"]["hash"] == load_template("math-zero-shot").hash
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report


def test_several_samples_report_avg_and_pass_at_n(start):
    run = start(lambda p, i: _right(p, i) if i == 0 and p.id < "p3" else r"\boxed{-1}")
    run.sample(samples=2)
    metrics = run.report()["metrics"]
    assert {"pass@1", "avg@2", "pass@2", "maj@2"} <= set(metrics)
    assert [metrics[name]["value"] for name in ("pass@1", "avg@2", "pass@2", "maj@2")] == [0.25, 0.25, 0.5, 0.25]
    assert all(m["n"] == 6 and m["low"] < m["value"] < m["high"] for m in metrics.values())


def test_a_sampled_evaluation_is_scored_again_without_a_model(start, tmp_path):
    run = start(lambda p, i: _right(p, i) if p.id < "p4" else f"It is {p.answer}.", samples=1)
    run.sample()
    report = run.report()
    start(lambda p, i: r"\boxed{-1}" if i else None).sample(samples=2)
    run.sample()
    run.report()
    again = rescore(tmp_path / "out", options=VerifyOptions(strict=False))
    assert {key: again[key] for key in ("metrics", "model", "prompt")} == {
        key: report[key] for key in ("metrics", "model", "prompt")
    }
    assert rescore(tmp_path / "out", options=VerifyOptions(strict=True))["outcomes"] == {"correct": 4, "no_answer": 2}


@pytest.mark.parametrize(
    ("changes", "limit", "option"),
    [
        ({"temperature": 0.1}, None, "--temperature 0.7, not 0.1"),
        ({"seed": 1}, None, "--seed 0, not 1"),
        ({"max_tokens": 32}, None, "--max-tokens 64, not 32"),
        ({}, 3, "--limit left out, not 3"),
        ({"model": "n"}, None, "--model m, not n"),
    ],
)
@pytest.mark.parametrize("measured", [False, True])
def test_other_settings_than_the_folders_are_refused_and_nothing_changes(
    start, tmp_path, changes, limit, option, measured
):
    run = start(_right, samples=1)
    run.sample(measured=measured)
    run.report()
    kept = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json*")}
    changes = dict(changes)
    model = changes.pop("model", "m")
    other = start(lambda p, i: r"\boxed{-1}", samples=1, sampling=replace(SAMPLING, **changes))
    other.engine = replace(other.engine, model=model)
    with pytest.raises(RecipeError, match=f"out: was made with {option}; repeat the command as it was"):
        other.sample(limit=limit, measured=measured)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json*")} == kept


def test_another_strategy_or_decoding_is_refused_by_the_option_that_differs(start):
    run = start(_right, samples=1)
    run.sample()
    run.strategy = read_options(StrategyChoice, {"decoding": {"name": "budget", "thinking_budget": 9}})
    with pytest.raises(RecipeError, match=r"out: was made with decoding plain, not budget; repeat"):
        run.sample()


def test_a_larger_cap_resumes_what_is_sampled_and_is_refused_where_it_is_measured(start):
    for measured in (False, True):
        larger = start(_right, samples=1, sampling=replace(SAMPLING, max_tokens=128))
        if not measured:
            start(_right, samples=1).sample()
            assert larger.sample()["rollouts"] == 6
        else:
            with pytest.raises(RecipeError, match="--max-tokens 128, not 64"):
                start(_right, samples=1).sample(measured=True)


def test_another_address_is_told_and_only_the_masked_one_is_kept(start, tmp_path):
    run = start(_right, samples=1, base_url="http://me:hunter2@one/v1")
    run.sample()
    said = []
    again = start(_right, samples=1, base_url="http://me:hunter3@two/v1")
    again.say = said.append
    again.sample()
    assert len(said) == 1 and "http://one/v1" in said[0] and "http://two/v1" in said[0]
    written = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert all(b"hunter" not in p.read_bytes() for p in written)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["base_url"] == "http://two/v1"


def test_a_folder_of_something_else_is_refused(start, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("")
    with pytest.raises(StoreError, match="is not empty and holds no run"):
        start(_right).sample()
