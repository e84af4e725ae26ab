"""Compare systems on the same problems: paired differences, p-values corrected for their number, and a conclusion.

`words` says which differences can be concluded, and how large a difference would have to be.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from ..errors import DataError
from ..records import Estimate, Row
from .scorecard import truncation_lines
from .statistics import detectable_difference, holm, mean_estimate, paired

ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system's results: a value between 0 and 1 for each problem."""

    name: str
    scores: dict[str, float]
    contents: dict[str, str] = field(default_factory=dict)
    """Content hashes of problems, where known: one id may name two problems."""
    truncated: int = 0
    """Completions cut at the token cap."""
    rollouts: int = 0

    @property
    def accuracy(self) -> Estimate:
        """Mean over its problems."""
        return mean_estimate(list(self.scores.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Difference of b from a on the problems that both were judged on."""

    a: str
    b: str
    accuracy_a: float
    accuracy_b: float
    difference: float
    """Accuracy of b minus that of a."""
    low: float
    high: float
    n: int
    won: int
    """Problems on which b is better."""
    lost: int
    p_value: float
    p_holm: float
    """p-value corrected for all pairs of the comparison (Holm)."""
    test: str
    detectable: float
    """Smallest true difference that the test finds with 80 % power."""

    @property
    def is_clear(self) -> bool:
        """Whether a difference can be concluded."""
        return self.p_holm < ALPHA

    def to_row(self) -> Row:
        """Return the JSON row, with the conclusion as `words`."""
        return {**asdict(self), "words": words(self)}


def compare_systems(systems: Sequence[System], *, all_pairs: bool = False) -> list[Pair]:
    """Compare every system with the first one, or all of them with each other.

    Raises DataError if two have no problem in common.
    """
    chosen = itertools.combinations(systems, 2) if all_pairs else ((systems[0], other) for other in systems[1:])
    pairs = [_pair(a, b) for a, b in chosen]
    corrected = holm([pair.p_value for pair in pairs])
    return [replace(pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True)]


def shared_problems(a: System, b: System) -> tuple[list[str], list[str]]:
    """Return the shared problems, and the shared ids that name different problems."""
    common = [problem for problem in a.scores if problem in b.scores]
    other = [
        p for p in common if a.contents.get(p, "") != b.contents.get(p, "") and p in a.contents and p in b.contents
    ]
    return [problem for problem in common if problem not in set(other)], other


def words(pair: Pair) -> str:
    """Return the conclusion from a pair in one or two sentences."""
    shown = f"{_points(pair.difference)} points [{_points(pair.low)}, {_points(pair.high)}] on {pair.n} problems"
    sure = f"{pair.test}, p = {pair.p_value:.2g}, corrected {pair.p_holm:.2g}"
    if pair.is_clear:
        better = "better" if pair.difference > 0 else "worse"
        return f"{pair.b} is {better} than {pair.a}: {shown} ({sure})."
    if pair.low > 0 or pair.high < 0:
        return (
            f"{pair.b} against {pair.a}: {shown} ({sure}). The interval leaves out 0 and the test does not bear it "
            "out: a hint, no conclusion; measure more problems."
        )
    return (
        f"No difference of {pair.b} from {pair.a} can be concluded: {shown} ({sure}). That does not make them equal: a "
        f"true difference below {100 * pair.detectable:.1f} points would mostly go unseen here."
    )


def comparison_lines(systems: Sequence[System], pairs: Sequence[Pair], metric: str) -> Iterator[str]:
    """Yield a comparison as lines: each system, each pair, and the conclusions."""
    width = max(len(name) for name in ["system", *(s.name for s in systems)])
    yield f"{'system':{width}}  {metric}"
    for system in systems:
        yield f"{system.name:{width}}  {system.accuracy}"
    yield ""
    wide = max(len(text) for text in ["pair", *(f"{p.b} - {p.a}" for p in pairs)])
    heads = f"{'points':>7}  {'95 % interval':>16}  {'n':>5}  {'won':>4}  {'lost':>4}  {'p':>8}  {'Holm':>8}"
    yield f"{'pair':{wide}}  {heads}"
    for pair in pairs:
        interval = f"[{100 * pair.low:+.1f}, {100 * pair.high:+.1f}]"
        yield (
            f"{f'{pair.b} - {pair.a}':{wide}}  {100 * pair.difference:>+7.1f}  {interval:>16}  {pair.n:>5}  "
            f"{pair.won:>4}  {pair.lost:>4}  {pair.p_value:>8.2g}  {pair.p_holm:>8.2g}"
        )
    yield ""
    yield from (str(pair.to_row()["words"]) for pair in pairs)


def comparison_warnings(systems: Sequence[System]) -> Iterator[str]:
    """Yield what may mislead in a comparison: truncated completions, and problems that are left out."""
    for system in systems:
        yield from (f"{system.name}: {line}" for line in truncation_lines(system.truncated, system.rollouts))
    yield from _unshared_problems(systems)


def _unshared_problems(systems: Sequence[System]) -> Iterator[str]:
    """Yield a line for each system that lacks problems of the first one, or has others: they are left out."""
    first = systems[0]
    for other in systems[1:]:
        shared, different = shared_problems(first, other)
        apart = len(first.scores.keys() | other.scores.keys()) - len(shared)
        if apart:
            why = f", {len(different)} because an id stands for another problem there" if different else ""
            yield f"{first.name} and {other.name}: {apart} problems are not in both and are left out{why}"


def _pair(a: System, b: System) -> Pair:
    shared, other = shared_problems(a, b)
    if not shared:
        why = f"; {len(other)} ids stand for different problems" if other else ""
        raise DataError(f"{a.name} and {b.name} have no judged problem in common{why}; compare runs of one benchmark")
    before, after = [a.scores[p] for p in shared], [b.scores[p] for p in shared]
    result = paired(before, after)
    differences = [y - x for x, y in zip(before, after, strict=True)]
    binary = all(value in (0, 1) for value in (*before, *after))
    return Pair(
        a=a.name,
        b=b.name,
        accuracy_a=sum(before) / len(before),
        accuracy_b=sum(after) / len(after),
        difference=result.difference,
        low=result.low,
        high=result.high,
        n=result.n,
        won=sum(d > 0 for d in differences),
        lost=sum(d < 0 for d in differences),
        p_value=result.p_value,
        p_holm=result.p_value,
        test="McNemar's exact test" if binary else "sign-flip test",
        detectable=detectable_difference(differences),
    )


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
