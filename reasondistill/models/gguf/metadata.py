"""What a GGUF file says about itself: its key-value header (versions 2 and 3), read without any model library."""

import math
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import ModelError

_MAGIC = b"GGUF"
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_UINT32, _STRING, _ARRAY = 4, 8, 9
_LONGEST = 1 << 28
"""No honest string or array is longer; a broken length must not ask for all memory."""

_VOCABULARY = ("tokens", "token_type", "scores", "merges")

# `general.file_type` of the mixtures that are handed around; the numbers are llama.cpp's LLAMA_FTYPE.
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 32: "BF16",
}  # fmt: skip


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the header's keys and values; raise ModelError where the file is not a whole GGUF header."""
    try:
        with path.open("rb") as file:
            return _read_header(file).values
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, struct.error) as error:
        raise ModelError(f"{path}: not a usable GGUF file ({error}); fetch or copy it again") from error


def quantisation(metadata: dict[str, Any]) -> str | None:
    """Return the name of the weights' format, such as Q4_K_M, or None where the header does not say.

    >>> quantisation({"general.file_type": 15})
    'Q4_K_M'
    """
    return _FILE_TYPES.get(metadata.get("general.file_type", -1))


def sampling_defaults(metadata: Mapping[str, Any]) -> dict[str, float]:
    """Return the model's own sampling settings, as far as the header holds them: temperature, top_p, top_k.

    >>> sampling_defaults({"general.sampling.temp": 0.5, "general.name": "m"})
    {'temperature': 0.5}
    """
    names = {"temperature": "temp", "top_p": "top_p", "top_k": "top_k"}
    given = {name: metadata.get(f"general.sampling.{key}") for name, key in names.items()}
    # The header keeps 32 bits of them: 0.6 comes back as 0.6000000238.
    return {name: round(float(value), 6) for name, value in given.items() if value is not None}


def count_parameters(path: Path) -> int:
    """Return the number of weights in the file, by the shapes of its tensors."""
    with path.open("rb") as file:
        header, count = _read_header(file), 0
        for _ in range(header.tensors):
            _string(file)
            count += math.prod(_number(file, "Q") for _ in range(_number(file, "I")))
            file.seek(4 + 8, 1)
    return count


def write_lean_copy(source: Path, copy: Path) -> None:
    """Copy a GGUF file without its vocabulary, of which gguf.GGUFReader makes several slow objects a word."""
    with source.open("rb") as file, copy.open("wb") as out:
        header = _read_header(file)
        dropped = {f"tokenizer.ggml.{key}" for key in _VOCABULARY}
        kept = [_bytes_of(file, span) for key, span in header.spans.items() if key not in dropped]
        size = f"{header.values['general.architecture']}.vocab_size".encode()
        if size.decode() not in header.values:
            words = len(header.values["tokenizer.ggml.tokens"])
            kept.append(struct.pack("<Q", len(size)) + size + struct.pack("<II", _UINT32, words))
        file.seek(header.end)
        for _ in range(header.tensors):  # each description is a name, a shape, a type and an offset
            _string(file)
            file.seek(_number(file, "I") * 8 + 4 + 8, 1)
        infos = _bytes_of(file, (header.end, file.tell()))
        alignment = header.values.get("general.alignment", 32)
        file.seek(-file.tell() % alignment, 1)
        out.write(_MAGIC + struct.pack("<IQQ", 3, header.tensors, len(kept)) + b"".join(kept) + infos)
        out.write(bytes(-out.tell() % alignment))
        shutil.copyfileobj(file, out, 1 << 22)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    values: dict[str, Any]
    spans: dict[str, tuple[int, int]]
    """Where each pair begins and ends in the file."""
    tensors: int
    end: int
    """Where the pairs end and the descriptions of the tensors begin."""


def _read_header(file: BinaryIO) -> _Header:
    if file.read(4) != _MAGIC:
        raise ValueError("it does not begin with GGUF")
    version, tensors, pairs = _number(file, "I"), _number(file, "Q"), _number(file, "Q")
    if version not in (2, 3):
        raise ValueError(f"version {version} of the format is not known")
    values, spans = {}, {}
    for _ in range(pairs):
        start = file.tell()
        key = _string(file)
        values[key] = _value(file, _number(file, "I"))
        spans[key] = (start, file.tell())
    return _Header(values=values, spans=spans, tensors=tensors, end=file.tell())


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind != _ARRAY:
        return _number(file, _scalar(kind))
    kind, count = _number(file, "I"), _length(file)
    if kind in (_STRING, _ARRAY):
        return [_value(file, kind) for _ in range(count)]
    code = f"<{count}{_scalar(kind)}"
    return list(struct.unpack(code, file.read(struct.calcsize(code))))


def _scalar(kind: int) -> str:
    if kind not in _SCALARS:
        raise ValueError(f"value type {kind} is not known")
    return _SCALARS[kind]


def _string(file: BinaryIO) -> str:
    length = _length(file)
    data = file.read(length)
    if len(data) != length:
        raise ValueError("it ends in the middle of its header")
    # A vocabulary may hold pieces that are not UTF-8.
    return data.decode("utf-8", "surrogateescape")


def _length(file: BinaryIO) -> int:
    length = int(_number(file, "Q"))
    if length > _LONGEST:
        raise ValueError(f"a length of {length} is not credible")
    return length


def _number(file: BinaryIO, code: str) -> Any:
    return struct.unpack(f"<{code}", file.read(struct.calcsize(f"<{code}")))[0]


def _bytes_of(file: BinaryIO, span: tuple[int, int]) -> bytes:
    file.seek(span[0])
    return file.read(span[1] - span[0])
