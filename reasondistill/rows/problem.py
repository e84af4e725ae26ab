"""How one row of a file or dataset becomes a Problem, and how many rows become a list of them.

The key spellings of the usual benchmarks are mapped here. Whether a reference is mathematically sound is the
verifiers' business.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from sys import intern
from typing import Any

from ..errors import DataError
from ..records import Kind, Problem, Row, content_id
from .code_tests import CODE_KEYS, TEST_KEYS, FormError, normal_tests

QUESTION_KEYS = ("question", "problem", "prompt", "query", "instruction")
ANSWER_KEYS = ("answer", "gold", "expected_answer", "final_answer", "target", "solution")
CONVERSATION_KEYS = ("messages", "conversations", "conversation", "prompt")
ID_KEYS = ("id", "problem_id", "task_id", "unique_id", "question_id")
OWN_KEYS = ("kind", "source", "parent_ids", "metadata", "content_hash", "schema")

SHORT_ANSWER = 60
"""Characters up to which an unmarked `solution` of one line is taken as the answer itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRules:
    """What the caller says about all rows of one source."""

    where: str
    """The file or dataset, as error messages and `Problem.source` name it."""
    kind: Kind | None = None
    """None: code where there are tests, else math."""
    split: str | None = None
    """None: the split that this package wrote into the row, else train."""
    require_reference: bool = True
    skip_bad: bool = False
    limit: int | None = None
    user_turn: bool = False
    """A row without a question has one in its conversation: the last user turn."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Keys of this package by the row's own: `{"question": "{Body} {Question}", "answer": "Answer"}`."""


class RowError(ValueError):
    """One row cannot become a problem; the message lacks the file and line, which `collect` adds."""


def collect(rows: Iterable[tuple[int, object]], rules: RowRules, warn: Callable[[str], None]) -> list[Problem]:
    """Return the problems of numbered rows, each id once: see `each_problem`."""
    return list(each_problem(rows, rules, warn))


def each_problem(rows: Iterable[tuple[int, object]], rules: RowRules, warn: Callable[[str], None]) -> Iterator[Problem]:
    """Yield the problems of numbered rows (raw JSON lines or objects), each id once.

    Raises DataError at the first unusable row, or with `skip_bad` leaves such rows out and warns at the end. A row that
    repeats another's id and content is dropped with a warning; one id with two contents is an unusable row.
    """
    seen: dict[str, bytes] = {}
    bad: list[str] = []
    repeated = 0
    for number, raw in rows:
        if rules.limit is not None and len(seen) >= rules.limit:
            break
        try:
            problem = to_problem(parse_row(raw), rules)
            is_repeated = _is_repeated(problem, seen)
        except RowError as error:
            if not rules.skip_bad:
                hint = "(use --skip-bad to leave such rows out)"
                raise DataError(f"{rules.where}:{number}: {error} {hint}") from None
            bad.append(f"{number} ({error})")
            continue
        if is_repeated:
            repeated += 1
            continue
        seen[problem.id] = _digest(problem)
        yield problem
    if bad:
        warn(f"{rules.where}: left out {len(bad)} unusable rows: {_some(bad)}")
    if repeated:
        warn(f"{rules.where}: dropped {repeated} rows that repeat an earlier one")
    if not seen and rules.limit != 0:
        raise DataError(f"{rules.where}: no usable problem in it; each row needs a question and an answer or tests")


def parse_row(raw: object) -> Row:
    """Return the row of a raw JSON line, or the object itself where the format gives one."""
    if isinstance(raw, bytes):
        try:
            raw = json.loads(raw.decode("utf-8-sig"))
        except json.JSONDecodeError as error:
            raise RowError(f"not valid JSON: {error.msg} at column {error.colno}") from None
        except UnicodeDecodeError as error:
            raise RowError(f"not valid UTF-8 at byte {error.start}") from None
        except RecursionError:
            raise RowError("JSON nested too deeply") from None
    if not isinstance(raw, dict):
        raise RowError(f"expected a JSON object, got {type(raw).__name__}")
    return raw


def to_problem(row: Row, rules: RowRules) -> Problem:
    """Map one row; keys that are not mapped become metadata.

    >>> row = {"Problem": "What is 6 * 7?", "solution": r"It is $\\boxed{42}$.", "level": 1}
    >>> problem = to_problem(row, RowRules(where="x.jsonl"))
    >>> problem.question, problem.answer, problem.metadata["level"]
    ('What is 6 * 7?', '42', 1)
    """
    row = _renamed(row, rules.fields)
    keys = _Keys(row)
    question = (_user_turn(row) if rules.user_turn else None) or _question(keys)
    tests = _tests(keys)
    kind = rules.kind or _own_kind(row) or (Kind.MATH if tests is None else Kind.CODE)
    answer = _answer(keys) if kind is Kind.MATH else None
    tests = tests if kind is Kind.CODE else None
    if kind is Kind.CODE:
        keys.used |= keys.spelled(CODE_KEYS)
    if rules.require_reference and answer is None and tests is None:
        raise RowError(_no_reference(row, kind))
    identity = keys.first(ID_KEYS)
    return Problem(
        id=content_id(kind, question, answer, tests) if identity is None else str(identity),
        kind=kind,
        question=question,
        answer=answer,
        tests=tests,
        # The same few words stand in every row: held once, whatever the number of problems.
        source=intern(row["source"] if isinstance(row.get("source"), str) and row["source"] else rules.where),
        split=intern(rules.split or _own_split(row)),
        parent_ids=tuple(row.get("parent_ids") or ()),
        metadata=_metadata(row, keys.used),
    )


def _renamed(row: Row, names: Mapping[str, str]) -> Row:
    """Return the row with this package's keys for its own, each a key or a text with keys in braces."""
    try:
        own = {
            key: row[name] if "{" not in name else re.sub(r"\{(\w+)\}", lambda found: str(row[found[1]]), name)
            for key, name in names.items()
        }
    except KeyError as error:
        raise RowError(f"no key {error}, which the benchmark's `fields` name; it has {', '.join(row)}") from None
    return {**row, **own}


class _Keys:
    """A row's keys without regard to case, and which of them were used."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        self._spelling = {key.lower(): key for key in reversed(list(row))} | {k: k for k in row if k == k.lower()}
        self.used: set[str] = set()

    def spelled(self, keys: Iterable[str]) -> set[str]:
        """Return the row's own spellings of those keys that it has."""
        return {self._spelling[key] for key in keys if key in self._spelling}

    def filled(self, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield key (the row's spelling) and value of those that hold something, in the given order."""
        for key in keys:
            name = self._spelling.get(key, key)
            if self._row.get(name) not in (None, "", [], {}):
                yield name, self._row[name]

    def first(self, keys: Sequence[str]) -> Any:
        """Return the first value that holds something, and mark its key as used."""
        for name, value in self.filled(keys):
            self.used.add(name)
            return value
        return None


def _question(keys: _Keys) -> str:
    value = keys.first(QUESTION_KEYS)
    if isinstance(value, str) and value.strip():
        return value
    if value is None or isinstance(value, str):
        raise RowError(f"no question; accepted keys: {', '.join(QUESTION_KEYS)}")
    raise RowError(f"the question must be text, got {type(value).__name__}")


def _user_turn(row: Row) -> str | None:
    """Return the last user turn of a row's messages, of a row that has no question of its own."""
    if any(isinstance(row.get(key), str) and row[key].strip() for key in QUESTION_KEYS):
        return None
    for name in CONVERSATION_KEYS:
        for turn in reversed(row[name] if isinstance(row.get(name), list) else []):
            if isinstance(turn, dict) and (turn.get("role") or turn.get("from")) in ("user", "human"):
                content = turn.get("content") or turn.get("value")
                return content if isinstance(content, str) and content.strip() else None
    return None


def _tests(keys: _Keys) -> Row | None:
    try:
        return normal_tests({name.lower(): value for name, value in keys.filled(CODE_KEYS)})
    except FormError as error:
        raise RowError(str(error)) from None


def _answer(keys: _Keys) -> str | None:
    for name, value in keys.filled(ANSWER_KEYS):
        text = _answer_text(value, worked=name.lower() == "solution")
        if text is not None:
            keys.used.add(name)
            return text
    return None


def _answer_text(value: object, *, worked: bool) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, list):
        parts = [_answer_text(part, worked=worked) for part in value]
        return ", ".join(part for part in parts if part is not None) or None
    if not isinstance(value, str):
        raise RowError(f"the answer must be text, a number or a list of them, got {type(value).__name__}")
    text = value.strip()
    marked = _after_hashes(text) or last_boxed(text)
    if marked is None and worked and (len(text) > SHORT_ANSWER or "\n" in text):
        return None
    return marked or text or None


def _after_hashes(text: str) -> str | None:
    # GSM8K ends a worked solution with "#### 42".
    found = re.findall(r"^####[ \t]*(\S.*)$", text, flags=re.MULTILINE)
    return found[-1].strip() if found else None


def last_boxed(text: str) -> str | None:
    r"""Return what the last balanced `\boxed{...}` holds.

    >>> last_boxed(r"So \boxed{1} or rather \boxed{\frac{1}{2}}.")
    '\\frac{1}{2}'
    """
    for start in reversed([m.end() for m in re.finditer(r"\\f?boxed\s*\{", text)]):
        depth = 1
        for brace in re.finditer(r"\\.|[{}]", text[start:], flags=re.DOTALL):
            depth += {"{": 1, "}": -1}.get(brace.group(), 0)
            if depth == 0:
                return text[start : start + brace.start()].strip() or None
    return None


def _own_kind(row: Row) -> Kind | None:
    return Kind(row["kind"]) if row.get("kind") in ("math", "code") else None


def _own_split(row: Row) -> str:
    # Benchmarks have a `split` column too (MBPP: prompt, test, ...); only ours names a split of a run.
    return str(row["split"]) if "content_hash" in row and row.get("split") else "train"


def _no_reference(row: Row, kind: Kind) -> str:
    accepted = ANSWER_KEYS if kind is Kind.MATH else TEST_KEYS
    what = "answer" if kind is Kind.MATH else "tests"
    has = ", ".join(list(row)[:12])
    unusable = r"; its solution has neither \boxed{} nor ####" if row.get("solution") and kind is Kind.MATH else ""
    return f"no {what}: the row has the keys {has}; accepted are {', '.join(accepted)}{unusable}"


def _metadata(row: Row, used: set[str]) -> Row:
    own = row["metadata"] if isinstance(row.get("metadata"), dict) else {}
    left_out = {*used, *OWN_KEYS} | ({"split"} if "content_hash" in row else set())
    rest = {key: value for key, value in row.items() if key not in left_out and value is not None}
    # Parquet gives dates and decimals, which JSON does not know.
    cleaned: Row = json.loads(json.dumps({**own, **rest}, default=str)) if own or rest else {}
    return {intern(key): value for key, value in cleaned.items()}


def _is_repeated(problem: Problem, seen: Mapping[str, bytes]) -> bool:
    earlier = seen.get(problem.id)
    if earlier is None:
        return False
    if earlier != _digest(problem):
        raise RowError(f"the id {problem.id!r} stands for another problem in an earlier row; give each its own id")
    return True


def _digest(problem: Problem) -> bytes:
    return bytes.fromhex(problem.content_hash)


def _some(items: Sequence[str], most: int = 5) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return "; ".join(items[:most]) + more
