"""The dataset folder, which `datasets.load_dataset(folder)` opens: Parquet shards, a manifest and a card.

The main split is under `data/`, each control split under `splits/NAME/data/`, each format under `formats/NAME/data/`.
Every row carries its verdict and its origin, so that filtering later is one condition on a column.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..records import SCHEMA, Example, Message, Row, to_messages
from ..rows.files import read_parquet
from ..store import disk_error, write_atomic
from ..store.dataset_folder import MANIFEST
from .receipts import RECEIPT, Digest
from .shards import write_shards

FORMATS_FOLDER = "formats"
MAIN = "main"
"""Name of the main split."""


def write_dataset(
    folder: Path,
    examples: Iterable[Example],
    controls: Mapping[str, Iterable[Example]],
    card: Callable[[Mapping[str, int]], str],
    manifest: Mapping[str, Any] | None = None,
    *,
    formats: Callable[[Path], Mapping[str, int]] | None = None,
) -> Row:
    """Replace the dataset folder, whole or not at all, and return its summary. Raises StoreError.

    Examples are read twice, so one-time iterators will not do. `formats` writes other formats into the folder that it
    gets and returns the rows of each; `card` makes the card from those. `manifest` goes to manifest.json with the rows
    and the digest of every split. The summary is `{examples, splits: {name: {rows, digest}}, formats: {name: rows},
    outputs: {name: hash of the conversations}}`.
    """
    part = folder.with_name(folder.name + ".tmp")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        written: dict[str, _Split] = {}
        for name, each in {MAIN: examples, **controls}.items():
            place = part if name == MAIN else part / "splits" / name
            written[name] = _Split()
            write_shards(place / "data", _schema(each), written[name].rows(each))
        rows = dict(formats(part / FORMATS_FOLDER)) if formats else {}
        splits = {name: split.digest.to_row() for name, split in written.items()}
        described = {"schema": SCHEMA, **(manifest or {}), **({"formats": rows} if rows else {}), "splits": splits}
        write_atomic(part / MANIFEST, json.dumps(described, indent=1) + "\n")
        write_atomic(part / "README.md", card(rows))
        old = folder.with_name(folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
    except StoreError:
        raise
    except OSError as error:
        raise disk_error(error, folder) from None
    return {
        "examples": written[MAIN].digest.rows,
        "splits": splits,
        "formats": rows,
        "outputs": {name: split.hash for name, split in written.items()},
    }


def iter_rows(data: Path) -> Iterator[Row]:
    """Yield the rows of a folder of Parquet shards, in order, a few at a time. Raises DataError for a damaged one."""
    return read_parquet(sorted(data.glob("train-*.parquet")))


def row_messages(row: Mapping[str, Any], side: str) -> tuple[Message, ...]:
    """Return `prompt` or `completion` of a row as it was written: without the nulls of Parquet, calls as objects."""
    messages = []
    for message in row[side]:
        kept = {key: value for key, value in message.items() if value is not None}
        if isinstance(kept.get("tool_calls"), str):
            kept["tool_calls"] = json.loads(kept["tool_calls"])
        messages.append(kept)
    return to_messages(messages)


@dataclass(slots=True)
class _Split:
    """Hashes of a split, updated while its rows are written."""

    digest: Digest = field(default_factory=Digest)
    _seen: Any = field(default_factory=hashlib.sha256)

    @property
    def hash(self) -> str:
        """Hash of everything that a trainer sees, in order."""
        return str(self._seen.hexdigest())[:20]

    def rows(self, examples: Iterable[Example]) -> Iterator[Row]:
        """Yield the examples as rows and count them."""
        for example in examples:
            row = example.to_row()
            seen = [row["prompt"], row["completion"], row.get("tools")]
            self._seen.update(json.dumps(seen, sort_keys=True).encode() + b"\n")
            self.digest.add(str(example.provenance.get(RECEIPT)))
            # Every message gets the same keys, tools and calls are JSON text, so that Arrow sees one type.
            if row.get("tools"):
                row["tools"] = json.dumps(row["tools"])
            for message in (*row["prompt"], *row["completion"]):
                if message.get("tool_calls"):
                    message["tool_calls"] = json.dumps(message["tool_calls"])
            yield row


def _schema(examples: Iterable[Example]) -> Any:
    """Read the examples once and return their Arrow schema.

    A message has `reasoning` and `tool_calls`, and a row has `tools`, only where some example has them.
    """
    import pyarrow as pa

    used, columns, has_tools = {"role", "content"}, tuple[str, ...](), False
    for example in examples:
        columns = columns or tuple(example.provenance)
        has_tools = has_tools or bool(example.tools)
        for message in (*example.prompt, *example.completion):
            used |= message.to_row().keys()
    message = pa.struct([(k, pa.string()) for k in ("role", "content", "reasoning", "tool_calls") if k in used])
    numbers = {"round": pa.int32(), "completion_tokens": pa.int32()}
    tools = [("tools", pa.string())] if has_tools else []
    listed = [(name, numbers.get(name, pa.string())) for name in columns]
    return pa.schema([("prompt", pa.list_(message)), ("completion", pa.list_(message)), *tools, *listed])
