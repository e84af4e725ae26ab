"""Builders of small records for the tests of every part. Their results depend on the arguments alone."""

import json
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from reasondistill.generation.sampling import SamplingPlan
from reasondistill.recipe.read import load_recipe
from reasondistill.records import FinishReason, Message, Problem, Rollout, Row, Sampling, Usage, with_seed
from reasondistill.run.recipe_run import RecipeRun

# A busy machine is no fault of the code: no example is held against a clock.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Benchmark files, where the checkout has a shared folder beside it; tests skip with a reason where they are absent.
os.environ.setdefault("REASONDISTILL_BENCHMARKS", str(Path(__file__).parents[2] / "shared" / "data" / "benchmarks"))


GROUPS = ("models", "e2e", "sandbox")
"""Groups of tests that one worker of pytest-xdist runs alone, longest first. Any other file is a group by itself."""
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers use the cores


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group tests for `-n`: models are loaded once, and nothing that is killed or timed runs beside its like."""
    if hasattr(config, "workerinput"):
        groups = {item: _group(item) for item in items}
        for item, group in groups.items():
            item.add_marker(pytest.mark.xdist_group(group))
        items.sort(key=lambda item: GROUPS.index(groups[item]) if groups[item] in GROUPS else len(GROUPS))


def _group(item: pytest.Item) -> str:
    if item.get_closest_marker("model"):
        return "models"
    folder = item.path.parent.name
    return folder if folder in GROUPS and "tests" in item.path.parts else str(item.path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped in CI for want of a program that .ci/run installs."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.get_closest_marker("installed"):
        report.outcome, report.longrepr = "failed", f"CI installs what this test needs, yet: {report.longrepr}"
    return report


def _problem(number: int = 0, **fields: Any) -> Problem:
    return Problem(**{"id": f"p{number}", "question": f"What is {number} plus 1?", "answer": str(number + 1), **fields})


def _rollout(problem: Problem, text: str | None = None, *, index: int = 0, **fields: Any) -> Rollout:
    answer = f"The answer is \\boxed{{{problem.answer}}}." if text is None else text
    given: dict[str, Any] = {
        "id": f"{problem.id}-{index}",
        "problem_id": problem.id,
        "index": index,
        "strategy": "cot",
        "messages": (Message(role="user", content=problem.question), Message(role="assistant", content=answer)),
        "finish_reason": FinishReason.STOP,
        "model": "teacher",
        "engine": "replay",
        "sampling": Sampling(temperature=0.7),
        "prompt_hash": "0" * 20,
        "usage": Usage(prompt_tokens=20, completion_tokens=10),
    }
    return Rollout(**{**given, **fields})


@pytest.fixture(scope="session")
def make_problem() -> Callable[..., Problem]:
    """Return a builder of the problem "what is `number` plus 1?"."""
    return _problem


@pytest.fixture(scope="session")
def make_rollout() -> Callable[..., Rollout]:
    """Return a builder of a rollout of a problem, right unless another text is given."""
    return _rollout


class ChatServer(ThreadingHTTPServer):
    """A plain chat server: it neither streams nor continues. `write` makes an assistant message of a conversation."""

    daemon_threads = True

    def __init__(self, write: Callable[[list[Row]], Row]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.write = write

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", **self.server.write(body["messages"])}
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        data = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:  # the client was killed
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def chat_server() -> Iterator[Callable[[Callable[[list[Row]], Row]], ChatServer]]:
    """Return a function that starts a chat server with a way to answer."""
    started: list[tuple[ChatServer, threading.Thread]] = []

    def start(write: Callable[[list[Row]], Row]) -> ChatServer:
        server = ChatServer(write)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


Answer = Callable[[Problem, int], str | tuple[str, str] | None]
"""Text of the rollout of a problem with this index, or text and finish reason; None leaves the rollout out."""


def _record(path: Path, plan: SamplingPlan | Sequence[SamplingPlan], answer: Answer, *, seeded: bool = True) -> Path:
    """Write the replay engine's answers to the requests of a plan, or several; unseeded ones answer any seed."""
    rows = []
    for one in [plan] if isinstance(plan, SamplingPlan) else plan:
        for identifier, problem, index in one.wanted():
            if (said := answer(problem, index)) is not None:
                text, finish = (said, "stop") if isinstance(said, str) else said
                messages = [*one.template.messages(problem), Message(role="assistant", content=text)]
                row = {
                    "messages": [m.to_row() for m in messages],
                    "finish_reason": finish,
                    "usage": {"prompt_tokens": 20, "completion_tokens": len(text)},
                }
                rows.append(row | ({"sampling": asdict(with_seed(one.sampling, identifier))} if seeded else {}))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def record() -> Callable[..., Path]:
    """Return a writer of recordings for the replay engine."""
    return _record


@pytest.fixture(scope="session")
def record_teacher(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a writer of recordings for every rollout that a recipe asks of its teacher."""

    def write(path: Path, recipe: Path, words: Sequence[str], answer: Answer) -> Path:
        loaded = load_recipe(recipe, [*words, f"out={tmp_path_factory.mktemp('recording') / 'run'}"])
        run = RecipeRun(loaded, recipe_folder=recipe.parent)
        run.run_steps("problems")
        stage = run.steps["generate"].stage(None)
        return _record(path, [one.plan(stage.model) for one in stage.sets], answer)

    return write
