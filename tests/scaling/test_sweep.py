"""`reasondistill scale` against a server that thinks: curves, resume after kill -9, and the page."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reasondistill.cli.main import main
from reasondistill.store import Table

RECIPE = """
name: sweep
seed: 0
out: {out}
model: {{model: thinker, engine: openai, base_url: "{url}", continuation: prefix, concurrency: 8}}
benchmark: {{source: "{problems}"}}
max_tokens: 64
sequential: {{budgets: [2, 4, 40], waits: [0, 1, 2]}}
parallel: {{budgets: [2, 40], samples: 4, k: [1, 2, 4], temperature: 0.7}}
baselines: [tokens, rejection]
"""
N = 6


@pytest.fixture
def recipe(tmp_path, thinker):
    problems = tmp_path / "problems.jsonl"
    rows = [{"id": f"p{i}", "question": f"What is {i} plus 1?", "answer": str(i + 1)} for i in range(10, 10 + N)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "sweep.yaml"
    path.write_text(RECIPE.format(out=tmp_path / "out", url=thinker.url, problems=problems))
    return path


def scale(recipe, capsys, *words):
    assert main(["scale", str(recipe), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def point(report, label):
    return next(p for p in report["points"] if p["label"] == label)


def test_a_sweep_measures_its_grid(recipe, capsys, tmp_path):
    report = scale(recipe, capsys)
    accuracy = {p["label"]: p["accuracy"]["value"] for p in report["points"] if p["series"].startswith("sequential")}
    assert accuracy == {
        "sequential: 2 tokens, 0 waits": 0.0,
        "sequential: 2 tokens, 1 wait": 0.0,
        "sequential: 2 tokens, 2 waits": 0.0,
        "sequential: 4 tokens, 0 waits": 1.0,
        "sequential: 4 tokens, 1 wait": 1.0,
        "sequential: 4 tokens, 2 waits": 1.0,
        "sequential: 40 tokens, 0 waits": 1.0,
        "sequential: 40 tokens, 1 wait": 1.0,
        "sequential: 40 tokens, 2 waits": 0.0,
    }
    assert point(report, "sequential: 4 tokens, 0 waits")["thinking_tokens"] == 4
    assert point(report, "sequential: 4 tokens, 0 waits")["frontier"]
    assert report["missing"] == {}
    assert report["measures"]["sequential"]["control"] == 1.0
    assert report["measures"]["sequential"]["performance"] == 1.0
    assert report["measures"]["sequential"]["scaling"]["n"] == report["measures"]["sequential"]["slope"]["n"] == N
    assert point(report, "tokens: 2 tokens")["control"] == 0.0
    steps = {(t["budget"], t["before_waits"]): t for t in report["transitions"]}
    assert steps[40, 1]["right to wrong"] == N and steps[40, 0]["stays right"] == N
    assert steps[2, 0]["waited"] == 0


def test_votes_cost_their_samples(recipe, capsys):
    report = scale(recipe, capsys)
    rows = {(p["series"], p["k"]): p for p in report["points"]}
    one, four = rows["majority, 40 tokens", 1], rows["majority, 40 tokens", 4]
    assert four["tokens"] == pytest.approx(4 * one["tokens"], abs=0.05)
    assert rows["oracle, 2 tokens", 4]["accuracy"]["value"] == 0.0
    assert not any(p["frontier"] for p in report["points"] if p["series"].startswith("oracle"))


def test_comparisons_are_paired_and_corrected(recipe, capsys):
    report = scale(recipe, capsys)
    found = {(c["before"], c["after"]): c for c in report["comparisons"]}
    lost = found["sequential: 40 tokens, 0 waits", "sequential: 40 tokens, 2 waits"]
    assert lost["difference"] == -1.0 and lost["p_value"] == pytest.approx(2 / 2**N)
    assert lost["holm"] == pytest.approx(min(1.0, lost["p_value"] * len(found)), rel=0.2)
    assert any("of 6 comparisons of waits" in s.lower() for s in report["summary"])


def test_the_same_command_asks_nothing_again_and_a_new_cell_only_itself(recipe, capsys, thinker):
    first = scale(recipe, capsys)
    asked = len(thinker.requests)
    assert scale(recipe, capsys)["points"] == first["points"]
    assert len(thinker.requests) == asked
    scale(recipe, capsys, "sequential.waits=[0, 1, 2, 3]", "sequential.budgets=[2, 4, 40]")
    assert 0 < len(thinker.requests) - asked <= 3 * N * 5


def test_killed_sweeps_go_on_where_they_were(recipe, capsys, thinker, tmp_path):
    slow = thinker.answer

    def answer(body):
        time.sleep(0.02)
        return slow(body)

    thinker.answer = answer
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "reasondistill", "scale", str(recipe)]
    rollouts = tmp_path / "out" / "cells"
    for seen in (5, 40):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while (
            process.poll() is None
            and sum(f.read_bytes().count(b"\n") for f in rollouts.rglob("rollouts/*.jsonl")) < seen
        ):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    report = scale(recipe, capsys)
    wanted = 9 * N + 2 * 4 * N + 3 * N
    ids = [row["id"] for folder in rollouts.iterdir() for row in Table(folder / "rollouts", key="id")]
    assert len(ids) == len(set(ids)) == wanted
    assert {p["accuracy"]["n"] for p in report["points"]} == {N}


def test_what_is_there_can_be_reported_alone(recipe, capsys, thinker, tmp_path):
    assert main(["scale", str(recipe), "--report-only"]) == 2
    assert "holds no sweep" in capsys.readouterr().err
    scale(recipe, capsys, "sequential.budgets=[4]", "parallel.budgets=[]", "baselines=[]")
    asked = len(thinker.requests)
    report = scale(recipe, capsys, "--report-only")
    assert sum(report["missing"].values()) == (2 * 3 + 2 * 4 + 3) * N
    assert report["summary"][0] == f"Unfinished: {17 * N} rollouts are still to be made or judged."
    assert len(thinker.requests) == asked
    assert [p["label"] for p in report["points"]] == [
        f"sequential: 4 tokens, {w}" for w in ("0 waits", "1 wait", "2 waits")
    ]


def test_a_cell_that_is_hardly_begun_is_no_best_one(recipe, capsys, tmp_path):
    words = ("parallel.budgets=[]", "baselines=[]", "sequential.budgets=[2, 4]", "sequential.waits=[0]")
    assert [p["frontier"] for p in scale(recipe, capsys, *words)["points"]] == [True, True]
    [shard] = (tmp_path / "out" / "cells" / "sequential-b4-w0" / "rollouts").glob("*.jsonl")
    shard.write_text(shard.read_text().splitlines(keepends=True)[0])
    report = scale(recipe, capsys, *words, "--report-only")
    assert [(p["frontier"], p["accuracy"]["n"]) for p in report["points"]] == [(True, N), (False, 1)]


def test_the_page_has_figure_tables_and_links_to_changed_problems(recipe, capsys, tmp_path):
    scale(recipe, capsys)
    page = (tmp_path / "out" / "report.html").read_text()
    assert 'aria-label="Accuracy against tokens' in page
    assert "sequential: 40 tokens, 2 waits" in page and "40 tokens, 1 to 2 waits" in page
    figure = (tmp_path / "out" / "scaling.svg").read_text()
    assert figure.count("<svg") == 1 and "#2f6fc4" in figure and "#050101" not in figure
    assert page.count("&beside=") + page.count("&amp;beside=") == N


def test_tool_integrated_rollouts_vote_and_pruned_ones_do_not(recipe, capsys, thinker):
    honest = thinker.answer

    def answer(body):
        asked = body["messages"]
        if "```python" not in asked[0]["content"]:
            return honest(body)
        number = int(asked[1]["content"].split()[2])
        # An odd seed guesses without code, again and again.
        ran = "```output" in asked[-1]["content"]
        text = f"```python\nprint({number} + 1)\n```" if not body["seed"] % 2 and not ran else "It is \\boxed{0}."
        text = f"So \\boxed{{{number + 1}}}." if ran else text
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 9, "completion_tokens": 5}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}

    thinker.answer = answer
    words = (
        "sequential.budgets=[]",
        "parallel.budgets=[]",
        "baselines=[]",
        "sc_tir={width: 4, restarts: 0, k: [1, 4]}",
    )
    report = scale(recipe, capsys, *words)
    found = {p["label"]: p["accuracy"]["value"] for p in report["points"]}
    assert 0 < found["maj@1, sc-tir"] < 1 and found["maj@4, sc-tir"] == found["pass@4, sc-tir"] > found["maj@1, sc-tir"]


def test_a_folder_of_another_run_is_refused(recipe, capsys, tmp_path):
    scale(recipe, capsys)
    assert main(["scale", str(recipe), "name=other"]) == 2
    assert "error: " in capsys.readouterr().err
