"""vLLM in this process with the real SmolLM2: what its own ways of failing on a CPU must not break."""

import asyncio
from importlib.util import find_spec

import pytest

from reasondistill.engines import EngineOptions
from reasondistill.engines.vllm_engine import open_vllm
from reasondistill.errors import EngineError, ModelError
from reasondistill.records import FinishReason, Message, Sampling

MODEL = "smollm2-135m-instruct"
QUESTION = (Message(role="user", content="Tell me a long story about a dog."),)
LONG = (Message(role="user", content="the dog ran home and then " * 420 + "What is 2 + 2?"),)

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # vLLM and what it imports warn of each other
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
]


def test_prompts_prefilled_in_chunks_can_be_sampled_and_a_cancelled_request_leaves_no_trace() -> None:
    async def scenario() -> None:
        try:
            engine = await open_vllm(EngineOptions(model=MODEL, max_context=4096, concurrency=6))
        except ModelError as error:
            pytest.skip(f"the model cannot be had: {error}")
        # Six prompts of some 2,500 tokens are more than one batch holds, so that some are prefilled in chunks.
        warm = Sampling(temperature=0.8, max_tokens=6)
        answers = await asyncio.gather(*(engine.complete(LONG, warm, prefix="It is " * i) for i in range(6)))
        assert all(answer.usage.prompt_tokens > 2000 for [answer] in answers)
        waiting = asyncio.create_task(engine.complete(QUESTION, Sampling(temperature=1.0, max_tokens=3000)))
        await asyncio.sleep(1.0)
        waiting.cancel()
        [answer] = await engine.complete(QUESTION, Sampling(temperature=0.0, max_tokens=3))
        assert answer.finish_reason is FinishReason.LENGTH
        await engine.aclose()
        with pytest.raises(EngineError):
            await engine.complete(QUESTION, warm)

    asyncio.run(scenario())


def test_a_model_that_vllm_cannot_load_is_one_line() -> None:
    async def scenario() -> None:
        await open_vllm(EngineOptions(model=MODEL, max_context=10_000_000))

    with pytest.raises(EngineError, match="vllm: smollm2-135m-instruct cannot be started"):
        asyncio.run(scenario())
