"""Stages: what they sample and judge, what a child process answers, and how its end is told."""

import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reasondistill.engines import EngineOptions
from reasondistill.errors import DataError, EngineError, ModelError
from reasondistill.generation.load_strategy import StrategyChoice
from reasondistill.generation.sample_stage import SampleSet, SampleStage
from reasondistill.problems import write_problems
from reasondistill.records import Rollout, Sampling
from reasondistill.run.child_process import run_job
from reasondistill.store import Table
from reasondistill.store.options import Choice, dump_options, read_options
from reasondistill.training.options import TrainOptions
from reasondistill.training.step import TrainStage
from reasondistill.verification.judging import VerifyOptions

JOB = """
from dataclasses import dataclass


@dataclass(frozen=True)
class MyJob:
    loads_model = True

    def run(self):
        return {"mine": True}
"""


@pytest.fixture
def problems(make_problem, tmp_path):
    found = [make_problem(i) for i in range(6)]
    write_problems(tmp_path / "problems.jsonl", found)
    return found


@pytest.fixture
def given(tmp_path, problems):
    return SampleSet(
        label="teacher / train",
        problems=tmp_path / "problems.jsonl",
        folder=tmp_path / "run",
        template="math-zero-shot",
        sampling=Sampling(temperature=0.7, max_tokens=64),
        samples=2,
        beside=tmp_path,
    )


@pytest.fixture
def stage(tmp_path, record, given):
    """A stage whose recorded model is right on its first try and wrong on its second, and fails on problem 5."""
    path = tmp_path / "recorded.jsonl"
    right = r"\boxed{{{}}}"

    def answer(problem, index):
        return None if problem.id == "p5" else right.format(int(problem.answer) + index)

    record(path, given.plan("t"), answer)
    engine = EngineOptions(engine="replay", replay=str(path), model="t", concurrency=3)
    return SampleStage(engine=engine, model="t", sets=(given,))


def _rows(folder, name):
    key = "id" if name == "rollouts" else "rollout_id"
    return list(Table(folder / name, key=key))


def test_a_stage_samples_and_judges_what_is_missing(stage, given):
    result = run_job(stage)
    counts = result["sets"]["teacher / train"]
    assert (result["engine"], counts["stored"], counts["failed"]) == ("replay", 10, {"not_recorded": 2})
    assert counts["failed_share"] == 2 / 12
    rollouts, verdicts = _rows(given.folder, "rollouts"), _rows(given.folder, "verdicts")
    assert {r["id"] for r in rollouts} == {v["rollout_id"] for v in verdicts}
    outcomes = {v["rollout_id"]: v["outcome"] for v in verdicts}
    assert all(outcomes[r["id"]] == ("correct" if r["index"] == 0 else "incorrect") for r in rollouts)


def test_a_finished_stage_opens_no_engine(stage, given, problems):
    run_job(replace(stage, sets=(replace(given, count=5),)))
    done = replace(stage, sets=(replace(given, count=5),), engine=EngineOptions(engine="replay", replay="/nowhere"))
    assert run_job(done) == {"engine": None, "load_seconds": 0.0, "seconds": 0.0, "sets": {}}


def test_what_a_killed_stage_left_unjudged_is_judged(stage, given):
    run_job(stage)
    before = {v["rollout_id"]: v["outcome"] for v in _rows(given.folder, "verdicts")}
    [shard] = (given.folder / "verdicts").glob("*.jsonl")
    shard.write_text("".join(shard.read_text().splitlines(keepends=True)[:3]))
    run_job(replace(stage, sets=(replace(given, count=5),)))
    assert {v["rollout_id"]: v["outcome"] for v in _rows(given.folder, "verdicts")} == before


def test_other_options_judge_again_without_sampling(stage, given):
    finished = replace(stage, sets=(replace(given, count=5),))
    run_job(finished)
    result = run_job(replace(finished, verify=VerifyOptions(strict=False)))
    assert result["sets"] == {}
    assert {v["judged_with"]["strict"] for v in _rows(given.folder, "verdicts")} == {False}


def test_several_sets_share_one_engine(stage, given, tmp_path):
    other = replace(given, label="teacher / seen", folder=tmp_path / "other", samples=1)
    result = run_job(replace(stage, sets=(replace(given, count=2), other)))
    assert {label: counts["stored"] for label, counts in result["sets"].items()} == {
        "teacher / train": 4,
        "teacher / seen": 5,
    }


def test_problems_without_a_reference_are_sampled_and_not_judged(stage, given, make_problem):
    write_problems(given.problems, [make_problem(i, answer=None) for i in range(2)])
    unjudged = replace(given, require_reference=False, samples=1)
    plan = unjudged.plan("t")
    rows = [
        {"messages": [*(m.to_row() for m in plan.template.messages(p)), {"role": "assistant", "content": "?"}]}
        for p in plan.problems
    ]
    Path(stage.engine.replay).write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_job(replace(stage, sets=(unjudged,)))
    assert len(_rows(given.folder, "rollouts")) == 2
    assert not (given.folder / "verdicts").exists()


def test_stored_rollouts_read_back_as_records(stage, given):
    run_job(stage)
    rollouts = [Rollout.from_row(row) for row in _rows(given.folder, "rollouts")]
    assert {(r.model, r.engine) for r in rollouts} == {("t", "replay")}


@pytest.mark.parametrize("beside", [None, Path("configs")])
def test_a_sampling_job_survives_the_way_to_a_child(stage, given, beside):
    job = replace(stage, sets=(replace(given, beside=beside, sampling=Sampling(stop=("\n",))),))
    assert read_options(SampleStage, json.loads(json.dumps(dump_options(job)))) == job


def test_a_training_job_survives_the_way_to_a_child(tmp_path):
    options = TrainOptions(mode="lora", method=Choice(name="sft", options={"loss_type": "dft"}))
    job = TrainStage(label="train", student="s", dataset=tmp_path / "d", out=tmp_path / "o", options=options, tokens=12)
    assert read_options(TrainStage, json.loads(json.dumps(dump_options(job)))) == job


# --- stages in a child process, as those have one that load a model ---------------------------------------------------


def _local(stage, **changed):
    return replace(stage, engine=EngineOptions(engine="transformers", model="t"), **changed)


def test_a_childs_result_comes_back(stage, given):
    run_job(replace(stage, sets=(replace(given, count=5),)))
    assert run_job(_local(stage, sets=(replace(given, count=5),)))["sets"] == {}


def test_a_childs_error_is_raised_here_as_it_was_there(stage, given):
    given.problems.write_text("{broken\n")
    with pytest.raises(DataError, match=r"problems\.jsonl:1: not valid JSON"):
        run_job(_local(stage))


def test_an_unknown_model_is_told_by_the_child(stage):
    with pytest.raises(ModelError, match="unknown model 't'"):
        run_job(_local(stage))


def _child(monkeypatch, tmp_path, script):
    """Let stages start this shell script where Python would be."""
    path = tmp_path / "child"
    path.write_text(f"#!/bin/sh\ncat > {tmp_path}/job\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "kill -9 $$",
            "the process ended with signal 9; out of memory\\? lower concurrency or batch_size; the same command",
        ),
        ("kill -11 $$", "the process ended with signal 11; the same command does what is missing"),
        ("exit 3", "the process ended with status 3; the lines above say why"),
        ("echo nonsense", "the process ended with status 0"),
    ],
)
def test_a_child_that_dies_without_a_word_is_one_line(monkeypatch, tmp_path, stage, script, message):
    _child(monkeypatch, tmp_path, script)
    with pytest.raises(EngineError, match=message):
        run_job(_local(stage))


@pytest.mark.parametrize("script", ["exit 130", "kill -INT $$"])
def test_an_interrupted_child_interrupts_us(monkeypatch, tmp_path, stage, script):
    _child(monkeypatch, tmp_path, script)
    with pytest.raises(KeyboardInterrupt):
        run_job(_local(stage))


def test_a_child_is_given_the_lock(monkeypatch, tmp_path, stage):
    held = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    _child(monkeypatch, tmp_path, f'test -e /proc/$$/fd/{held} && echo \'{{"result": {{"held": true}}}}\'')
    try:
        assert run_job(_local(stage), lock_fd=held) == {"held": True}
    finally:
        os.close(held)


def test_a_childs_job_holds_no_secret_of_the_environment(monkeypatch, tmp_path, stage):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter2-hunter2")
    _child(monkeypatch, tmp_path, "echo '{\"result\": {}}'")
    run_job(_local(stage))
    assert "hunter2" not in (tmp_path / "job").read_text()


@pytest.mark.parametrize("name", ["random.py", "json.py", "datasets/__init__.py", "numpy/__init__.py", "verifiers.py"])
def test_a_child_imports_nothing_from_the_working_directory(monkeypatch, tmp_path, stage, name):
    place = tmp_path / "work" / name
    place.parent.mkdir(parents=True)
    place.write_text("open('imported', 'w').close()\nraise SystemExit('mine')\n")
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(ModelError, match="nowhere"):
        run_job(replace(stage, engine=EngineOptions(engine="transformers", model="./nowhere")))
    assert not (tmp_path / "work" / "imported").exists()


def test_a_child_finds_what_its_parent_finds(monkeypatch, tmp_path):
    (tmp_path / "my_job.py").write_text(JOB)
    monkeypatch.syspath_prepend(tmp_path)
    assert run_job(importlib.import_module("my_job").MyJob()) == {"mine": True}


def test_a_child_does_not_outlive_its_parent(tmp_path, stage):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, subprocess, sys\n"
        "code = 'import os, sys, time\\nfrom reasondistill.run.child_process import _die_with_parent\\n'\n"
        "code += '_die_with_parent(int(sys.argv[1]))\\nprint(os.getpid(), flush=True)\\ntime.sleep(600)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code, str(os.getpid())])\n"
        "child.wait()\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline().strip().isdigit()
        parent.kill()
        parent.wait()
        # The pipe ends when the last process that holds it is gone.
        assert parent.stdout.read() == ""


@pytest.mark.parametrize(("strategy", "rollouts"), [("cot", 8), ("tir", 10)])
def test_while_rollouts_wait_for_their_code_others_keep_the_engine_busy(stage, monkeypatch, strategy, rollouts):
    seen = []

    async def sample(engine, jobs, *, concurrency):
        seen.append(concurrency)

    monkeypatch.setattr("reasondistill.generation.sample_stage.sample", sample)
    given = replace(stage.sets[0], strategy=StrategyChoice(strategy=Choice(name=strategy)))
    replace(stage, sets=(given,), engine=replace(stage.engine, concurrency=8)).run()
    assert seen == [rollouts]
