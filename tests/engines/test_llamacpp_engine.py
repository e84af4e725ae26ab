"""What is special to the llamacpp engine; the rest is in the contract test."""

import asyncio
from pathlib import Path

import pytest

from reasondistill.engines.base import Completion
from reasondistill.engines.llamacpp_engine import open_llamacpp
from reasondistill.engines.options import EngineOptions
from reasondistill.errors import ModelError
from reasondistill.records import FinishReason, Message, Sampling

MODEL = "smollm2-135m-instruct"
QUESTION = (Message(role="user", content="What is 2 + 2?"),)


async def ask(sampling: Sampling, prefix: str = "", n: int = 1) -> list[Completion]:
    pytest.importorskip("xllamacpp")
    try:
        engine = await open_llamacpp(EngineOptions(model=MODEL, max_context=300, concurrency=2))
    except ModelError as error:
        pytest.skip(f"the model cannot be had: {error}")
    try:
        return await engine.complete(QUESTION, sampling, prefix=prefix, n=n)
    finally:
        await engine.aclose()


@pytest.mark.model
def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    asyncio.run(ask(Sampling(temperature=0.0, max_tokens=4)))
    assert capfd.readouterr().out == ""


@pytest.mark.model
def test_a_completion_that_fills_the_context_is_truncated() -> None:
    [completion] = asyncio.run(ask(Sampling(temperature=1.5, max_tokens=5000), prefix="I count: 1, 2, 3,"))
    assert completion.usage.prompt_tokens + completion.usage.completion_tokens <= 300
    assert completion.finish_reason in (FinishReason.LENGTH, FinishReason.STOP)


@pytest.mark.model
def test_a_prefix_that_opens_thinking_is_continued_inside_it() -> None:
    [completion] = asyncio.run(ask(Sampling(temperature=0.0, max_tokens=4), prefix="<think>Two plus"))
    assert completion.reasoning
    assert completion.text == ""


def test_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="GGUF"):
        asyncio.run(open_llamacpp(EngineOptions(model=str(tmp_path))))


@pytest.mark.model
def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\0" * 200)
    with pytest.raises(ModelError, match=r"broken\.gguf"):
        asyncio.run(open_llamacpp(EngineOptions(model=str(tmp_path / "broken.gguf"))))
