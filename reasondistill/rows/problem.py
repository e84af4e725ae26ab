"""How one row becomes a Problem, and how many rows become a list of them.

Whether a reference is mathematically sound is the verifiers' business.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from ..errors import DataError
from ..records import Kind, Problem, Row, content_id
from .code_tests import CODE_KEYS, FormError, normal_tests
from .files import RawRow, parse_row
from .keys import (
    PROBLEM_ID,
    QUESTION,
    REFERENCE,
    TESTS,
    BadReference,
    RowError,
    filled,
    find_reference,
    key_names,
    lowered,
    question_of,
)
from .layouts import recognise

_CODE_KEYS = frozenset(CODE_KEYS)
_KINDS = {str(kind): kind for kind in Kind}
OWN_KEYS = ("kind", "source", "parent_ids", "metadata", "content_hash", "schema")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRules:
    """How the rows of one source become problems."""

    where: str
    """File or dataset, as error messages and `Problem.source` name it."""
    kind: Kind | None = None
    """Kind of the problems. None: code if a row has tests, else math."""
    split: str | None = None
    """Split of the problems. None: the one that this package wrote into the row, else train."""
    require_reference: bool = True
    skip_bad: bool = False
    limit: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    """Our keys by the row's: `{"question": "{Body} {Question}", "answer": "Answer"}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The reference of a row, and the names in the row that it comes from."""

    kind: Kind
    answer: str | None
    tests: Any
    names: frozenset[str]

    @property
    def is_missing(self) -> bool:
        """Whether the row has neither an answer nor tests."""
        return self.answer is None and self.tests is None


def each_problem(rows: Iterable[RawRow], rules: RowRules, warn: Callable[[str], None]) -> Iterator[Problem]:
    """Yield the problems of raw rows, each id once.

    Raises DataError at the first unusable row, or with `skip_bad` leaves such rows out and warns at the end. A row that
    repeats another's id and content is dropped with a warning; one id with two contents is an unusable row.
    """
    seen: dict[str, bytes] = {}
    bad: list[str] = []
    repeated = 0
    if rules.limit == 0:
        return
    for raw in rows:
        try:
            problem = to_problem(parse_row(raw.raw), rules)
            is_repeated = _is_repeated(problem, seen)
        except RowError as error:
            if not rules.skip_bad:
                raise DataError(f"{raw.place}: {error} (use --skip-bad to leave such rows out)") from None
            bad.append(f"{raw.number} ({error})")
            continue
        if is_repeated:
            repeated += 1
            continue
        seen[problem.id] = _digest(problem)
        yield problem
        if len(seen) == rules.limit:
            break
    if bad:
        warn(f"{rules.where}: left out {len(bad)} unusable rows: {_some(bad)}")
    if repeated:
        warn(f"{rules.where}: dropped {repeated} rows that repeat an earlier one")
    if not seen:
        raise DataError(f"{rules.where}: no usable problem in it; each row needs a question and an answer or tests")


def to_problem(row: Row, rules: RowRules) -> Problem:
    """Return the problem of one row; keys that mean nothing here become metadata. Raises RowError.

    >>> row = {"Problem": "What is 6 * 7?", "solution": r"It is $\\boxed{42}$.", "level": 1}
    >>> problem = to_problem(row, RowRules(where="x.jsonl"))
    >>> problem.question, problem.answer, problem.metadata["level"]
    ('What is 6 * 7?', '42', 1)
    """
    row = _renamed(recognise(row).problem(row), rules.fields)
    keys = lowered(row)
    question, question_names = question_of(keys)
    if not question:
        raise RowError(f"no question; accepted keys: {', '.join(QUESTION)}, or a conversation with a user turn")
    reference = read_reference(keys, rules.kind)
    if rules.require_reference and reference.is_missing:
        raise RowError(_no_reference(row, reference.kind))
    id_name, identity = next(filled(keys, ("id", *PROBLEM_ID)), ("", None))
    contents = (reference.kind, question, reference.answer, reference.tests)
    return Problem(
        id=content_id(*contents) if identity is None else str(identity),
        kind=reference.kind,
        question=question,
        answer=reference.answer,
        tests=reference.tests,
        # The same few words stand in every row: held once, whatever the number of problems.
        source=intern(row["source"] if isinstance(row.get("source"), str) and row["source"] else rules.where),
        split=intern(rules.split or _written_split(row)),
        parent_ids=tuple(row.get("parent_ids") or ()),
        metadata=_metadata(row, {*question_names, *reference.names, id_name}),
    )


def read_reference(
    keys: Row, kind: Kind | None = None, *, completion: str = "", completion_name: str = ""
) -> Reference:
    """Return the reference of a row with lower-case keys. Raises RowError.

    `kind` None: the row's own kind, else code if it has tests, else math. For `completion` see
    `verifiers.keys.find_reference`.
    """
    code = {} if _CODE_KEYS.isdisjoint(keys) else dict(filled(keys, CODE_KEYS))
    try:
        tests = normal_tests(code) if code else None
        stated = keys.get("kind")
        kind = kind or (_KINDS.get(stated) if isinstance(stated, str) else None)
        kind = kind or (Kind.MATH if tests is None else Kind.CODE)
        if kind is Kind.CODE:
            return Reference(kind=kind, answer=None, tests=tests, names=_CODE_KEYS)
        answer, name = find_reference(keys, completion, completion_name=completion_name)
    except (FormError, BadReference) as error:
        raise RowError(str(error)) from None
    return Reference(kind=kind, answer=answer or None, tests=None, names=frozenset({name}))


def _renamed(row: Row, names: Mapping[str, str]) -> Row:
    """Return the row with our keys for its own, each a key or a text with keys in braces."""
    try:
        renamed = {
            key: row[name] if "{" not in name else re.sub(r"\{(\w+)\}", lambda match: str(row[match[1]]), name)
            for key, name in names.items()
        }
    except KeyError as error:
        raise RowError(f"no key {error}, which the benchmark's `fields` name; it has {', '.join(row)}") from None
    return {**row, **renamed}


def _written_split(row: Row) -> str:
    # Benchmarks have a `split` column too (MBPP: prompt, test, ...); only ours names a split of a run.
    return str(row["split"]) if "content_hash" in row and row.get("split") else "train"


def _no_reference(row: Row, kind: Kind) -> str:
    accepted = REFERENCE if kind is Kind.MATH else TESTS
    what = "answer" if kind is Kind.MATH else "tests"
    unusable = r"; its solution has neither \boxed{} nor ####" if row.get("solution") and kind is Kind.MATH else ""
    return f"no {what}: the row has the keys {key_names(row)}; accepted are {', '.join(accepted)}{unusable}"


def _metadata(row: Row, used: set[str]) -> Row:
    written = row["metadata"] if isinstance(row.get("metadata"), dict) else {}
    left_out = {*used, *OWN_KEYS} | ({"split"} if "content_hash" in row else set())
    rest = {key: value for key, value in row.items() if key.lower() not in left_out and value is not None}
    # Parquet gives dates and decimals, which JSON does not know.
    cleaned: Row = json.loads(json.dumps({**written, **rest}, default=str)) if written or rest else {}
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
