"""Which engine and dtype are chosen."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from reasondistill.engines import ENGINES, open_engine
from reasondistill.engines.auto import choose, choose_dtype, fast_bfloat16
from reasondistill.engines.options import EngineOptions
from reasondistill.errors import EngineError, RecipeError
from reasondistill.models.fetch import CachedModel

TORCH = {"torch", "transformers"}


@pytest.mark.parametrize(
    ("options", "installed", "cuda", "expected"),
    [
        ({"engine": "replay", "base_url": "http://x"}, set(), False, "replay"),
        ({"base_url": "http://localhost:8000/v1"}, TORCH, True, "openai"),
        ({"replay": "runs/x"}, TORCH, True, "replay"),
        ({}, TORCH | {"vllm"}, True, "vllm"),
        ({}, TORCH, True, "transformers"),
        ({}, TORCH | {"vllm", "xllamacpp"}, False, "vllm"),
        ({"model": "m.gguf"}, TORCH | {"xllamacpp"}, False, "transformers"),
        ({"model": "m.gguf", "concurrency": 1}, TORCH | {"xllamacpp"}, False, "llamacpp"),
        ({"model": "m.gguf"}, {"xllamacpp"}, False, "llamacpp"),
    ],
)
def test_auto_takes_the_fastest_that_can_run(
    options: dict[str, Any], installed: set[str], cuda: bool, expected: str
) -> None:
    name, why = choose(EngineOptions(**options), has=installed.__contains__, has_cuda=lambda: cuda)
    assert name == expected
    assert why and "\n" not in why


@pytest.mark.parametrize(
    ("source", "concurrency", "expected"),
    [("wheels", 1, "llamacpp"), ("wheels", 8, "vllm"), ("hub", 1, "vllm"), (None, 1, "vllm")],
)
def test_a_catalogue_model_runs_alone_in_llama_cpp_where_its_gguf_file_is_at_hand(
    monkeypatch: pytest.MonkeyPatch, source: Any, concurrency: int, expected: str
) -> None:
    found = source and CachedModel(path=Path("m"), source=source, sha256=None)
    monkeypatch.setattr("reasondistill.engines.auto.cached", lambda _: found)
    options = EngineOptions(model="SmolLM2-135M-Instruct", concurrency=concurrency)
    name, _ = choose(options, has=(TORCH | {"vllm", "xllamacpp"}).__contains__, has_cuda=lambda: False)
    assert name == expected


def test_without_any_library_the_extras_are_named() -> None:
    with pytest.raises(EngineError, match=r"reasondistill\[train\].*reasondistill\[llamacpp\].*--base-url"):
        choose(EngineOptions(model="m"), has=lambda _: False, has_cuda=lambda: False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f amx_bf16 amx_tile\n", True),
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16\n", True),
        ("processor : 0\nflags\t\t: fpu avx512f\n", False),
        ("model name : amx_bf16 lookalike\n", False),
    ],
)
def test_bfloat16_is_fast_only_with_instructions_for_it(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert fast_bfloat16(tmp_path / "cpuinfo") is expected


def test_a_system_without_cpuinfo_has_no_fast_bfloat16(tmp_path: Path) -> None:
    assert fast_bfloat16(tmp_path / "none") is False


def test_a_dtype_that_was_asked_for_is_kept() -> None:
    assert choose_dtype(EngineOptions(dtype="float32")) == "float32"
    assert choose_dtype(EngineOptions()) in ("float32", "bfloat16")


def test_auto_says_what_it_took(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "r.jsonl").write_text('{"messages": [{"role": "user", "content": "q"}], "model": "m"}\n')
    engine = asyncio.run(open_engine(EngineOptions(replay=str(tmp_path)), say=said.append))
    assert engine.name == "replay"
    assert said == ["engine replay: the options name recorded rollouts"]


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=", ".join(ENGINES)):
        asyncio.run(open_engine(EngineOptions(engine="tensorrt")))
