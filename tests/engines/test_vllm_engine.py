"""vLLM in this process with the real SmolLM2: what its own ways of failing on a CPU must not break."""

import asyncio
from importlib.util import find_spec

import pytest

from reasondistill.engines import EngineOptions
from reasondistill.engines.vllm_cpu_norms import PROVIDER, register_norms
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


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_cpu_norms_are_those_that_vllm_computes_itself(dtype: str) -> None:
    import torch

    priorities = register_norms()
    if not priorities:
        pytest.skip("this vLLM has no compiled norms for this processor")
    from vllm import ir

    torch.manual_seed(0)
    x, residual = (torch.randn(7, 576, dtype=getattr(torch, dtype)) for _ in range(2))
    weight = torch.rand(576, dtype=x.dtype) + 0.5
    tolerance = {"rtol": 2e-2, "atol": 2e-2} if dtype == "bfloat16" else {"rtol": 1e-5, "atol": 1e-6}
    ours, theirs = (ir.ops.rms_norm.impls[name].impl_fn(x, weight, 1e-5) for name in (PROVIDER, "native"))
    torch.testing.assert_close(ours, theirs, **tolerance)
    operation = ir.ops.fused_add_rms_norm
    theirs = operation.impls["native"].impl_fn(x.clone(), residual.clone(), weight, 1e-5)
    ours = operation.impls[PROVIDER].impl_fn(x.clone(), residual.clone(), weight, 1e-5)
    for mine, native in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, native, **tolerance)
    assert register_norms() == priorities == {key: [PROVIDER, "native"] for key in priorities}
