"""What a tier says about two answers, and how the rulings on parts make one on the whole."""

from collections.abc import Iterable
from dataclasses import dataclass

_ORDER = ("string", "rational", "canonical", "structure", "words", "probing", "sympy")
"""The tiers from the surest one on."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Yes, no or undecided, with the tier that says so."""

    equal: bool | None
    tier: str
    reason: str = ""
    """Empty for a plain yes or no."""


def yes(tier: str, reason: str = "") -> Ruling:
    """Return a ruling that two answers are the same."""
    return Ruling(True, tier, reason)


def no(tier: str, reason: str = "") -> Ruling:
    """Return a ruling that two answers differ."""
    return Ruling(False, tier, reason)


def undecided(tier: str, reason: str) -> Ruling:
    """Return a ruling that a tier cannot tell."""
    return Ruling(None, tier, reason)


def all_of(rulings: Iterable[Ruling]) -> Ruling:
    """Return the ruling on a whole whose parts must all be equal: the first no, else the least sure part.

    >>> all_of([yes("rational"), undecided("probing", "no_points"), no("canonical")]).equal
    False
    """
    weakest = yes("structure")
    for ruling in rulings:
        if ruling.equal is False:
            return ruling
        if ruling.equal is None or (weakest.equal and _ORDER.index(ruling.tier) > _ORDER.index(weakest.tier)):
            weakest = ruling
    return weakest


def matched(table: list[list[Ruling]]) -> Ruling:
    """Return the ruling on two collections without order: whether each row can be given a column of its own.

    >>> a, b = yes("rational"), no("rational")
    >>> matched([[b, a], [a, b]]).equal, matched([[a, b], [a, b]]).equal
    (True, False)
    """
    if _has_matching([[r.equal is True for r in row] for row in table]):
        used = [next((r for r in row if r.equal), yes("structure")) for row in table]
        return all_of(used)
    if _has_matching([[r.equal is not False for r in row] for row in table]):
        return next(r for row in table for r in row if r.equal is None)
    return no("structure", "elements_differ")


def _has_matching(allowed: list[list[bool]]) -> bool:
    """Tell whether every row gets a column of its own (augmenting paths)."""
    owner: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for column, ok in enumerate(allowed[row]):
            if ok and column not in seen:
                seen.add(column)
                if column not in owner or place(owner[column], seen):
                    owner[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(allowed)))
