"""Words that say what a value belongs to: labels of the parts of a list, directions, moduli."""

import re

from .tree import Call, Node, Num, Quantity, Relation, Seq, Sym
from .units import read_unit

_COMPASS = re.compile(r"(?:north|south|east|west)+(?:wards?)?")
_OPPOSITES = [
    ("increase increased rise gain growth up more higher profit surplus above upward upwards markup",
     "decrease decreased fall drop loss reduction down less fewer lower decline deficit below downward discount"),
    ("left leftward", "right rightward"), ("clockwise", "counterclockwise anticlockwise"), ("inward", "outward"),
    ("before earlier ago", "after later"), ("forward forwards", "backward backwards"), ("older", "younger"),
    ("faster", "slower"), ("taller longer", "shorter"), ("odd", "even"), ("bc bce", "ad ce"), ("heads", "tails"),
    ("won win", "lost lose"), ("deposit", "withdrawal"), ("hotter warmer", "colder cooler"), ("heavier", "lighter"),
    ("deeper", "shallower"), ("cheaper", "costlier"), ("wider", "narrower"), ("thicker", "thinner"),
    ("ahead", "behind"),
    ("early", "late"), ("uphill", "downhill"), ("larger bigger greater", "smaller"), ("boys", "girls"),
    ("men", "women"),
    ("penny pennies", "nickel nickels", "dime dimes", "quarter quarters"),
]  # fmt: skip
_SIDES = {
    word: (pair, side)
    for pair, both in enumerate(_OPPOSITES) for side, words in enumerate(both) for word in words.split()
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_SPELLINGS = tuple((re.compile(pattern), word) for pattern, word in (
    (r"\b(?:counter|anti)[\s-]*clockwise", "counterclockwise"), (r"\bfrom (?:now|today)\b|\bhence\b", "later"),
    (r"\bless (?:expensive|costly)", "cheaper"), (r"\bmore (?:expensive|costly)|\bdearer", "costlier"),
))  # fmt: skip
"""Words and pairs of words under the name that they have among the opposites."""
_LETTERS = dict(zip("NSEW", ("north", "south", "east", "west"), strict=True))
_HEADING = re.compile(r"(?:^|(?<=\s))(?:[NS]{1,2}[EW]{1,2}|[EW][NS][EW]|[NSEW] of [NSEW]|(?<=[a-z] )[NSEW]$|E)(?=\s|$)")
"""Letters of the compass; one alone is a unit unless words end with it: `degrees N`."""


def opposed(one: str, other: str) -> bool:
    """Tell whether the words next to two values contradict each other.

    >>> opposed("percent increase", "percent decrease"), opposed("apples", "pears")
    (True, False)
    """
    if one == other:
        return False
    first, second = (_WORD.findall(_spelt(words)) for words in (one, other))
    headings = [[word for word in words if _COMPASS.fullmatch(word)] for words in (first, second)]
    if all(headings) and headings[0] != headings[1]:  # "east of north" is not "north of east"
        return True
    sides = [{_SIDES[word] for word in words if word in _SIDES} for words in (first, second)]
    return any(pair == kind and (kind, side) not in sides[0] for pair, _ in sides[0] for kind, side in sides[1])


def _spelt(words: str) -> str:
    """Return words in lower case with the opposites and the points of the compass as they are called here."""
    words = _HEADING.sub(lambda m: "".join(_LETTERS.get(c, c) for c in m[0]), words).casefold()
    for pattern, word in _SPELLINGS:
        words = pattern.sub(word, words)
    return words


def turns_alike(one: str, other: str) -> bool:
    """Tell whether two texts are one direction of turning, spelt in two ways."""
    return one.endswith("clockwise") and _spelt(one) == _spelt(other)


_RECKONED = re.compile(
    r"(?:pairs?|quarters?|score|gross)\b(?! (?:profit|pay|income|salary))|percent off\b", re.IGNORECASE
)
"""Words that may multiply the number before them, or only name what it counts."""
_CHANGING = re.compile(r"(?:st|nd|rd|th)\s+(?:root|power)\b|(?:percent|%) of [A-Za-z]$", re.IGNORECASE)


def changes_number(words: str) -> bool | None:
    """Tell whether words turn a number into another one beside a bare reference; None if they may.

    >>> changes_number("th root"), changes_number("pairs of socks"), changes_number("socks")
    (True, None, False)
    """
    if _RECKONED.match(words.strip()):
        return None
    return _CHANGING.search(words) is not None


def modulus(node: Node) -> int | None:
    r"""Return the modulus of `3 \pmod 7`, None for anything else."""
    found = re.fullmatch(r"modulo (\d{1,18})", node.unit) if isinstance(node, Quantity) else None
    return int(found[1]) or None if found else None


def is_congruence(node: Node) -> bool:
    r"""Tell whether a node holds all numbers with a remainder, `x \equiv 2 \pmod 5`, and not the remainder of one."""
    if isinstance(node, Seq):
        return any(is_congruence(item) for item in node.items)
    return isinstance(node, Relation) and isinstance(node.operands[0], Sym) and modulus(node.operands[-1]) is not None


def has_modulus(node: Node) -> bool:
    """Tell whether a modulus stands behind a value or the last part of it."""
    if isinstance(node, Seq):
        return any(has_modulus(item) for item in node.items)
    return modulus(node.operands[-1] if isinstance(node, Relation) else node) is not None


def labelled(x: tuple[Node, ...], y: tuple[Node, ...]) -> tuple[Node, ...] | None:
    """Return the parts of y in the order of x's labels, as written if theirs are others; None if none are labelled."""
    first, second = [_label(item) for item in x], [_label(item) for item in y]
    full = [all(labels) and len(set(labels)) == len(labels) for labels in (first, second)]
    if all(full) and set(first) == set(second):
        return tuple(y[second.index(label)] for label in first)
    return y if all(full) or (full[0] and not any(second)) or (full[1] and not any(first)) else None


def _label(part: Node) -> str:
    match part:
        case Quantity(unit=unit) if (found := read_unit(unit)) is not None and (found.noun or not found.dimension):
            return " ".join(word.removesuffix("s") for word in _WORD.findall((found.noun or unit).casefold()))
        case Relation(operands=(Sym(name=name), _)) if name[0] == " ":
            return name.strip()
        case Call(name="max" | "min" as name, args=(Num(),)):
            return name
    return ""
