"""The transformers engine around its decoder: joining, leaving, cancelling, breaking. A random model, no download."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from reasondistill.engines.base import Completion, Extras, Score
from reasondistill.engines.options import EngineOptions
from reasondistill.engines.transformers_engine import TransformersEngine, _settings, open_transformers
from reasondistill.errors import EngineError, RequestError
from reasondistill.records import FinishReason, Message, Sampling

QUESTION = (Message(role="user", content="what is two and two"),)
GREEDY = Sampling(temperature=0.0, max_tokens=12)


@pytest.fixture(scope="module")
def tiny_directory(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Any) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM, set_seed

    set_seed(1)
    config = LlamaConfig(
        vocab_size=len(tiny_tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=0.6,
    )
    folder = tmp_path_factory.mktemp("tiny") / "tiny-model"
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 2, "temperature": 0.0}))
    return folder


@pytest.fixture
def run(tiny_directory: Path) -> Any:
    """Run a coroutine function with an open engine."""

    def start(scenario: Callable[[TransformersEngine], Awaitable[Any]], **options: Any) -> Any:
        async def inside() -> Any:
            given = {"dtype": "float32", "concurrency": 4, "max_context": 200, **options}
            engine = await open_transformers(EngineOptions(model=str(tiny_directory), **given))
            try:
                return await scenario(engine)
            finally:
                await engine.aclose()

        return asyncio.run(inside())

    return start


def asking(sampling: Sampling, messages: Sequence[Message] = QUESTION, **request: Any) -> Any:
    async def scenario(engine: TransformersEngine) -> list[Completion]:
        return await engine.complete(messages, sampling, **request)

    return scenario


def test_the_generated_ids_and_their_text_come_back(run: Any) -> None:
    [completion] = run(asking(GREEDY))
    assert completion.token_ids is not None
    assert completion.usage.completion_tokens == len(completion.token_ids)
    assert completion.seconds > 0


def test_more_requests_than_places_are_all_answered_alike(run: Any) -> None:
    async def many(engine: TransformersEngine) -> list[list[Completion]]:
        return await asyncio.gather(*(engine.complete(QUESTION, GREEDY) for _ in range(19)))

    [alone] = run(asking(GREEDY))
    assert {tuple(a.token_ids or ()) for [a] in run(many)} == {alone.token_ids}


def test_equal_batches_draw_equal_samples(run: Any) -> None:
    sampled = Sampling(temperature=1.0, max_tokens=12, seed=7)
    first, again = run(asking(sampled, n=3)), run(asking(sampled, n=3))
    assert [c.token_ids for c in first] == [c.token_ids for c in again]
    assert first[0].token_ids != first[1].token_ids


def test_a_stop_string_over_several_tokens_ends_the_row(run: Any) -> None:
    [whole] = run(asking(GREEDY))
    stop = whole.text[2:7]
    [cut] = run(asking(Sampling(temperature=0.0, max_tokens=12, stop=(stop,))))
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish_reason is FinishReason.STOP
    assert cut.usage.completion_tokens <= whole.usage.completion_tokens


def test_the_context_truncates_what_the_cap_would_allow(run: Any) -> None:
    [completion] = run(asking(Sampling(temperature=0.0, max_tokens=10_000)), max_context=120)
    assert completion.usage.prompt_tokens + completion.usage.completion_tokens <= 120
    if completion.usage.prompt_tokens + completion.usage.completion_tokens == 120:
        assert completion.finish_reason is FinishReason.LENGTH


def test_a_prompt_longer_than_the_context_is_refused(run: Any) -> None:
    with pytest.raises(RequestError, match="the context holds 20") as error:
        run(asking(GREEDY), max_context=20)
    assert error.value.reason == "prompt_too_long"


def test_a_cancelled_request_makes_room_for_the_others(run: Any) -> None:
    async def cancel(engine: TransformersEngine) -> tuple[Any, list[Completion]]:
        endless = Sampling(temperature=1.0, max_tokens=3000)
        tasks = [asyncio.create_task(engine.complete(QUESTION, endless)) for _ in range(5)]
        await asyncio.sleep(0.02)
        for task in tasks:
            task.cancel()
        answer = await engine.complete(QUESTION, GREEDY)
        return (await _outcomes(tasks))[-1], answer

    last, answer = run(cancel, concurrency=1, max_context=4096)
    assert isinstance(last, asyncio.CancelledError)
    assert len(answer) == 1


async def _outcomes(tasks: Sequence["asyncio.Task[Any]"]) -> list[Any]:
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_closing_tells_the_requests_in_flight(run: Any) -> None:
    async def close(engine: TransformersEngine) -> list[Any]:
        endless = Sampling(temperature=1.0, max_tokens=3000)
        tasks = [asyncio.create_task(engine.complete(QUESTION, endless)) for _ in range(3)]
        await asyncio.sleep(0.02)
        await engine.aclose()
        late = asyncio.create_task(engine.complete(QUESTION, GREEDY))
        return await _outcomes([*tasks[-1:], late])

    outcomes = run(close, concurrency=1, max_context=4096)
    assert [type(o) for o in outcomes] == [EngineError, EngineError]


def test_a_model_that_breaks_fails_its_requests_and_does_not_hang(run: Any) -> None:
    async def shatter(engine: TransformersEngine) -> list[Any]:
        def broken(**_: Any) -> Any:
            raise RuntimeError("out of memory")

        engine._weights.forward = broken
        return await _outcomes([asyncio.create_task(engine.complete(QUESTION, GREEDY)) for _ in range(6)])

    outcomes = run(shatter)
    assert all(isinstance(o, EngineError) and "out of memory" in str(o) for o in outcomes)


def test_scores_are_those_of_one_plain_forward_pass(run: Any, tiny_directory: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    # More tokens than are scored at once.
    prompt, completion = [5, 6, 7], [3 + n * 7 % 200 for n in range(1200)]
    model = AutoModelForCausalLM.from_pretrained(str(tiny_directory), dtype=torch.float32)
    with torch.inference_mode():
        table = model(torch.tensor([[*prompt, *completion]])).logits[0].log_softmax(-1)[2:-1]

    async def scored(engine: TransformersEngine) -> list[Score]:
        beside = asyncio.create_task(engine.complete(QUESTION, GREEDY))
        scores = await asyncio.gather(*(engine.score(prompt, completion, top_k=k) for k in (0, 4)))
        assert (await beside)[0].token_ids
        return scores

    without, with_top = run(scored, max_context=2000)
    assert without.logprobs == with_top.logprobs == pytest.approx(table[range(1200), completion].tolist(), abs=1e-4)
    assert without.top == ()
    expected = table.topk(4).values.tolist()
    assert [list(place.values()) for place in with_top.top] == [pytest.approx(row, abs=1e-4) for row in expected]


@pytest.mark.parametrize(
    ("prompt", "completion", "top_k", "reason"),
    [
        ([], [5], 0, "bad_request"),
        ([5], [6], -1, "bad_request"),
        ([5], [1_000_000], 0, "bad_request"),
        ([5], [6] * 300, 0, "prompt_too_long"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    run: Any, prompt: list[int], completion: list[int], top_k: int, reason: str
) -> None:
    async def score(engine: TransformersEngine) -> None:
        await engine.score(prompt, completion, top_k=top_k)

    with pytest.raises(RequestError) as error:
        run(score)
    assert error.value.reason == reason


def test_log_probabilities_are_those_of_the_tokens_made(run: Any) -> None:
    async def both(engine: TransformersEngine) -> tuple[Completion, Score]:
        [made] = await engine.complete(QUESTION, GREEDY, extras=Extras(logprobs=True))
        prompt = engine._renderer.prompt_ids(QUESTION)
        return made, await engine.score(prompt, made.token_ids or (), top_k=1)

    made, score = run(both)
    assert made.logprobs == pytest.approx(score.logprobs, abs=1e-5)
    assert [next(iter(place)) for place in score.top] == list(made.token_ids or ())


def test_a_stop_string_is_kept_on_request(run: Any) -> None:
    [whole] = run(asking(GREEDY))
    stop = whole.text[2:7]
    sampling = Sampling(temperature=0.0, max_tokens=12, stop=(stop,))
    [kept] = run(asking(sampling, extras=Extras(include_stop=True)))
    assert (kept.text, kept.stop) == (whole.text[: whole.text.index(stop)] + stop, stop)


def test_a_prefix_is_taken_as_its_tokens(run: Any) -> None:
    [whole], [begun] = run(asking(GREEDY)), run(asking(Sampling(temperature=0.0, max_tokens=5)))
    rest_of = Sampling(temperature=0.0, max_tokens=7)
    [rest] = run(asking(rest_of, prefix=begun.text, extras=Extras(prefix_ids=begun.token_ids or ())))
    assert (*(begun.token_ids or ()), *(rest.token_ids or ())) == whole.token_ids


def test_the_rollouts_record_the_directorys_name_or_the_given_one(run: Any) -> None:
    async def name(engine: TransformersEngine) -> str:
        return engine.model

    assert run(name).endswith("tiny-model")
    assert run(name, model_id="told-apart") == "told-apart"


@pytest.mark.parametrize(
    ("asked", "defaults", "expected"),
    [
        (Sampling(), {}, (1.0, 1.0, 0, 1.0)),
        (Sampling(), {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.1}, (0.7, 0.8, 20, 1.1)),
        (Sampling(), {"top_k": None, "temperature": None}, (1.0, 1.0, 0, 1.0)),
        (Sampling(top_k=-1), {}, (1.0, 1.0, 0, 1.0)),
    ],
)
def test_what_is_left_open_comes_from_the_models_generation_config(
    asked: Sampling, defaults: dict[str, Any], expected: tuple[float, float, int, float]
) -> None:
    settings = _settings(asked, defaults)
    assert settings.pop("do_sample")
    assert tuple(settings.values()) == expected


def test_greedy_ignores_the_models_sampling_defaults() -> None:
    assert _settings(Sampling(temperature=0.0, top_k=5), {"temperature": 0.7, "top_k": 20})["do_sample"] is False
