"""From a run folder to report.json and to the page: every number is that of the folder, at each step of a run."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reasondistill.curation.contamination import ContaminationSearch
from reasondistill.curation.lookup.held_out import HeldOut
from reasondistill.errors import DataError
from reasondistill.evaluation.comparison import compare_systems
from reasondistill.evaluation.read import MEASURED
from reasondistill.evaluation.statistics import mcnemar_exact, wilson
from reasondistill.recipe.records import Recipe
from reasondistill.records import FinishReason, Message, Problem, Usage
from reasondistill.report import assemble
from reasondistill.report.assemble import assemble_page, assemble_report
from reasondistill.report.page import build_page, render_page
from reasondistill.report.run_results import RunResults
from reasondistill.rows.problem_file import write_problems
from reasondistill.run.recipe_run import RecipeRun
from reasondistill.run.systems import read_systems
from reasondistill.store import Table, write_atomic
from reasondistill.store.options import read_options
from reasondistill.store.run_context import record_file
from reasondistill.verification.judging import VerifyOptions, verdict_row
from verifiers import Outcome, Verdict

RIGHT, WRONG = Outcome.CORRECT, Outcome.INCORRECT
TOKENS = Usage(prompt_tokens=20, cached_tokens=5, completion_tokens=10)
COUNTS = {"seen": 8, "unseen": 4, "train": 10}
STUDENTS = {"student": {}, "all": {"data": "all", "match": "student"}}
LOG = [{"step": step, "loss": 2.0 / step} for step in (1, 2)]


@dataclass
class Run:
    """A run folder that is filled by hand: no model, known outcomes."""

    path: Path
    make_rollout: object
    row: dict = field(default_factory=dict)

    def __post_init__(self):
        self.open = RecipeRun(read_options(Recipe, self.row | {"out": str(self.path)}), recipe_folder=Path())
        self.steps = {step.name: step for step in self.open.driver.steps}
        self.folder = self.open.driver.folder
        self.context = self.open.driver.context
        self.folder.update_manifest(run="test", seed=0, steps=list(self.steps), versions={"python": "3"})

    def note(self, name, summary, *, seconds=0.0, key="0123456789"):
        """Store a step's record as the driver does."""
        record = {"key": key, "done": True, "seconds": seconds, "summary": summary}
        self.folder.write_json(record_file(name), record)

    def write_problems(self, make_problem):
        for place, (name, count) in enumerate(COUNTS.items()):
            problems = [make_problem(100 * place + i, metadata={"template": f"t{i}"}) for i in range(count)]
            write_problems(self.path / "problems" / f"{name}.jsonl", problems)
        self.note("problems", {"problems": COUNTS, "inputs": {"train": "abc"}})

    def sets(self, name):
        step = self.steps[name]
        stage = step.stage("0123456789" if step.trained_by else None)
        return stage.model, {one.label: one for one in stage.sets}

    def fill(self, name, **outcomes):
        """Store rollouts with these outcomes by label, in the wanted order; None is a missing one."""
        model, sets = self.sets(name)
        for label, one in sets.items():
            wanted = list(one.plan(model).wanted())
            write_atomic(one.folder / MEASURED, json.dumps([identifier for identifier, _, _ in wanted]))
            found = outcomes.get(label, [None] * len(wanted))
            with (
                Table(one.folder / "rollouts", key="id", writable=True) as rollouts,
                Table(one.folder / "verdicts", key="rollout_id", writable=True) as verdicts,
            ):
                for (identifier, problem, index), outcome in zip(wanted, found, strict=True):
                    if outcome is None:
                        continue
                    rollout = self.make_rollout(problem, id=identifier, index=index, usage=TOKENS)
                    if outcome is Outcome.NO_ANSWER:
                        rollout = replace(rollout, finish_reason=FinishReason.LENGTH)
                    rollouts.append(rollout.to_row())
                    verdict = Verdict(outcome=outcome, extracted="x", expected="y", method="boxed:rational")
                    verdicts.append(verdict_row(rollout, verdict, VerifyOptions()))
        self.summarise(name)

    def summarise(self, name, seconds=0.0):
        step = self.steps[name]
        if step.trained_by and not self.context.record(step.trained_by):
            self.train()
        self.note(name, step.summarise(self.context), seconds=seconds)

    def curate(self, *reasons):
        """Enter drops of the first rollouts of the training set."""
        wanted = self.folder.read_json(MEASURED)
        drops = {}
        with Table(self.path / "drops", key="rollout_id", writable=True) as table:
            for identifier, (step, reason) in zip(wanted, reasons, strict=False):
                table.append({"rollout_id": identifier, "step": step, "reason": reason})
                drops.setdefault(step, {}).setdefault(reason, 0)
                drops[step][reason] += 1
        self.note("curate", {"rollouts": 10, "drops": drops, "examples": 10 - len(reasons), "agreement": {}})

    def train(self):
        for name, step in self.steps.items():
            if name.startswith("train/"):
                summary = {"student": step.student, "folder": step.stage.out.name, "method": "sft", "data": step.data}
                self.note(name, summary | {"start": None, "trained_tokens": 500, "log": LOG})

    def settle(self):
        """Give every record the key that the driver would give it."""
        for name, step in self.steps.items():
            record = self.context.record(name)
            self.folder.write_json(record_file(name), {**record, "key": self.open.driver._key(step)})

    def results(self):
        return RunResults(self.path)

    def report(self):
        return assemble_report(self.results(), command="reasondistill run r.yaml")

    def page(self):
        return assemble_page(self.results(), self.report())


ROW = {
    "name": "test",
    "problems": {"count": 10},
    "held_out": {"seen": {"split": "seen", "count": 8}, "unseen": {"split": "unseen", "count": 4}},
    "teacher": {"model": "t", "engine": "openai"},
    "student": {"model": "s", "engine": "replay"},
    "train": {"seeds": 2},
    "students": STUDENTS,
}


@pytest.fixture
def run(tmp_path, make_problem, make_rollout):
    run = Run(path=tmp_path / "run", make_rollout=make_rollout, row=ROW)
    run.write_problems(make_problem)
    return run


@pytest.fixture
def sampled(run):
    """The teacher: 10 training rollouts, 6 right; 6 of 8 seen and 1 of 4 unseen problems right."""
    outcomes = {
        "teacher / train": [RIGHT] * 6 + [WRONG] * 3 + [Outcome.NO_ANSWER],
        "teacher / seen": [RIGHT] * 6 + [WRONG] * 2,
        "teacher / unseen": [RIGHT, WRONG, WRONG, WRONG],
    }
    run.fill("generate", **outcomes)
    run.summarise("generate", seconds=60.0)
    return run


@pytest.fixture
def finished(sampled):
    """The student: from 1 to 7 of 8 seen problems and from 0 to 2 of 4 unseen ones; the control to 3 and 1."""
    run = sampled
    run.curate(*[("outcome", "incorrect")] * 4, ("duplicates", "same_trace"))
    run.train()
    right = {"before": (1, 0), "few-shot": (2, 1), "student": (7, 2), "all": (3, 1)}
    right |= {"student-seed1": (5, 2), "all-seed1": (3, 1)}
    for name in run.steps:
        if name.startswith("evaluate/"):
            _, sets = run.sets(name)
            outcomes = {}
            for label in sets:
                who, _, held_out = label.partition(" / ")
                n, total = right[who][held_out == "unseen"], COUNTS[held_out]
                outcomes[label] = [RIGHT] * n + [WRONG] * (total - n)
            run.fill(name, **outcomes)
    run.note("report", {}, seconds=6.0)
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


def test_students_are_averaged_over_their_seeds_and_compared_to_the_first(finished):
    students = finished.report()["students"]
    assert (students["student"]["seeds"], students["student"]["by_seed"]["seen"]) == (2, [7 / 8, 5 / 8])
    assert students["student"]["accuracy"]["value"] == 6 / 8
    assert students["student"]["paired"] == {}
    control = students["all"]
    assert (control["accuracy"]["value"], control["accuracy"]["n"], control["data"]) == (3 / 8, 8, "all")
    assert control["unseen"]["value"] == 1 / 4
    assert control["paired"]["seen"]["difference"] == (6 - 3) / 8
    assert (control["method"], control["trained_tokens"], control["start"]) == ("sft", 500, None)


def test_what_a_run_measured_can_be_compared_by_its_folder(finished):
    place = str(finished.path)
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
    assert {name: seconds for name, seconds in report["seconds"].items() if seconds} == {
        "generate": 60.0,
        "report": 6.0,
    }


def test_a_run_that_made_a_dataset_only_has_no_student(sampled):
    sampled.curate(*[("outcome", "incorrect")] * 4)
    report = sampled.report()
    assert not {"student_before", "student_after", "paired", "students"} & report.keys()
    assert (report["counts"]["examples"], report["teacher"]["accuracy"]["value"]) == (6, 0.75)
    assert [f.label for f in sampled.page().headline] == ["Teacher", "Examples", "Time"]


def test_what_was_not_curated_is_not_counted_as_examples(sampled):
    assert sampled.report()["counts"]["examples"] == 0
    assert {view.kept for view in sampled.page().rollouts} == {""}


def test_an_empty_folder_has_a_report(run):
    report = run.report()
    assert (report["teacher"]["accuracy"], report["counts"]["rollouts"], report["counts"]["examples"]) == (None, 0, 0)
    assert run.page().rollouts == []


def test_a_folder_without_any_step_has_a_report(tmp_path, make_rollout):
    run = Run(path=tmp_path / "run", make_rollout=make_rollout, row=ROW)
    counts = run.report()["counts"]
    assert (counts["problems"], counts["rollouts"], counts["examples"]) == (0, 0, 0)
    assert run.page().waterfall[0].kept == 0


def test_a_run_that_was_stopped_while_evaluating_is_reported_as_far_as_it_came(sampled):
    sampled.curate(("outcome", "incorrect"))
    sampled.train()
    some = {"before / seen": [RIGHT] + [WRONG] * 7, "before / unseen": [WRONG, None, None, None]}
    sampled.fill("evaluate/before", **some)
    sampled.fill("evaluate/student", **{"student / seen": [RIGHT] * 3 + [None] * 5})
    report = sampled.report()
    assert report["student_after"]["accuracy"] == wilson(3, 3).to_row()
    assert report["paired"]["n"] == 3
    assert sampled.page().summary


def test_stale_outputs_are_left_out(finished):
    """They stay in the folder and are not reported."""
    for name in ("train/student", "evaluate/student"):
        record = finished.context.record(name)
        finished.folder.write_json(record_file(name), {**record, "stale": True})
    assert finished.report()["students"]["student"]["seeds"] == 1
    assert finished.report()["students"]["student"]["accuracy"]["value"] == 5 / 8


def test_a_changed_recipe_leaves_its_stale_students_out(finished):
    finished.settle()
    assert "student_after" in finished.report()
    changed = Run(path=finished.path, make_rollout=None, row=ROW | {"train": {"seeds": 2, "learning_rate": 1e-5}})
    with changed.open.driver.writing():
        changed.open.driver.refresh()
    assert "student_after" not in changed.report()
    assert "student_before" in changed.report()


def test_the_first_held_out_set_is_the_headline_where_none_is_called_seen(finished):
    finished.note("problems", {"problems": {"unseen": 4, "train": 10}})
    report = finished.report()
    assert report["headline"] == "unseen"
    assert report["student_after"]["accuracy"] == wilson(2, 4).to_row()
    assert report["paired"]["n"] == 4


def test_a_finished_run_is_reported_and_compared_where_its_teacher_is_absent(finished, tmp_path):
    """Seam fault: the teacher's folder of another machine is not looked for."""
    row = ROW | {"teacher": {"model": "/data/models/teacher-7b", "engine": "vllm"}, "out": str(finished.path)}
    finished.settle()
    before = finished.report()
    moved = Run(path=finished.path, make_rollout=None, row=row)
    with moved.open.driver.writing():
        moved.open.driver.refresh()
    assert moved.report()["student_after"] == before["student_after"]
    assert read_systems([str(finished.path)])[0].name.endswith(":before")


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
    run.fill("generate", **{"teacher / train": [RIGHT] * 7 + [None] * 3})
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


def test_the_page_shows_the_code_of_a_rollout_and_what_it_printed(run, make_rollout):
    run = Run(path=run.path, make_rollout=make_rollout, row=ROW | {"generate": {"strategy": "tir"}})
    _, sets = run.sets("generate")
    given = sets["teacher / train"]
    calls = ({"id": "call_0", "function": {"name": "python", "arguments": '{"code": "print(2)"}'}, "syntax": "fenced"},)
    turns = (
        Message(role="assistant", content="I compute.\n", tool_calls=calls),
        Message(role="tool", content="2"),
        Message(role="assistant", content="So \\boxed{2}."),
    )
    [(identifier, problem, index), *_] = given.plan("t").wanted()
    rollout = run.make_rollout(problem, id=identifier, index=index, strategy="tir", annotations={"executions": 1})
    rollout = replace(rollout, messages=(*rollout.prompt, *turns))
    verdict = Verdict(outcome=RIGHT, extracted="2", expected="2", method="boxed:rational")
    with Table(given.folder / "rollouts", key="id", writable=True) as table:
        table.append(rollout.to_row())
    with Table(given.folder / "verdicts", key="rollout_id", writable=True) as table:
        table.append(verdict_row(rollout, verdict, VerifyOptions()))
    write_atomic(given.folder / MEASURED, json.dumps([rollout.id]))
    run.summarise("generate")
    assert run.report()["counts"]["tool_use"]["executed"] == wilson(1, 1).to_row()
    [view] = run.page().rollouts
    assert view.content == "I compute.\n```python\nprint(2)\n```\n```output\n2\n```\nSo \\boxed{2}."


@pytest.mark.parametrize(("p", "end"), [(0.03, "b is better."), (0.07, "no difference can be concluded.")])
def test_a_difference_is_told_only_where_interval_and_test_agree(p, end):
    row = {"difference": 0.07, "low": 0.01, "high": 0.15, "n": 80, "p_value": p}
    [comparison] = assemble._comparisons({"paired_by_set": {"all": row}})
    assert comparison.words.endswith(end.replace("b is", "student after is"))


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
    finished.note("curate", {**finished.context.summary("curate"), "agreement": agreement})
    told = finished.report()
    assert told["contamination"]["matches"] == 205
    assert told["contamination"]["benchmarks"]["seen"]["any_8_gram"] == {"questions": 0, "benchmark_problems": 0}
    assert told["verifier"] == agreement
    page = finished.page()
    assert page.contamination.to_row() == found
    assert [(label, rate.n) for label, rate in page.verifier] == [("accepted of the rollouts labelled right", 10)]


def test_contamination_that_nothing_was_compared_with_is_not_checked(finished):
    finished.folder.write_json("decontamination.json", ContaminationSearch(HeldOut({})).report().to_row())
    assert finished.report()["contamination"] == {"checked": False}
    assert "Contamination: not checked." in render_page(finished.page())


def test_contamination_of_an_earlier_recipe_is_not_reported(finished):
    finished.folder.write_json("decontamination.json", ContaminationSearch(HeldOut({})).report().to_row())
    record = finished.context.record("curate")
    finished.folder.write_json(record_file("curate"), {**record, "stale": True})
    assert "contamination" not in finished.report()
    assert finished.page().contamination is None


def test_references_that_rollouts_contradict_are_reported(finished):
    suspect = {"problem_id": "p1", "question": "?", "reference": "<b>4", "answer": "5", "votes": 7, "rollouts": 8}
    assert "suspect_references" not in finished.report()
    suspects = [suspect, {**suspect, "problem_id": "p2"}]
    finished.note("curate", {**finished.context.summary("curate"), "suspects": suspects})
    assert [each["problem_id"] for each in finished.report()["suspect_references"]] == ["p1", "p2"]
    [said] = [s for s in finished.page().summary if "contradicted" in s]
    assert said.startswith("2 references") and "p1: '<b>4', where 7 of 8 say '5'" in said
