"""`generate` against a server that misbehaves in every way, killed again and again: every sample is there in the end,
once, and none was paid twice but those under way at a kill. REASONDISTILL_KILLS=20 makes the long version."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reasondistill.records import Rollout

pytestmark = pytest.mark.timeout(600)
KILLS = int(os.environ.get("REASONDISTILL_KILLS", "3"))


class Server:
    def __init__(self, *options: object) -> None:
        options = ("--port", 0, *options)  # a port among the options wins
        command = [sys.executable, "-m", "tests.hostile_server", *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def stats(self) -> dict[str, Any]:
        """What it did so far; it may be playing dead."""
        give_up = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/stats", timeout=10) as answer:
                    return dict(json.load(answer))
            except OSError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.1)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*options: object) -> Server:
        servers.append(Server(*options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


class Desk:
    """A folder with problems, and the command that samples them."""

    def __init__(self, folder: Path, problems: int) -> None:
        self.folder, self.out = folder, folder / "out"
        rows = [{"id": f"p{n}", "question": f"What is {n} plus 1?", "answer": n + 1} for n in range(problems)]
        (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def start(self, server: Server, *options: object) -> subprocess.Popen[str]:
        words = ["--problems", self.folder / "problems.jsonl", "--engine", "openai", "--base-url", server.url]
        words += ["--model", "m", "--out", self.out, "--json", *options]
        command = [sys.executable, "-m", "reasondistill", "generate", *map(str, words)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, server: Server, *options: object, status: int = 0) -> tuple[dict[str, Any], str]:
        process = self.start(server, *options)
        out, errors = process.communicate(timeout=300)
        assert process.returncode == status, errors
        return json.loads(out) if out else {}, errors

    def rows(self) -> list[Rollout]:
        """The rollouts, each as often as it was stored."""
        files = sorted((self.out / "rollouts").glob("*.jsonl"))
        return [Rollout.from_row(json.loads(line)) for f in files for line in f.read_text().splitlines()]

    def kill(self, process: subprocess.Popen[str], moment: Callable[[], bool]) -> None:
        while process.poll() is None and not moment():
            time.sleep(0.005)
        process.kill()
        process.communicate()


def lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))


def test_killed_again_and_again_every_sample_is_there_once(serve: Callable[..., Server], tmp_path: Path) -> None:
    concurrency, samples, problems = 16, 2, 20 * KILLS
    server = serve("--share", 0.3, "--latency", 0.02, "--dead-seconds", 0.5, "--no-stream")
    desk = Desk(tmp_path, problems)
    options = ("--samples", samples, "--concurrency", concurrency, "--request-timeout", 1.5, "--max-tokens", 64)
    chance, in_flight = random.Random(KILLS), 0
    for _ in range(KILLS):
        wanted = lines(desk.out / "rollouts") + chance.randrange(1, 2 * problems * samples // KILLS // 2)
        desk.kill(desk.start(server, *options), lambda wanted=wanted: lines(desk.out / "rollouts") >= wanted)
        in_flight += concurrency
    result, _ = desk.finish(server, *options)
    rows = desk.rows()
    assert result["rollouts"] == result["wanted"] == len(rows) == len({r.id for r in rows}) == problems * samples
    assert result["accuracy"]["value"] == 1.0
    assert {r.text for r in rows if r.problem_id == "p7"} == {" ".join(map(str, range(1, 20))) + " \\boxed{8}"}
    stats = server.stats()
    assert stats["samples"] == problems * samples
    assert len([fault for fault, n in stats["faults"].items() if n]) >= (12 if KILLS >= 20 else 6)
    # A whole answer may still be lost at a kill, or when the server dies while others are answered; never otherwise.
    died = stats["faults"].get("die", 0) * concurrency
    assert stats["answers"] <= problems * samples + in_flight + died
    again, _ = desk.finish(server, *options)
    assert (again["rollouts"], server.stats()["requests"]) == (problems * samples, stats["requests"])


def test_long_streams_are_gone_on_with_after_a_kill(serve: Callable[..., Server], tmp_path: Path) -> None:
    # The short version of a slow server: fewer tokens, and as many of them may be lost at a kill.
    tokens, problems, rate = (8000, 16, 100) if KILLS >= 20 else (1000, 6, 100)
    server = serve("--faults", "none", "--tokens", tokens, "--rate", rate)
    desk = Desk(tmp_path, problems)
    options = ("--concurrency", problems, "--max-tokens", 2 * tokens + 1000, "--request-timeout", 20)
    for number in range(KILLS):
        log, part = desk.out / "partial" / "log.jsonl", server.stats()["tokens"]
        more = tokens * problems / (KILLS + 1)
        process = desk.start(server, *options)
        desk.kill(process, lambda more=more, part=part: server.stats()["tokens"] >= part + more)
        assert log.exists() or number
    result, _ = desk.finish(server, *options)
    texts = {r.problem_id: r.text for r in desk.rows()}
    numbers = " ".join(map(str, range(1, tokens)))
    assert texts == {f"p{n}": f"{numbers} \\boxed{{{n + 1}}}" for n in range(problems)}
    assert all(r.usage.completion_tokens >= tokens * 0.98 for r in desk.rows())
    paid, asked = server.stats()["tokens"], tokens * problems
    assert asked <= paid <= asked + max(0.02 * asked, 12 * KILLS * problems)
    assert result["rollouts"] == problems
    assert not (desk.out / "partial").exists()


def test_a_bigger_cap_goes_on_where_the_smaller_one_cut(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve("--faults", "none", "--tokens", 50)
    desk = Desk(tmp_path, 5)
    first, _ = desk.finish(server, "--max-tokens", 20)
    assert (first["truncated_share"], server.stats()["tokens"]) == (1.0, 100)
    second, _ = desk.finish(server, "--max-tokens", 80)
    assert (second["continued"], server.stats()["tokens"], second["accuracy"]["value"]) == (5, 250, 1.0)
    newest = {r.id: r for r in desk.rows()}
    assert {r.usage.completion_tokens for r in newest.values()} == {50}
    assert {" ".join(r.text.split()[:-1]) for r in newest.values()} == {" ".join(map(str, range(1, 50)))}


def test_dialogues_with_code_come_through_every_fault(serve: Callable[..., Server], tmp_path: Path) -> None:
    problems = 30
    server = serve("--code", "--share", 0.3, "--latency", 0.02, "--dead-seconds", 0.5, "--no-stream")
    desk = Desk(tmp_path, problems)
    result, _ = desk.finish(server, "--strategy", "tir", "--concurrency", 16, "--request-timeout", 1.5)
    assert (result["rollouts"], result["accuracy"]["value"]) == (problems, 1.0)
    assert (result["tool_use"]["executed"]["value"], result["tool_use"]["executions"]) == (1.0, problems)
    assert [[m.role for m in r.completion] for r in desk.rows()] == [["assistant", "tool", "assistant"]] * problems
    stats = server.stats()
    died = stats["faults"].get("die", 0) * 16
    assert 2 * problems <= stats["answers"] <= 2 * problems + died


def test_a_turn_after_code_is_gone_on_with_after_a_kill(serve: Callable[..., Server], tmp_path: Path) -> None:
    tokens, problems = 400, 6
    server = serve("--code", "--faults", "none", "--tokens", tokens, "--rate", 100)
    desk = Desk(tmp_path, problems)
    options = ("--strategy", "tir", "--concurrency", problems, "--max-tokens", 4000)
    desk.kill(desk.start(server, *options), lambda: server.stats()["tokens"] >= tokens * problems // 2)
    result, _ = desk.finish(server, *options)
    asked = server.stats()["requests"]
    numbers = " ".join(map(str, range(1, tokens)))
    assert {r.problem_id: r.text for r in desk.rows()} == {
        f"p{n}": f"{numbers} \\boxed{{{n + 1}}}" for n in range(problems)
    }
    assert (result["tool_use"]["executions"], asked) == (problems, 3 * problems)
    assert server.stats()["tokens"] <= sum(r.usage.completion_tokens for r in desk.rows()) + 12 * problems


def test_the_first_interrupt_finishes_what_is_under_way(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve("--faults", "none", "--latency", 1.0)
    desk = Desk(tmp_path, 40)
    process = desk.start(server, "--concurrency", 8)
    while not server.stats()["in_flight"]:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "finishing 8 rollouts" in errors
    assert (len(desk.rows()), server.stats()["requests"]) == (8, 8)
    result, _ = desk.finish(server)
    assert (result["rollouts"], server.stats()["requests"]) == (40, 40)


def test_a_resumed_run_waits_for_a_server_that_has_answered_before(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve("--faults", "none", "--latency", 0.3)
    desk = Desk(tmp_path, 40)
    desk.kill(desk.start(server, "--concurrency", 4), lambda: lines(desk.out / "rollouts") >= 4)
    server.close()
    process = desk.start(server, "--concurrency", 4)
    # Longer than a server of which nothing is known is waited for.
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=16)
    again = serve("--faults", "none", "--port", server.url.rsplit(":", 1)[1].removesuffix("/v1"))
    out, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert "refuses connections" in errors and "answers again" in errors
    assert json.loads(out)["rollouts"] == 40
    assert again.stats()["answers"] <= 36


def test_a_server_that_fails_too_often_ends_with_status_2_and_what_it_kept(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve("--faults", "refuse")
    desk = Desk(tmp_path, 30)
    _, errors = desk.finish(server, status=2)
    kept = len(desk.rows())
    assert 0 < kept < 30
    assert f"{30 - kept} of 30 requests failed for good (bad_request {30 - kept}; the first" in errors
    assert "bad_request said: HTTP 400: this question is not answered here" in errors
    assert f"{kept} rollouts are kept" in errors
    result, _ = desk.finish(server, "--max-failed-share", 0.9)
    assert result["failed"] == {"bad_request": 30 - kept}
