"""Rows of datasets that others made, brought to one form: question, reference, completion, and what the file claims.

Known by their columns: open-r1 (`generations` with a label each), OpenMathReasoning, NuminaMath (-CoT, -TIR),
OpenThoughts, s1K, ShareGPT, messages, prompt/completion, and files with question, reference and completion under the
usual names. Read from JSON Lines, JSON, Parquet, a folder of those, or a hub id, a few rows at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..records import Row
from ..store import read_rows
from ..store.dataset_folder import MANIFEST, is_own
from .problem import last_boxed

QUESTION = ("question", "problem", "query", "instruction", "prompt", "input")
REFERENCE = ("gold", "expected_answer", "answer", "final_answer", "ground_truth", "target", "ground_truth_solution")
COMPLETION = (
    "completion", "generated_solution", "generation", "response", "output", "deepseek_attempt", "attempt",
    "deepseek_solution", "generated_text", "text", "solution",
)  # fmt: skip
THINKING = ("deepseek_thinking_trajectory", "thinking_trajectories", "deepseek_reasoning", "reasoning", "thinking")
LABEL = ("is_correct", "correct", "label", "is_right", "verified")
FINISH = ("finish_reason", "stop_reason")
KEYS = ("id", "uuid", "problem_id", "rollout_id", "idx")
_ROLES = {"human": "user", "gpt": "assistant", "function": "tool", "ipython": "tool", "observation": "tool"}
_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".json.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRow:
    """One completion of a file."""

    key: str
    question: str
    reference: str | None
    """None where the file has none but the completion itself."""
    turns: tuple[Row, ...]
    """The completion as messages: one for most files, more where tools have turns of their own."""
    label: bool | None = None
    """What the file says of it; None where it says nothing."""
    truncated: bool | None = None
    tests: Any = None
    row: Row | None = None

    @property
    def text(self) -> str:
        """What a verifier reads: the last assistant turn."""
        return next((t["content"] for t in reversed(self.turns) if t["role"] == "assistant"), "")

    @property
    def trained(self) -> str:
        """All that a trainer would take as the model's own words."""
        return "\n".join(t["content"] for t in self.turns if t["role"] == "assistant")


def read_foreign(place: str, *, limit: int | None = None) -> Iterator[ForeignRow]:
    """Yield the completions of a file, a folder or a hub id; a row with several generations gives one for each.

    Raises DataError where there is nothing to read or the first rows hold no completion.
    """
    found = 0
    for number, row in enumerate(islice(_rows(place), limit)):
        for one in to_foreign(row, number):
            found += 1
            yield one
        if number >= 99 and not found:
            raise DataError(f"{place}: no completion in the first {number + 1} rows; they have {', '.join(row)[:300]}")
    if not found:
        raise DataError(f"{place}: no row with a completion; see `reasondistill audit --help` for the forms")


def to_foreign(row: Row, number: int) -> Iterator[ForeignRow]:
    """Yield the completions of one row.

    >>> [one.reference for one in to_foreign({"problem": "1+1?", "expected_answer": "2", "generated_solution": "2"}, 0)]
    ['2']
    """
    key = str(_first(row, KEYS) if _first(row, KEYS) is not None else number)
    generations = row.get("generations")
    if isinstance(generations, list | tuple) and generations and isinstance(generations[0], str):
        yield from _generations(row, key, generations)
        return
    turns, question = _conversation(row)
    if not turns:
        text = _first_text(row, COMPLETION)
        if text is None:
            return
        thinking = _first(row, THINKING)
        thought = thinking[0] if isinstance(thinking, list | tuple) and thinking else thinking
        content = f"<think>{thought}</think>{text}" if isinstance(thought, str) and thought.strip() else text
        turns = ({"role": "assistant", "content": content},)
    question = _first_text(row, QUESTION) or question
    yield ForeignRow(
        key=key,
        question=question,
        reference=_reference(row, turns[-1]["content"]),
        turns=turns,
        label=_label(_first(row, LABEL)),
        truncated=None if _first(row, FINISH) is None else _first(row, FINISH) == "length",
        tests=row.get("tests"),
        row=row,
    )


def _generations(row: Row, key: str, generations: Sequence[str]) -> Iterator[ForeignRow]:
    """open-r1: labels, finish reasons and completeness are lists beside the generations."""
    for i, text in enumerate(generations):
        label = _label(_at(row.get("correctness_math_verify"), i))
        finish, complete = _at(row.get("finish_reasons"), i), _at(row.get("is_reasoning_complete"), i)
        known = finish is not None or complete is not None
        yield ForeignRow(
            key=f"{key}/{i}",
            question=_first_text(row, QUESTION) or "",
            reference=_reference(row, text),
            turns=({"role": "assistant", "content": text},),
            label=label,
            truncated=(finish == "length" or complete is False) if known else None,
            row=row,
        )


def _conversation(row: Row) -> tuple[tuple[Row, ...], str]:
    """Return the turns behind the last user message and that message, of whichever conversation the row has."""
    for name in ("messages", "conversations", "conversation"):
        if isinstance(row.get(name), list | tuple) and row[name]:
            return _split(list(row[name]))
    if isinstance(row.get("completion"), list | tuple) and isinstance(row.get("prompt"), list | tuple):
        return _split([*row["prompt"], *row["completion"]])
    return (), ""


def _split(messages: Sequence[Any]) -> tuple[tuple[Row, ...], str]:
    turns = [_turn(m) for m in messages if isinstance(m, Mapping)]
    last = max((i for i, t in enumerate(turns) if t["role"] == "user"), default=-1)
    question = turns[last]["content"] if last >= 0 else ""
    return tuple(turns[last + 1 :]), question


def _turn(message: Mapping[str, Any]) -> Row:
    role = str(message.get("role") or message.get("from") or "")
    content = message.get("content") if message.get("content") is not None else message.get("value")
    thought = message.get("reasoning") or message.get("reasoning_content")
    text = content if isinstance(content, str) else ""
    return {
        "role": _ROLES.get(role, role),
        "content": f"<think>{thought}</think>{text}" if isinstance(thought, str) and thought else text,
    }


def _reference(row: Row, completion: str) -> str | None:
    """Return the reference; a worked solution gives its box, unless it is the completion itself."""
    given = _first(row, REFERENCE)
    if isinstance(given, bool | Mapping):
        given = None
    if isinstance(given, list | tuple):
        given = ", ".join(map(str, given))
    if given is not None and str(given).strip():
        text = str(given).strip()
        marked = last_boxed(text) or (text.rpartition("####")[2].strip() if "####" in text else None)
        return marked or text
    solution = row.get("solution")
    if isinstance(solution, str) and solution.strip() and solution.strip() not in completion:
        return last_boxed(solution) or (solution.strip() if len(solution) <= 60 and "\n" not in solution else None)
    return None


def _label(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _first(row: Row, keys: Sequence[str]) -> Any:
    return next((row[k] for k in keys if row.get(k) is not None), None)


def _first_text(row: Row, keys: Sequence[str]) -> str | None:
    return next((row[k] for k in keys if isinstance(row.get(k), str) and row[k].strip()), None)


def _at(values: Any, i: int) -> Any:
    return values[i] if isinstance(values, list | tuple) and i < len(values) else None


def _rows(place: str) -> Iterator[Row]:
    path = Path(place)
    if path.is_dir():
        # What stands beside the main split of a dataset of ours, controls and formats, repeats its rows.
        found = (path / "data" if is_own(path) else path).rglob("*")
        files = sorted(p for p in found if p.name.endswith(_SUFFIXES) and p.name != MANIFEST)
        if not files:
            raise DataError(f"{place}: holds no {', '.join(_SUFFIXES)} file")
    elif path.is_file():
        if not path.name.endswith(_SUFFIXES):
            raise DataError(f"{place}: cannot tell the format; the name must end in {', '.join(_SUFFIXES)}")
        files = [path]
    elif "/" in place and not path.suffix and not place.startswith((".", "/")):
        yield from _hub_rows(place.removeprefix("hub:"))
        return
    else:
        raise DataError(f"{place}: no such file or folder, and no hub id (ORG/NAME)")
    for file in files:
        yield from _file_rows(file)


def _file_rows(file: Path) -> Iterator[Row]:
    if file.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as parquet

        try:
            with parquet.ParquetFile(file) as opened:
                for batch in opened.iter_batches(batch_size=256):
                    yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{file}: not a readable Parquet file: {str(error).splitlines()[0]}") from None
    elif ".jsonl" in file.suffixes:
        yield from read_rows(file)
    else:
        yield from _array(file)


def _array(file: Path) -> Iterator[Row]:
    import gzip
    import json

    try:
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        found = json.loads(text)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file}: not a readable JSON file: {error}") from None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise DataError(f"{file}: an array of objects was expected")
    yield from found


def _hub_rows(name: str) -> Iterator[Row]:
    """Yield the rows of a hub dataset's data files, each fetched when it is reached. No code of the dataset is run."""
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    repo, _, config = name.partition(":")
    try:
        listed = HfApi().list_repo_files(repo, repo_type="dataset")
        files = sorted(f for f in listed if f.endswith(_SUFFIXES) and f.startswith(config))
        if not files:
            raise DataError(f"{name}: the dataset has no {', '.join(_SUFFIXES)} file; it has {', '.join(listed)[:300]}")
        for file in files:
            yield from _file_rows(Path(hf_hub_download(repo, file, repo_type="dataset")))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        said = " ".join(str(error).split())[:300]
        raise DataError(
            f"{name}: the dataset cannot be had: {said}; check name and network, or give its files"
        ) from None
