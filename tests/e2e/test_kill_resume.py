"""A run that is killed at random moments, again and again, ends where an undisturbed one does, bit for bit."""

import contextlib
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)

Reached = Callable[[], bool]


def lines(folder: Path) -> int:
    """Return the number of whole rows in a table."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))


def moments(out: Path, chance: random.Random) -> dict[str, Reached]:
    """Return one random moment within each part of a run, in the order of the run."""
    rollouts, judged, step = chance.randrange(1, 150), chance.randrange(150, 290), chance.randrange(2, 9)
    before, after = chance.randrange(1, 6), chance.randrange(1, 6)
    evaluations = out / "evaluations"
    return {
        "the folder is there": out.exists,
        "some rollouts are stored": lambda: lines(out / "rollouts") >= rollouts,
        "most rollouts are judged": lambda: lines(out / "verdicts") >= judged,
        "the dataset is being written": lambda: any(out.glob("dataset*")),
        "the student is being trained": lambda: (out / f"models/student/checkpoints/checkpoint-{step}").exists(),
        "the model is being saved": (out / "models/student/saving").exists,
        "the untrained student answers": lambda: lines(evaluations / "before-unseen/rollouts") >= before,
        "the trained student answers": lambda: lines(evaluations / "student-unseen/rollouts") >= after,
    }


def test_a_run_killed_everywhere_ends_as_an_undisturbed_one(lab: Any, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    killed = []
    for moment, reached in moments(out, random.Random(20)).items():
        started = lab.start(out)
        if started.wait_until(reached):
            started.kill()
            killed.append(moment)
        assert started.left_behind() == [], moment
        assert "Traceback" not in started.errors.read_text(), moment
    assert len(killed) >= 7, "the run ended before it could be killed"
    lab.finish(out)
    assert lab.tables(out) == lab.tables(undisturbed)
    assert json.loads((out / "models/student/training.json").read_text())["resumed_from"] > 0


def test_ctrl_c_ends_with_one_line_and_the_run_goes_on(lab: Any, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    chance = random.Random(3)
    for moment in ("some rollouts are stored", "the dataset is being written", "the student is being trained"):
        # Long enough a training that it is not over before the interrupt comes.
        started = lab.start(out, "until=train", "train.epochs=20")
        assert started.wait_until(moments(out, chance)[moment]), moment
        time.sleep(chance.random() / 4)
        assert started.interrupt() == 130, moment
        assert started.left_behind() == [], moment
        said = started.errors.read_text()
        assert said.splitlines()[-1] == "stopped; finished work is kept, the same command resumes"
        assert "Traceback" not in said, moment
    assert any((out / "models/student/checkpoints").glob("checkpoint-*"))
    lab.finish(out, "until=export")
    for table, key in (("rollouts", "id"), ("verdicts", "rollout_id"), ("drops", "rollout_id")):
        assert lab.rows(out / table, key) == lab.rows(undisturbed / table, key)


def test_a_server_is_asked_again_only_for_what_was_in_flight(slow_server: "SlowServer", tmp_path: Path) -> None:
    problems, out = tmp_path / "problems.jsonl", tmp_path / "out"
    rows = [{"question": f"What is {n} plus 1?", "answer": n + 1} for n in range(120)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--problems", problems, "--out", out, "--model", "slow", "--base-url", slow_server.url]
    command = [sys.executable, "-m", "reasondistill", "generate", *map(str, words), "--concurrency", "8", "--json"]
    chance = random.Random(7)
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = lines(out / "rollouts") + chance.randrange(5, 30)
        while lines(out / "rollouts") < wanted:
            time.sleep(0.001)
        process.kill()
        process.wait()
    result = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert result["rollouts"] == result["wanted"] == lines(out / "rollouts") == lines(out / "verdicts") == 120
    assert result["accuracy"]["value"] == 1.0
    assert 120 <= slow_server.requests <= 120 + 3 * 8
    requests = slow_server.requests
    subprocess.run(command, capture_output=True, check=True)
    assert slow_server.requests == requests


class SlowServer(ThreadingHTTPServer):
    """Answers "what is N plus 1" rightly, each time after a moment."""

    daemon_threads = True
    requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.requests += 1  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = int(re.findall(r"\d+", body["messages"][-1]["content"])[0])
        time.sleep(0.03)
        message = {"role": "assistant", "content": f"It is \\boxed{{{number + 1}}}."}
        usage = {"prompt_tokens": 9, "completion_tokens": 5}
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        with contextlib.suppress(ConnectionError):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def slow_server() -> Iterator[SlowServer]:
    with SlowServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
