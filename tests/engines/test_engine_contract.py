"""What every engine must do, run on each of them: two real ones, a server that plays a model, and recordings."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pytest

from reasondistill.engines import Completion, Engine, EngineOptions, open_engine
from reasondistill.engines.replay_engine import ReplayEngine
from reasondistill.errors import ModelError, RequestError
from reasondistill.records import FinishReason, Message, Sampling

QUESTION = (Message(role="user", content="What is 2 + 2?"),)
MODEL = "smollm2-135m-instruct"

pytestmark = pytest.mark.timeout(300)


@dataclass
class Case:
    engine: Engine
    runner: asyncio.Runner

    def ask(self, sampling: Sampling, messages: Sequence[Message] = QUESTION, **request: Any) -> list[Completion]:
        return self.runner.run(self.engine.complete(messages, sampling, **request))


def recordings(answer: str) -> list[dict[str, Any]]:
    messages = [QUESTION[0].to_row(), {"role": "assistant", "content": answer}]
    usage = {"prompt_tokens": 9, "completion_tokens": 14}
    return [{"messages": messages, "sampling": {"seed": seed}, "usage": usage} for seed in range(30)]


def opened(kind: str, url: str, answer: str, runner: asyncio.Runner) -> Engine:
    if kind == "replay":
        return ReplayEngine(recordings(answer), model="toy")
    if kind == "openai":
        return runner.run(open_engine(EngineOptions(engine=kind, model="toy", base_url=url)))
    if kind == "llamacpp":
        pytest.importorskip("xllamacpp")
    if kind == "vllm" and find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    # float32: in bfloat16 the batch around a row can tip a greedy choice.
    options = EngineOptions(engine=kind, model=MODEL, max_context=400, concurrency=8, dtype="float32")
    try:
        return runner.run(open_engine(options))
    except ModelError as error:
        pytest.skip(f"the model cannot be had: {error}")


# vLLM and what it imports warn of each other.
@pytest.fixture(
    scope="module",
    params=[
        "replay",
        "openai",
        pytest.param("transformers", marks=pytest.mark.model),
        pytest.param("vllm", marks=[pytest.mark.model, pytest.mark.filterwarnings("ignore")]),
        pytest.param("llamacpp", marks=pytest.mark.model),
    ],
)
def case(request: pytest.FixtureRequest, toy_server: Any, toy_answer: str) -> Iterator[Case]:
    with asyncio.Runner() as runner:
        engine = opened(request.param, toy_server.url, toy_answer, runner)
        yield Case(engine, runner)
        runner.run(engine.aclose())


@pytest.fixture
def model_case(case: Case) -> Case:
    if case.engine.name == "replay":
        pytest.skip("recordings are what they are: they know neither caps nor stop strings nor contexts")
    return case


GREEDY = Sampling(temperature=0.0, max_tokens=40)


def test_an_answer_is_sensible_and_counted(case: Case) -> None:
    [completion] = case.ask(GREEDY)
    assert "4" in completion.text
    assert "<|" not in completion.text
    assert completion.usage.prompt_tokens > 3
    assert 2 <= completion.usage.completion_tokens <= 40
    at_the_cap = completion.usage.completion_tokens == 40
    assert completion.finish_reason is (FinishReason.LENGTH if at_the_cap else FinishReason.STOP)
    assert completion.seconds >= 0


def test_a_prefix_is_continued_and_not_repeated(case: Case) -> None:
    [whole] = case.ask(GREEDY)
    prefix = whole.text[: whole.text.index(" ")]
    [rest] = case.ask(GREEDY, prefix=prefix)
    assert (prefix + rest.text)[: len(whole.text)] == whole.text


def test_samples_are_as_many_as_asked_for(case: Case) -> None:
    assert len(case.ask(Sampling(temperature=0.8, max_tokens=20, seed=3), n=3)) == 3


def test_a_stop_string_ends_the_text_before_it(model_case: Case) -> None:
    [whole] = model_case.ask(GREEDY)
    stop = whole.text.split()[2]
    [cut] = model_case.ask(Sampling(temperature=0.0, max_tokens=40, stop=(stop, "never written")))
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish_reason is FinishReason.STOP


def test_the_cap_truncates(model_case: Case) -> None:
    [completion] = model_case.ask(Sampling(temperature=0.0, max_tokens=3))
    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.usage.completion_tokens == 3


def test_a_prompt_that_is_too_long_fails_alone(model_case: Case) -> None:
    long = (Message(role="user", content="the capital of France " * 200),)
    with pytest.raises(RequestError) as error:
        model_case.ask(GREEDY, long)
    assert error.value.reason == "prompt_too_long"
    assert model_case.ask(GREEDY)


def test_many_requests_at_once_are_answered_each(case: Case) -> None:
    async def many() -> list[list[Completion]]:
        samplings = [Sampling(temperature=0.7, max_tokens=12, seed=seed) for seed in range(24)]
        return await asyncio.gather(*(case.engine.complete(QUESTION, s) for s in samplings))

    answers = case.runner.run(many())
    assert len(answers) == 24
    assert all(answer.usage.completion_tokens > 0 for [answer] in answers)


def test_the_engine_has_the_names_that_rollouts_record(case: Case) -> None:
    assert case.engine.name in ("replay", "openai", "transformers", "vllm", "llamacpp")
    assert case.engine.model in ("toy", MODEL)
