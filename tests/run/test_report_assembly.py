"""From a run folder to report.json and to the page: every number is that of the folder, at each stage of a run."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reasondistill.curation.contamination import ContaminationSearch
from reasondistill.curation.lookup.held_out import HeldOut
from reasondistill.engines.options import EngineOptions
from reasondistill.errors import DataError
from reasondistill.evaluation.comparison import compare_systems
from reasondistill.evaluation.statistics import mcnemar_exact, wilson
from reasondistill.problems import write_problems
from reasondistill.problems.source import ProblemSource
from reasondistill.recipe.records import Recipe, StudentOptions, dump_recipe
from reasondistill.records import FinishReason, Message, Problem, Usage
from reasondistill.report.page import build_page
from reasondistill.run import report_assembly as assemble
from reasondistill.run.plan import Plan
from reasondistill.run.report_assembly import assemble_page, assemble_report
from reasondistill.run.systems import read_systems
from reasondistill.store import RunFolder, Table, write_atomic
from reasondistill.training.options import TrainOptions
from reasondistill.verification.judging import VerifyOptions, verdict_row
from verifiers import Outcome, Verdict

RIGHT, WRONG = Outcome.CORRECT, Outcome.INCORRECT
TOKENS = Usage(prompt_tokens=20, cached_tokens=5, completion_tokens=10)
COUNTS = {"train": 10, "seen": 8, "unseen": 4}


@dataclass
class Run:
    """A run folder that is filled by hand: no model, known outcomes."""

    plan: Plan
    make_rollout: object

    @property
    def folder(self):
        return RunFolder(self.plan.folder)

    def write_problems(self, make_problem):
        for place, (name, count) in enumerate(COUNTS.items()):
            found = [make_problem(100 * place + i, metadata={"template": f"t{i}"}) for i in range(count)]
            write_problems(self.plan.problem_file(name), found)

    def fill(self, given, model, outcomes):
        """Write a set's rollouts; `outcomes` are those of the wanted ones in order, None for one that is missing."""
        wanted = given.plan(model).wanted()
        with (
            Table(given.folder / "rollouts", key="id", writable=True) as rollouts,
            Table(given.folder / "verdicts", key="rollout_id", writable=True) as verdicts,
        ):
            for (identifier, problem, index), outcome in zip(wanted, outcomes, strict=True):
                if outcome is None:
                    continue
                rollout = self.make_rollout(problem, id=identifier, index=index, usage=TOKENS)
                if outcome is Outcome.NO_ANSWER:
                    rollout = replace(rollout, finish_reason=FinishReason.LENGTH)
                rollouts.append(rollout.to_row())
                verdict = Verdict(outcome=outcome, extracted="x", expected="y", method="boxed:rational")
                verdicts.append(verdict_row(rollout, verdict, VerifyOptions()))

    def drop(self, *reasons):
        """Enter drops of the first rollouts of the training set."""
        wanted = [identifier for identifier, _, _ in self.plan.train_set().plan("t").wanted()]
        with Table(self.plan.folder / "drops", key="rollout_id", writable=True) as table:
            for identifier, (step, reason) in zip(wanted, reasons, strict=False):
                table.append({"rollout_id": identifier, "step": step, "reason": reason})

    def train(self):
        """Note all arms as trained, as the pipeline does."""
        steps = {"settings": self.plan.dataset_fingerprint(), "dataset": {"main": "rows", "all": "more rows"}}
        log = [{"step": step, "loss": 2.0 / step} for step in (1, 2)]
        models = {}
        for arm in self.plan.arms():
            result = {"trained_tokens": 500, "log": log}
            write_atomic(self.plan.model(arm) / "training.json", json.dumps(result))
            models[arm.name] = self.plan.training_fingerprint(arm, 500, steps["dataset"][arm.data])
        self.folder.update_manifest(models=models, steps=steps)
        return models

    def report(self):
        return assemble_report(self.plan, self.folder, command="reasondistill run r.yaml")

    def page(self):
        return assemble_page(self.plan, self.folder, self.report())


@pytest.fixture
def run(tmp_path, make_problem, make_rollout):
    recipe = Recipe(
        name="test",
        problems=ProblemSource(count=10),
        held_out={"seen": ProblemSource(split="seen", count=8), "unseen": ProblemSource(split="unseen", count=4)},
        teacher=EngineOptions(model="t", engine="openai"),
        student=EngineOptions(model="s", engine="replay"),
        students={"student": StudentOptions(), "all": StudentOptions(data="all", match="student")},
        train=TrainOptions(seeds=2),
    )
    found = Run(plan=Plan(recipe=recipe, folder=tmp_path / "run", recipe_folder=Path()), make_rollout=make_rollout)
    found.write_problems(make_problem)
    found.folder.update_manifest(
        seconds={"generate": 60.0, "report": 6.0}, inputs={"train": "abc"}, versions={"python": "3"}
    )
    return found


@pytest.fixture
def sampled(run):
    """The teacher: 10 training rollouts, 6 right; 6 of 8 seen and 1 of 4 unseen problems right."""
    train, seen, unseen = run.plan.teacher().sets
    run.fill(train, "t", [RIGHT] * 6 + [WRONG] * 3 + [Outcome.NO_ANSWER])
    run.fill(seen, "t", [RIGHT] * 6 + [WRONG] * 2)
    run.fill(unseen, "t", [RIGHT, WRONG, WRONG, WRONG])
    return run


@pytest.fixture
def finished(sampled):
    """The student: from 1 to 7 of 8 seen problems and from 0 to 2 of 4 unseen ones; the control to 3 and 1."""
    run = sampled
    run.drop(*[("outcome", "incorrect")] * 4, ("duplicates", "same_trace"))
    models = run.train()
    right = {"before": (1, 0), "few-shot": (2, 1), "student": (7, 2), "all": (3, 1)}
    right |= {"student-seed1": (5, 2), "all-seed1": (3, 1)}
    stages = [run.plan.before(), *(run.plan.after(arm, models[arm.name]) for arm in run.plan.arms())]
    for stage in stages:
        for given in stage.sets:
            who, _, name = given.label.partition(" / ")
            n, total = right[who][name == "unseen"], COUNTS[name]
            run.fill(given, stage.model, [RIGHT] * n + [WRONG] * (total - n))
    return run


def test_a_finished_runs_report_has_every_accuracy_with_n_and_interval(finished):
    report = finished.report()
    assert report["teacher"]["accuracy"] == wilson(6, 8).to_row()
    assert report["teacher"]["unseen"] == wilson(1, 4).to_row()
    assert report["student_before"]["accuracy"] == wilson(1, 8).to_row()
    assert report["student_before"]["few_shot"] == {"seen": wilson(2, 8).to_row(), "unseen": wilson(1, 4).to_row()}
    assert report["student_after"]["accuracy"] == wilson(7, 8).to_row()
    assert report["student_after"]["unseen"] == wilson(2, 4).to_row()
    assert report["student_after"]["outcomes"]["seen"] == {"correct": 7, "incorrect": 1}
    assert report["headline"] == "seen"
    json.dumps(report)


def test_before_and_after_are_compared_in_pairs(finished):
    report = finished.report()
    assert (report["paired"]["difference"], report["paired"]["n"]) == (6 / 8, 8)
    assert report["paired"]["p_value"] == mcnemar_exact(6, 0)
    assert set(report["paired_by_set"]) == {"seen", "unseen", "all"}
    assert (report["paired_by_set"]["all"]["difference"], report["paired_by_set"]["all"]["n"]) == (8 / 12, 12)


def test_arms_are_averaged_over_their_seeds_and_compared_to_the_student(finished):
    arms = finished.report()["arms"]
    assert (arms["student"]["seeds"], arms["student"]["seen"]["by_seed"]) == (2, [7 / 8, 5 / 8])
    assert arms["student"]["seen"]["accuracy"]["value"] == 6 / 8
    control = arms["all"]["seen"]
    assert (control["accuracy"]["value"], control["accuracy"]["n"]) == (3 / 8, 8)
    assert control["paired_to_student"]["difference"] == (6 - 3) / 8


def test_what_a_run_measured_can_be_compared_by_its_folder(finished):
    write_atomic(finished.plan.folder / "recipe.yaml", dump_recipe(finished.plan.recipe))
    place = str(finished.plan.folder)
    systems = {system.name.rpartition(":")[2]: system for system in read_systems([place])}
    assert list(systems) == ["before", "teacher", "few-shot", "student", "all"]
    assert systems["student"].accuracy.value == (6 + 2) / 12  # two seeds: 7 and 5 of 8, 2 and 2 of 4
    [pair] = compare_systems(read_systems([f"{place}:before", f"{place}:student"]))
    assert (pair.n, pair.difference) == (12, (8 - 1) / 12)
    with pytest.raises(DataError, match="has no evaluation of 'nobody'; it has teacher, before"):
        read_systems([f"{place}:nobody", place])


def test_the_counts_of_the_stages_add_up(finished):
    counts = finished.report()["counts"]
    assert (counts["problems"], counts["held_out"]) == (10, {"seen": 8, "unseen": 4})
    assert (counts["rollouts_wanted"], counts["rollouts"]) == (10, 10)
    assert counts["outcomes"] == {"correct": 6, "incorrect": 3, "no_answer": 1}
    assert counts["drops"] == {"outcome": {"incorrect": 4}, "duplicates": {"same_trace": 1}}
    assert counts["examples"] == 5
    assert sum(n for reasons in counts["drops"].values() for n in reasons.values()) + counts["examples"] == 10


def test_tokens_and_seconds_are_those_of_the_folder(finished):
    report = finished.report()
    assert report["tokens"]["teacher / train"] == {"prompt": 200, "cached": 50, "completion": 100}
    assert report["tokens"]["before"] == {"prompt": 240, "cached": 60, "completion": 120}
    assert report["seconds"] == {"generate": 60.0, "report": 6.0}


def test_a_run_that_made_a_dataset_only_has_no_student(sampled, changed):
    sampled.plan = changed(sampled.plan, {"recipe.student.model": ""})
    sampled.drop(*[("outcome", "incorrect")] * 4)
    report = sampled.report()
    assert not {"student_before", "student_after", "paired", "arms"} & report.keys()
    assert (report["counts"]["examples"], report["teacher"]["accuracy"]["value"]) == (6, 0.75)
    assert [f.label for f in sampled.page().headline] == ["Teacher", "Examples", "Time"]


def test_what_was_not_curated_is_not_counted_as_examples(sampled):
    assert sampled.report()["counts"]["examples"] == 0
    assert {view.kept for view in sampled.page().rollouts} == {""}


def test_an_empty_folder_has_a_report(run):
    report = run.report()
    assert (report["teacher"]["accuracy"], report["counts"]["rollouts"], report["counts"]["examples"]) == (None, 0, 0)
    assert run.page().rollouts == []


def test_a_folder_without_problems_has_a_report(run):
    for path in (run.plan.folder / "problems").iterdir():
        path.unlink()
    assert run.report()["counts"] == {"problems": 0, "rollouts": 0}
    assert run.page().waterfall[0].kept == 0


def test_a_run_that_was_stopped_while_evaluating_is_reported_as_far_as_it_came(sampled):
    sampled.drop(("outcome", "incorrect"))
    models = sampled.train()
    seen, unseen, *_ = sampled.plan.before().sets
    sampled.fill(seen, "s", [RIGHT] + [WRONG] * 7)
    sampled.fill(unseen, "s", [WRONG, None, None, None])
    arm = next(sampled.plan.arms())
    stage = sampled.plan.after(arm, models["student"])
    sampled.fill(stage.sets[0], stage.model, [RIGHT] * 3 + [None] * 5)
    report = sampled.report()
    assert report["student_after"]["accuracy"] == wilson(3, 3).to_row()
    assert report["paired"]["n"] == 3
    assert sampled.page().summary


def test_rollouts_of_an_earlier_recipe_do_not_count(finished, changed):
    before = finished.report()
    finished.plan = changed(finished.plan, {"recipe.generate.template": "math-zero-shot"})
    after = finished.report()
    assert (before["counts"]["rollouts"], after["counts"]["rollouts"]) == (10, 0)
    assert after["teacher"]["accuracy"] is None


def test_students_of_an_earlier_recipe_do_not_count(finished, changed):
    finished.plan = changed(finished.plan, {"recipe.train.learning_rate": 1e-5})
    assert "student_after" not in finished.report()


def test_the_first_held_out_set_is_the_headline_where_none_is_called_seen(finished):
    del finished.plan.recipe.held_out["seen"]
    finished.train()
    report = finished.report()
    assert report["headline"] == "unseen"
    assert report["student_after"]["accuracy"] == wilson(2, 4).to_row()
    assert report["paired"]["n"] == 4


def test_the_page_shows_what_the_report_says(finished):
    page = finished.page()
    bars = {(bar.label, bar.group): bar.estimate.value for bar in page.accuracies}
    assert bars[("teacher", "seen")] == 0.75
    assert bars[("student before", "seen")] == 1 / 8
    assert bars[("student before, few-shot prompt", "unseen")] == 1 / 4
    assert bars[("student after", "unseen")] == 2 / 4
    assert bars[("all (2 seeds)", "seen")] == 3 / 8
    assert [f.value for f in page.headline if f.label == "Examples"] == ["5"]
    assert "from 12.5 % to 87.5 % on 8 held-out problems" in page.summary[1]
    better = next(c for c in page.comparisons if c.label_b == "student after, seen")
    assert better.words.endswith("student after is better.")
    assert "1.1 min" in {f.value for f in page.headline}


def test_the_waterfall_ends_in_the_examples(finished):
    rows = {count.stage: (count.kept, count.dropped) for count in finished.page().waterfall}
    assert rows == {
        "problems": (10, 0),
        "rollouts": (10, 0),
        "after outcome": (6, 4),
        "after duplicates": (5, 1),
        "examples": (5, 0),
    }


def test_missing_rollouts_stand_in_the_waterfall(run):
    run.fill(run.plan.train_set(), "t", [RIGHT] * 7 + [None] * 3)
    assert [(c.kept, c.dropped) for c in run.page().waterfall if c.stage == "rollouts"] == [(7, 3)]


def test_every_rollout_is_listed_with_its_fate(finished):
    views = finished.page().rollouts
    train = [view for view in views if view.set == "teacher / train"]
    assert len(train) == 10
    assert [v.kept for v in train].count("kept") == 5
    assert [v.kept for v in train].count("outcome: incorrect") == 4
    assert all(v.kept == "" for v in views if v.set != "teacher / train")
    assert {"before / seen", "few-shot / unseen", "student / seen", "all-seed1 / unseen"} <= {v.set for v in views}
    assert (train[0].template, train[0].tokens, train[0].extracted) == ("t0", 10, "x")


def test_losses_are_those_of_every_arm(finished):
    losses = [(p.series, p.step, p.loss) for p in finished.page().loss]
    assert losses[:2] == [("student", 1, 2.0), ("student", 2, 1.0)]
    assert {series for series, _, _ in losses} == {"student", "all", "student-seed1", "all-seed1"}


def test_the_page_names_where_it_comes_from(finished):
    provenance = finished.page().provenance
    assert provenance["command"] == "reasondistill run r.yaml"
    assert (provenance["seed"], provenance["python"], provenance["problems train"]) == ("0", "3", "abc")
    assert "model student" in provenance


@pytest.mark.parametrize("state", ["run", "sampled", "finished"])
def test_the_page_can_be_built_at_every_stage(request, tmp_path, state):
    path = tmp_path / "report.html"
    build_page(request.getfixturevalue(state).page(), path)
    assert "reasondistill: test" in path.read_text()


def test_the_page_shows_the_code_of_a_rollout_and_what_it_printed(run, make_problem):
    given = run.plan.train_set()
    calls = ({"id": "call_0", "function": {"name": "python", "arguments": '{"code": "print(2)"}'}, "syntax": "fenced"},)
    turns = (
        Message(role="assistant", content="I compute.\n", tool_calls=calls),
        Message(role="tool", content="2"),
        Message(role="assistant", content="So \\boxed{2}."),
    )
    [(identifier, problem, index), *_] = given.plan("t").wanted()
    rollout = run.make_rollout(problem, id=identifier, index=index, strategy="tir", marks={"executions": 1})
    rollout = replace(rollout, messages=(*rollout.prompt, *turns))
    verdict = Verdict(outcome=RIGHT, extracted="2", expected="2", method="boxed:rational")
    with Table(given.folder / "rollouts", key="id", writable=True) as table:
        table.append(rollout.to_row())
    with Table(given.folder / "verdicts", key="rollout_id", writable=True) as table:
        table.append(verdict_row(rollout, verdict, VerifyOptions()))
    assert run.report()["counts"]["tool_use"]["executed"] == wilson(1, 1).to_row()
    [view] = run.page().rollouts
    assert view.content == "I compute.\n```python\nprint(2)\n```\n```output\n2\n```\nSo \\boxed{2}."


@pytest.mark.parametrize(("p", "end"), [(0.03, "b is better."), (0.07, "no difference can be concluded.")])
def test_a_difference_is_told_only_where_interval_and_test_agree(p, end):
    row = {"difference": 0.07, "low": 0.01, "high": 0.15, "n": 80, "p_value": p}
    assert assemble._comparison("a", "b", "all", row).words.endswith(end)


def test_what_decontamination_and_labels_told_is_reported(finished):
    search = ContaminationSearch(HeldOut({"seen": [Problem(id="h", question="What is one plus two and three?")]}))
    for number in range(205):
        search.add(f"p{number}", "what is ONE plus two and three?" + " " * number)
    search.add("other", "Is it?")
    found = search.report().to_row()
    match = found["matches"][0]
    found["matches"] = [{**match, "id": f"p{n}"} for n in range(205)]
    finished.folder.write_json("decontamination.json", found)
    rate = wilson(9, 10).to_row()
    agreement = {"labelled": 12, "true_accept": rate, "outcomes": {}}
    finished.folder.write_json("agreement.json", agreement)
    told = finished.report()
    assert told["contamination"]["matches"] == 205
    assert told["contamination"]["benchmarks"]["seen"]["any_8_gram"] == {"questions": 0, "benchmark_problems": 0}
    assert told["verifier"] == agreement
    page = finished.page()
    assert page.contamination.to_row() == found
    assert [(label, rate.n) for label, rate in page.verifier] == [("accepted of the rollouts labelled right", 10)]


def test_contamination_of_an_earlier_recipe_is_not_told(finished, changed):
    finished.folder.write_json("decontamination.json", ContaminationSearch(HeldOut({})).report().to_row())
    finished.plan = changed(finished.plan, {"recipe.curate.decontaminate": False})
    assert "contamination" not in finished.report()
    assert finished.page().contamination is None


def test_references_that_rollouts_contradict_are_told(finished):
    suspect = {"problem_id": "p1", "question": "?", "gold": "<b>4", "answer": "5", "votes": 7, "rollouts": 8}
    assert "suspect_golds" not in finished.report()
    finished.folder.write_json("gold_audit.json", {"suspects": [suspect, {**suspect, "problem_id": "p2"}]})
    assert [each["problem_id"] for each in finished.report()["suspect_golds"]] == ["p1", "p2"]
    [said] = [s for s in finished.page().summary if "contradicted" in s]
    assert said.startswith("2 references") and "p1: '<b>4', where 7 of 8 say '5'" in said
