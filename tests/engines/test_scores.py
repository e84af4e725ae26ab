"""Log-probabilities of given completions: each engine's against plain transformers, with the real SmolLM2."""

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import pytest

from reasondistill.engines import EngineOptions, Score, open_engine
from reasondistill.engines.rendering import Renderer
from reasondistill.errors import ModelError, RequestError
from reasondistill.models.resolve import weights_directory
from reasondistill.records import Message

MODEL = "smollm2-135m-instruct"
TEXTS = (
    "2 + 2 = 4.",
    "Purple seventeen the the of \u00e9\U0001f600 \\boxed{",
    "It is four, since two and two make four. " * 70,
)
"""A likely answer, an unlikely one, and one longer than the pieces in which transformers scores."""
TOP = 5

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # vLLM and what it imports warn of each other
]


@pytest.fixture(scope="module")
def rows() -> list[tuple[list[int], list[int]]]:
    """Prompts and completions as tokens."""
    try:
        renderer = Renderer.load(weights_directory(MODEL))
    except ModelError as error:
        pytest.skip(f"the model cannot be had: {error}")
    prompt = renderer.prompt_ids((Message(role="user", content="What is 2 + 2?"),))
    whole = [renderer.prompt_ids((Message(role="user", content="What is 2 + 2?"),), prefix=text) for text in TEXTS]
    assert len(whole[2]) > 600
    return [(prompt, ids[len(prompt) :]) for ids in whole]


@pytest.fixture(scope="module")
def expected(rows: Sequence[tuple[list[int], list[int]]]) -> list[tuple[Any, Any]]:
    """What the model itself says, in one plain forward pass: log-probabilities, and the table of all tokens'."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(weights_directory(MODEL)), dtype=torch.float32).eval()
    found = []
    for prompt, completion in rows:
        with torch.inference_mode():
            table = model(torch.tensor([[*prompt, *completion]])).logits[0].log_softmax(-1)
        table = table[len(prompt) - 1 : -1]
        found.append((table[range(len(completion)), completion].tolist(), table))
    return found


def scores(engine: str, rows: Sequence[tuple[list[int], list[int]]]) -> tuple[list[Score], RequestError]:
    """Return the scores of the rows, asked for at once, and the error of one that is too long."""

    async def inside() -> Any:
        options = EngineOptions(engine=engine, model=MODEL, max_context=1500, concurrency=4, dtype="float32")
        opened = await open_engine(options)
        try:
            made = await asyncio.gather(*(opened.score(*row, top_k=TOP) for row in rows))
            with pytest.raises(RequestError) as error:
                await opened.score(rows[0][0], rows[0][1] * 300)
            return made, error.value
        finally:
            await opened.aclose()

    return asyncio.run(inside())


@pytest.mark.parametrize("engine", ["transformers", "vllm"])
def test_scores_are_those_of_a_plain_forward_pass(
    engine: str, rows: list[tuple[list[int], list[int]]], expected: list[tuple[Any, Any]]
) -> None:
    if engine == "vllm" and find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    made, error = scores(engine, rows)
    assert error.reason == "prompt_too_long"
    for score, (logprobs, table) in zip(made, expected, strict=True):
        assert score.logprobs == pytest.approx(logprobs, abs=1e-3)
        for place, of_all in zip(score.top, table, strict=True):
            likeliest = of_all.topk(TOP).values.tolist()
            assert list(place.values()) == pytest.approx(likeliest, abs=1e-3)
            assert [of_all[token].item() for token in place] == pytest.approx(likeliest, abs=1e-3)
    assert min(min(score.logprobs) for score in made) < -5
