"""Rollouts to verdicts: each rollout is judged once, when it is stored or later, and the verdict is stored beside it.

A verdict row is `{rollout_id, schema, completion_hash, judged_with, tries, **verdict}`. A verdict of an earlier
completion of the same rollout, or made with other options, is stale and made again; an `error` on our side is tried at
most three times, a bad reference never again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Annotated, Self

from annotated_types import Gt

from verifiers import Outcome, Verdict
from verifiers.dispatch import Case, CaseOptions, verify_case
from verifiers.many import verify_each
from verifiers.math import POLICIES

from ..errors import DataError
from ..records import SCHEMA, Problem, Rollout, Row
from ..store import Table
from ..store.options import Check, did_you_mean, dump_options
from ..store.rollout_table import completion_hash

BACKLOG = 512
"""Rollouts that wait for their verdict at most."""
MAX_TRIES = 3
"""How often a verdict that our side could not give is tried in all."""
_Todo = tuple[Rollout, int]
"""A rollout and how often it was judged in vain."""


def check_policy(name: str) -> None:
    """Raise ValueError for a name that no policy has."""
    if name not in POLICIES:
        raise ValueError(f"must be one of {', '.join(POLICIES)}, got {name!r}{did_you_mean(name, [*POLICIES])}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """How rollouts are judged."""

    strict: bool = True
    """Only a marked answer counts."""
    timeout: Annotated[float, Gt(0)] = 2.0
    """Seconds of processor time that one comparison may take."""
    policy: Annotated[str, Check(check_policy)] = "default"
    """Rules for equal answers where mathematics does not decide: a name of `verifiers.math.POLICIES`."""

    def case(self, problem: object, completion: str) -> Case:
        """Return the verifier's case of a problem, a record or a row, and a completion."""
        options = CaseOptions(strict=self.strict, timeout=self.timeout, policy=POLICIES[self.policy])
        return Case(problem, completion, options)


@dataclass(slots=True)
class OutcomeCounts:
    """Verdicts by outcome."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one verdict."""
        self.outcomes[outcome] += 1

    @property
    def judged(self) -> int:
        """Verdicts that count: all but the errors of our side."""
        return self.outcomes.total() - self.outcomes[Outcome.ERROR]

    @property
    def accuracy(self) -> float:
        """correct / (all - error); 0 when nothing was judged."""
        return self.outcomes[Outcome.CORRECT] / self.judged if self.judged else 0.0


def verdict_row(rollout: Rollout, verdict: Verdict, options: VerifyOptions, tries: int = 1) -> Row:
    """Return the row of the verdict table."""
    return {
        "rollout_id": rollout.id,
        "schema": SCHEMA,
        "completion_hash": completion_hash(rollout),
        "judged_with": dump_options(options),
        "tries": tries,
        **verdict.to_row(),
    }


def verify_rollouts(
    rollouts: Iterable[Rollout],
    problems: Mapping[str, Problem],
    table: Table,
    options: VerifyOptions,
    *,
    on_verdict: Callable[[Rollout, Outcome], None] = lambda _rollout, _outcome: None,
) -> int:
    """Judge every rollout that has no current verdict, on all cores; return how many were judged."""
    known = _Known(table, options)
    todo = ((r, n) for r in rollouts if (n := known.tries(r.id, completion_hash(r))) < MAX_TRIES)
    return _judge_into(table, todo, problems, options, on_verdict)


def verify_stored(
    rollouts: Table,
    problems: Mapping[str, Problem],
    table: Table,
    options: VerifyOptions,
    *,
    only: Collection[str] | None = None,
) -> int:
    """The same for a table of rollouts, of which only those are read that need a verdict; `only` names ids."""
    known = _Known(table, options)
    tries = {
        head["id"]: n
        for head in rollouts.heads()
        if (only is None or head["id"] in only) and (n := known.tries(head["id"], _hash_of(head))) < MAX_TRIES
    }
    todo = ((Rollout.from_row(row), tries[row["id"]]) for row in rollouts.rows(tries))
    return _judge_into(table, todo, problems, options)


def read_verdicts(table: Table) -> dict[str, Verdict]:
    """Return the verdicts by rollout id."""
    return {row["rollout_id"]: Verdict.from_row(row) for row in table}


class _Known:
    """The verdicts of a table that were made with the same options."""

    def __init__(self, table: Table, options: VerifyOptions) -> None:
        self._hashes: dict[str, str] = {}
        self._in_vain: dict[str, int] = {}
        identity = dump_options(options)
        for row in table:
            if row.get("judged_with") == identity and row.get("completion_hash"):
                self._hashes[row["rollout_id"]] = row["completion_hash"]
                if row["outcome"] == Outcome.ERROR and not row["reason"].startswith("bad_gold"):
                    self._in_vain[row["rollout_id"]] = int(row["tries"])

    def tries(self, identifier: str, completion: str) -> int:
        """Return how often a completion was judged in vain; MAX_TRIES when it needs no further verdict."""
        if self._hashes.get(identifier) != completion:
            return 0
        return self._in_vain.get(identifier, MAX_TRIES)


def _hash_of(head: Row) -> str:
    """Return the hash of the completion of a table's head, or of a whole row where the table has no heads."""
    return str(head["completion_hash"]) if "completion_hash" in head else completion_hash(Rollout.from_row(head))


def _judge_into(
    table: Table,
    todo: Iterable[_Todo],
    problems: Mapping[str, Problem],
    options: VerifyOptions,
    on_verdict: Callable[[Rollout, Outcome], None] = lambda _rollout, _outcome: None,
) -> int:
    judged = 0
    pairs = verify_each(todo, lambda item: options.case(_problem_of(item[0], problems), item[0].text))
    for (rollout, n), verdict in pairs:
        assert verdict is not None
        table.append(verdict_row(rollout, verdict, options, tries=n + 1))
        on_verdict(rollout, verdict.outcome)
        judged += 1
    return judged


def _problem_of(rollout: Rollout, problems: Mapping[str, Problem]) -> Problem:
    if rollout.problem_id not in problems:
        raise DataError(f"rollout {rollout.id}: problem {rollout.problem_id!r} is not among the problems; add its file")
    return problems[rollout.problem_id]


class VerdictStream:
    """Judges rollouts while others are being sampled, in the order in which they come, in a thread of its own.

    Use as an async context manager: leaving it waits for the rollouts that were put in. What stops the judging (a full
    disk) is raised by the next `put`, or on leaving. At most BACKLOG rollouts wait: further ones make `put` wait.
    """

    def __init__(
        self,
        problems: Mapping[str, Problem],
        table: Table,
        options: VerifyOptions,
        on_verdict: Callable[[Rollout, Outcome], None] = lambda _rollout, _outcome: None,
    ) -> None:
        self._problems = problems
        self._table = table
        self._options = options
        self._on_verdict = on_verdict
        self._waiting: asyncio.Queue[Rollout | None] = asyncio.Queue(BACKLOG)
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
            # Somebody wants to leave now; the next process judges the rest.
            while not self._waiting.empty():
                self._waiting.get_nowait()
        await self._waiting.put(None)
        await self._task
        self._raise()

    async def put(self, rollout: Rollout) -> None:
        """Queue a stored rollout; what is not judged when the process dies is judged by `verify_rollouts` later."""
        self._raise()
        await self._waiting.put(rollout)

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _work(self) -> None:
        while (rollout := await self._waiting.get()) is not None:
            if self._failure is not None:
                continue  # nobody may wait for ever at a queue that is full
            try:
                case = self._options.case(self._problems[rollout.problem_id], rollout.text)
                verdict = await asyncio.to_thread(verify_case, case)
                self._table.append(verdict_row(rollout, verdict, self._options))
                self._on_verdict(rollout, verdict.outcome)
            except Exception as error:  # noqa: BLE001 - whatever stops the judging is raised where it is waited for
                self._failure = error
