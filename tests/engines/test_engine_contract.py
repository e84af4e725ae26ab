"""What every engine must do, run on each of them: two real ones, a server that plays a model, and recordings."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import pytest

from reasondistill.engines import Completion, Engine, EngineOptions, Extras, open_engine
from reasondistill.engines.rendering import Renderer
from reasondistill.engines.replay_engine import ReplayEngine
from reasondistill.errors import ModelError, RequestError
from reasondistill.models.resolve import weights_directory
from reasondistill.records import FinishReason, Message, Sampling

QUESTION = (Message(role="user", content="What is 2 + 2?"),)
MODEL = "smollm2-135m-instruct"

pytestmark = pytest.mark.timeout(300)


@dataclass
class Case:
    engine: Engine
    runner: asyncio.Runner
    sent: list[dict[str, Any]]
    """What a server was asked, one row a request; empty where there is no server."""

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
        yield Case(engine, runner, toy_server.requests if request.param == "openai" else [])
        runner.run(engine.aclose())


@pytest.fixture
def model_case(case: Case) -> Case:
    if case.engine.name == "replay":
        pytest.skip("a recording is as long as it is: a cap cuts nothing")
    return case


GREEDY = Sampling(temperature=0.0, max_tokens=40)


def capped(tokens: int, **more: Any) -> Sampling:
    return replace(GREEDY, max_tokens=tokens, **more)


def test_an_answer_is_sensible_and_counted(case: Case) -> None:
    [completion] = case.ask(GREEDY)
    assert "4" in completion.text
    assert "<|" not in completion.text
    assert completion.usage.prompt_tokens > 3
    assert 2 <= completion.usage.completion_tokens <= 40
    at_the_cap = completion.usage.completion_tokens == 40
    assert completion.finish_reason is (FinishReason.LENGTH if at_the_cap else FinishReason.STOP)
    assert (completion.logprobs, completion.stop, completion.tool_calls) == (None, None, ())
    assert completion.seconds >= 0
    if case.engine.abilities.token_ids:
        assert len(completion.token_ids or ()) == completion.usage.completion_tokens


def test_a_prefix_is_continued_and_not_repeated(case: Case) -> None:
    [whole] = case.ask(GREEDY)
    prefix = whole.text[: whole.text.index(" ")]
    [rest] = case.ask(GREEDY, prefix=prefix)
    assert (prefix + rest.text)[: len(whole.text)] == whole.text


def test_a_prefix_is_continued_token_by_token(case: Case) -> None:
    if not case.engine.abilities.token_ids:
        pytest.skip("this engine knows no tokens")
    [begun], [whole] = case.ask(capped(5)), case.ask(capped(12))
    [rest] = case.ask(capped(7), prefix=begun.text, extras=Extras(prefix_ids=begun.token_ids or ()))
    assert (*(begun.token_ids or ()), *(rest.token_ids or ())) == whole.token_ids
    assert begun.text + rest.text == whole.text


def test_a_prefix_that_is_a_whole_answer_is_ended_with_nothing(case: Case) -> None:
    short = (Message(role="user", content="Reply with the single word Yes."),)
    messages = QUESTION if case.engine.name == "replay" else short
    [whole] = case.ask(GREEDY, messages)
    assert whole.finish_reason is FinishReason.STOP
    [nothing] = case.ask(GREEDY, messages, prefix=whole.text)
    assert (nothing.text, nothing.finish_reason) == ("", FinishReason.STOP)


def test_samples_are_as_many_as_asked_for_with_a_seed_each(case: Case) -> None:
    sampling = Sampling(temperature=1.2, max_tokens=20, seed=3)
    samples = case.ask(sampling, n=3)
    assert len(samples) == 3
    if case.engine.name not in ("replay", "openai"):
        assert len({sample.text for sample in samples}) > 1
    if case.sent:
        assert sorted(request["seed"] for request in case.sent[-3:]) == [3, 4, 5]


def test_a_seed_gives_the_same_sample_again(case: Case) -> None:
    if not case.engine.abilities.seeds:
        pytest.skip("here a seed reproduces nothing")
    sampling = Sampling(temperature=1.2, max_tokens=16, seed=11)
    [first], [again] = case.ask(sampling), case.ask(sampling)
    assert first.text == again.text


@pytest.mark.parametrize("kept", [False, True])
def test_a_stop_string_ends_the_text_and_is_kept_on_request(case: Case, kept: bool) -> None:
    [whole] = case.ask(GREEDY)
    stop = whole.text.split()[2]
    sampling = replace(GREEDY, stop=("never written", stop))
    [cut] = case.ask(sampling, extras=Extras(include_stop=kept))
    assert cut.text == whole.text[: whole.text.index(stop)] + (stop if kept else "")
    assert (cut.finish_reason, cut.stop) == (FinishReason.STOP, stop)


def test_the_first_of_two_stop_strings_ends_the_text(case: Case) -> None:
    [whole] = case.ask(GREEDY)
    words = whole.text.split()
    [cut] = case.ask(replace(GREEDY, stop=(words[3], words[1])))
    assert cut.text == whole.text[: whole.text.index(words[1])]


def test_the_cap_truncates(model_case: Case) -> None:
    [completion] = model_case.ask(capped(3))
    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.usage.completion_tokens == 3


def test_a_character_that_is_cut_inside_leaves_nothing_behind(model_case: Case) -> None:
    ask = (Message(role="user", content="Write the same emoji again and again: \U0001f600\U0001f600"),)
    whole, texts = "\U0001f600" * 4, []
    for tokens in range(1, 7):
        [piece] = model_case.ask(capped(tokens), ask, prefix=whole)
        assert "\ufffd" not in piece.text
        texts.append(piece.text)
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(texts))


def test_a_prompt_that_is_too_long_fails_alone(case: Case) -> None:
    long = (Message(role="user", content="the capital of France " * 200),)

    async def both() -> list[Any]:
        requests = (case.engine.complete(messages, GREEDY) for messages in (QUESTION, long, QUESTION))
        return await asyncio.gather(*requests, return_exceptions=True)

    first, error, second = case.runner.run(both())
    assert isinstance(error, RequestError)
    assert error.reason == ("not_recorded" if case.engine.name == "replay" else "prompt_too_long")
    assert "\n" not in str(error)
    assert first[0].text and second[0].text


def test_a_cancelled_request_is_let_go_and_the_others_go_on(case: Case) -> None:
    async def cancel() -> tuple[Any, list[Completion]]:
        endless = Sampling(temperature=1.2, max_tokens=300)
        waiting = asyncio.create_task(case.engine.complete(QUESTION, endless))
        beside = asyncio.create_task(case.engine.complete(QUESTION, capped(6)))
        await asyncio.sleep(0)
        waiting.cancel()
        [outcome] = await asyncio.gather(waiting, return_exceptions=True)
        return outcome, await beside

    outcome, [answer] = case.runner.run(cancel())
    assert isinstance(outcome, asyncio.CancelledError)
    assert answer.text


def test_many_requests_at_once_are_answered_each(case: Case) -> None:
    async def many() -> list[list[Completion]]:
        samplings = [Sampling(temperature=0.7, max_tokens=12, seed=seed) for seed in range(24)]
        return await asyncio.gather(*(case.engine.complete(QUESTION, s) for s in samplings))

    answers = case.runner.run(many())
    assert len(answers) == 24
    assert all(answer.usage.completion_tokens > 0 for [answer] in answers)


def test_log_probabilities_come_with_the_tokens_or_are_refused(case: Case) -> None:
    if not case.engine.abilities.logprobs:
        with pytest.raises(RequestError) as error:
            case.ask(GREEDY, extras=Extras(logprobs=True))
        assert error.value.reason == "unsupported"
        return
    [completion] = case.ask(capped(8), extras=Extras(logprobs=True))
    assert completion.logprobs is not None
    assert len(completion.logprobs) == completion.usage.completion_tokens
    assert all(-20 < logprob <= 0 for logprob in completion.logprobs)


def test_a_completion_is_scored_or_the_engine_says_that_it_cannot(case: Case) -> None:
    if case.engine.name in ("replay", "llamacpp"):
        with pytest.raises(RequestError, match="cannot score completions: use engine vllm") as error:
            case.runner.run(case.engine.score([1, 2], [3]))
        assert error.value.reason == "unsupported"
        return
    score = case.runner.run(case.engine.score([5, 6, 7], [8, 9], top_k=2))
    assert len(score.logprobs) == len(score.top) == 2
    for place in score.top:
        likeliest = list(place.values())
        assert len(likeliest) == 2 and likeliest == sorted(likeliest, reverse=True)
        assert all(logprob <= 0 for logprob in likeliest)
    assert case.runner.run(case.engine.score([5, 6, 7], [])).logprobs == ()
    with pytest.raises(RequestError, match="a prompt of one token"):
        case.runner.run(case.engine.score([], [8]))


def test_what_was_written_scores_as_it_was_written(case: Case) -> None:
    if not case.engine.abilities.score:
        pytest.skip("this engine does not score, or does not say what it wrote in tokens")
    prompt = Renderer.load(weights_directory(MODEL)).prompt_ids(QUESTION)
    [written] = case.ask(capped(12), extras=Extras(logprobs=True))
    score = case.runner.run(case.engine.score(prompt, written.token_ids or (), top_k=1))
    assert score.logprobs == pytest.approx(written.logprobs, abs=1e-3)
    assert [next(iter(place)) for place in score.top] == list(written.token_ids or ())


def test_the_engine_has_the_names_that_rollouts_record(case: Case) -> None:
    assert case.engine.name in ("replay", "openai", "transformers", "vllm", "llamacpp")
    assert case.engine.model in ("toy", MODEL)
