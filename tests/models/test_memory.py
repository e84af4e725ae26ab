"""A model that does not fit into memory is refused by the size of its weights, before it is loaded."""

import json
import struct
from pathlib import Path

import pytest

from reasondistill.engines.auto import require_weights_memory
from reasondistill.engines.options import EngineOptions
from reasondistill.errors import ModelError
from reasondistill.models import memory
from reasondistill.models.memory import free_memory, weight_bytes


def write_header(directory: Path, **tensors: tuple[str, list[int], int]) -> Path:
    """Write a safetensors file that holds only its header."""
    rows = {name: {"dtype": d, "shape": s, "data_offsets": [0, n]} for name, (d, s, n) in tensors.items()}
    header = json.dumps({"__metadata__": {"format": "pt"}, **rows}).encode()
    directory.mkdir(exist_ok=True)
    (directory / f"{'-'.join(tensors)}.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return directory


def test_the_weights_of_every_file_count(tmp_path: Path) -> None:
    write_header(tmp_path / "m", a=("BF16", [1000, 10], 20000), b=("F32", [5], 20))
    write_header(tmp_path / "m", c=("F8_E4M3", [1000], 1000))
    (tmp_path / "m" / "torn.safetensors").write_bytes(b"\x08\x00")
    assert weight_bytes(tmp_path / "m", 4) == 4 * 10005 + 1000
    assert weight_bytes(tmp_path / "m", 2) == 2 * 10005 + 1000


def test_a_model_larger_than_memory_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_header(tmp_path / "m", a=("BF16", [70_000, 1_000_000], 1))
    monkeypatch.setattr("reasondistill.engines.auto.cuda", lambda: False)
    monkeypatch.setattr("reasondistill.engines.auto.free_memory", lambda: 200_000_000_000)
    require_weights_memory(folder, EngineOptions(model="m", dtype="bfloat16"))
    with pytest.raises(ModelError, match=r"m: its weights take 280\.0 GB and 200\.0 GB .* --dtype bfloat16"):
        require_weights_memory(folder, EngineOptions(model="m", dtype="float32"))


def test_a_container_bounds_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert free_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal: 900 kB\nMemAvailable: 500 kB\n")
    assert free_memory() == 500 << 10
    for name, text in (
        ("memory.max", "1000"),
        ("memory.current", "700"),
        ("memory.stat", "anon 1\ninactive_file 200\n"),
    ):
        (tmp_path / name).write_text(text)
    assert free_memory() == 500
    (tmp_path / "memory.max").write_text("max")
    assert free_memory() == 500 << 10
