"""Tool-integrated rollouts killed in the middle of a dialogue: a turn that came back is not paid again, and its code is
run again where a later block needs the state. REASONDISTILL_KILLS=20 makes the long version."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reasondistill.records import Rollout, Row

pytestmark = pytest.mark.timeout(600)
KILLS = int(os.environ.get("REASONDISTILL_KILLS", "3"))
BLOCKS = 3
"""That the model writes before it answers."""
LATENCY = 0.05


class Model:
    """Writes blocks that each need the variable of the one before, and counts its answers by dialogue and turn."""

    def __init__(self, block: Callable[[int, str], Row]) -> None:
        self.block, self.lock = block, threading.Lock()
        self.answered: Counter[tuple[str, int]] = Counter()

    def __call__(self, messages: list[Row]) -> Row:
        question = next(m["content"] for m in messages if m["role"] == "user")
        outputs = [m["content"].replace("```output", "").strip("`\n ") for m in messages if _is_output(m)]
        start = int(question.split()[2])
        time.sleep(LATENCY)
        with self.lock:
            self.answered[question, len(outputs)] += 1
        if outputs != [str(start + i) for i in range(len(outputs))]:
            return {"content": f"These outputs are wrong: {outputs}"}
        if len(outputs) == BLOCKS:
            return {"content": f"The answer is \\boxed{{{outputs[-1]}}}."}
        return self.block(len(outputs), f"x = {start}\nprint(x)" if not outputs else "x = x + 1\nprint(x)")


def fenced(done: int, code: str) -> Row:
    return {"content": f"Step {done}.\n```python\n{code}\n```\nThis prints it."}


def calling(done: int, code: str) -> Row:
    function = {"name": "python", "arguments": json.dumps({"code": code})}
    return {"content": None, "tool_calls": [{"id": f"call_{done}", "type": "function", "function": function}]}


def _is_output(message: Row) -> bool:
    return bool(message["role"] == "tool" or str(message["content"]).startswith("```output"))


@pytest.mark.parametrize("block", [fenced, calling])
def test_a_turn_that_came_back_is_not_asked_for_again(
    chat_server: Callable[..., Any], tmp_path: Path, block: Callable[[int, str], Row]
) -> None:
    problems, concurrency = 8 * KILLS, 8
    model = Model(block)
    rows = [{"id": f"p{n}", "question": f"What is {n} plus 2?", "answer": n + 2} for n in range(problems)]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-m", "reasondistill", "generate", "--problems", str(tmp_path / "problems.jsonl")]
    command += ["--engine", "openai", "--base-url", chat_server(model).url, "--model", "m", "--strategy", "tir"]
    command += ["--concurrency", str(concurrency), "--out", str(tmp_path / "out"), "--json"]
    chance, turns = random.Random(KILLS), problems * (BLOCKS + 1)
    for number in range(KILLS):
        target = turns * (number + 1) // (KILLS + 1) + chance.randrange(-concurrency, concurrency)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and model.answered.total() < target:
            time.sleep(0.002)
        process.kill()
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    result = json.loads(done.stdout)
    files = sorted((tmp_path / "out" / "rollouts").glob("*.jsonl"))
    rollouts = [Rollout.from_row(json.loads(line)) for f in files for line in f.read_text().splitlines()]
    assert (result["rollouts"], result["accuracy"]["value"]) == (problems, 1.0)
    assert Counter(r.problem_id for r in rollouts) == {f"p{n}": 1 for n in range(problems)}
    for rollout in rollouts:
        start = int(rollout.problem_id[1:])
        outputs = [m.content for m in rollout.completion if m.role == "tool"]
        assert outputs == [str(start + i) for i in range(BLOCKS)]
        assert rollout.annotations == {"syntax": "fenced", "executions": BLOCKS}
    # An answer that is on its way at a kill is lost, at most one for each request in flight; every other is kept.
    assert turns <= model.answered.total() <= turns + KILLS * concurrency
    assert not (tmp_path / "out" / "partial").exists()
