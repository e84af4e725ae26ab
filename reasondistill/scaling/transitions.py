"""What one more wait does to single problems: right to wrong, wrong to right, and the two rollouts to read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from ..records import Row
from .grid import Cell
from .points import Samples

KINDS = ("stays right", "right to wrong", "wrong to right", "stays wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One problem at one budget, with fewer and with more waits."""

    problem_id: str
    budget: int
    before_waits: int
    after_waits: int
    kind: str
    """One of KINDS."""
    before: str
    """Rollout ids."""
    after: str
    waited: bool
    """Whether the second rollout got a wait more than the first: its budget may have had no room for one."""

    def to_row(self) -> Row:
        """Return the JSON object."""
        return asdict(self)


def transitions(cells: Mapping[Cell, Samples]) -> Iterator[Transition]:
    """Yield the transitions between neighbouring numbers of waits, of each budget and problem."""
    sequential = sorted((c for c in cells if c.part == "sequential"), key=lambda c: (c.budget, c.waits))
    for first, second in pairwise(sequential):
        if first.budget != second.budget:
            continue
        for problem, group in cells[first].items():
            if not group or not cells[second].get(problem):
                continue
            a, b = group[0], cells[second][problem][0]
            yield Transition(
                problem_id=problem,
                budget=first.budget,
                before_waits=first.waits,
                after_waits=second.waits,
                kind=KINDS[2 * (not a.correct) + (not b.correct)],
                before=a.rollout_id,
                after=b.rollout_id,
                waited=b.waits > a.waits,
            )


def counted(found: Sequence[Transition]) -> list[Row]:
    """Return how often each kind occurs, for each budget and pair of waits."""
    counts: dict[tuple[int, int, int], Counter[str]] = {}
    for each in found:
        key = (each.budget, each.before_waits, each.after_waits)
        counts.setdefault(key, Counter())[each.kind] += 1
        counts[key]["waited"] += each.waited
    return [
        {"budget": b, "before_waits": w, "after_waits": v, **{kind: n[kind] for kind in (*KINDS, "waited")}}
        for (b, w, v), n in counts.items()
    ]
