r"""Answers with an integer parameter (`x = 3k, k \in \mathbb{Z}`), congruences, and conditions behind an answer.

Two families are the same if they hold the same values, whatever the parameter is called and from where it counts.
"""

import re
from fractions import Fraction
from math import lcm
from typing import Protocol

from .canonical import TooHard, canonical, substitute
from .parser import read
from .ruling import Ruling, no, undecided, yes
from .shapes import unwrapped
from .tokens import Unreadable, normalise
from .tree import Add, Mul, Node, Num, Pow, Relation, Seq, Sym, Words, negative

_MAX_RESIDUES = 2000
_WORD = r"\\(?:text|textrm|mathrm|mbox)\s*\{[^{}]*\}"
_SPACE = r"(?:\s|~|\$|\\[,;:! ]|\\q?quad(?![A-Za-z])|\\left|\\right)"
_SET = r"\\in\s*(?:\\(?:mathbb|mathbf|mathrm|text)\s*(?:\{\s*Z\s*\}|Z)|\\Z(?![A-Za-z])|Z(?![A-Za-z]))"
_PARAMETER = re.compile(
    rf"([A-Za-z]){_SPACE}*(?:{_SET}|(?:\\text\s*\{{)?\s*(?:is|are|being)?\s*(?:an?\s|any\s)*\s*integers?\s*\}}?)[\s$).}}\\]*\Z"
    rf"|integers?\s*\}}?{_SPACE}*([A-Za-z])[\s$).}}\\]*\Z"
)
_BEFORE = re.compile(
    rf"(?:{_SPACE}|[,;:(|]|\\mid(?![A-Za-z])|{_WORD}|\\text\s*\{{[^{{}}]*|\b(?:where|for|with|and|any|all|some|each|every|an?)\b)+\Z"
)
_SUCH_THAT = re.compile(r"[A-Za-z]\s*(?:\\mid(?![A-Za-z])|:|\|)")
_MODULUS = (
    rf"(?:\\p(?:mod|od)\s*(?:\{{\s*([0-9]+)\s*\}}|([0-9]+))|\(?\s*(?:\\(?:mathrm|text|operatorname)\s*\{{\s*mod\s*\}}"
    rf"|\\b?mod(?![A-Za-z])|mod(?![A-Za-z])){_SPACE}*\{{?\s*([0-9]+)\s*\}}?\s*\)?)"
)
_CONGRUENCE = re.compile(rf"\s*([A-Za-z])\s*\\equiv\s*(-?[0-9]+){_SPACE}*{_MODULUS}\s*\Z")
_WHEN = r"(?:for|where|when|whenever|if|at|provided|assuming)\b"
_CONDITION = re.compile(
    rf"\\(?:text|textrm|mathrm|mbox)\s*\{{[\s,]{{0,9}}{_WHEN}([^{{}}]*)\}}|(?<=[\s$])(?!at){_WHEN}", re.DOTALL
)
_OTHER_CASE = re.compile(
    r"\b(?:otherwise|or else)\b|, else\b"
    r"|(?:[,;]|\b(?:and|or|but)\b)\s*(?:\\text\{[^{}]*\})?\s*(?:it (?:is|equals) )?"
    r"(?=[^\s,;=<>]*[0-9$\\])[^\s,;=<>]{1,30}"
    r"(?:\s|\\text\{)+(?:only |exactly )?(?:if|when|whenever|for|in case)\b"
)
_MAX_CHARACTERS = 400
"""A longer answer is read as it is: these patterns are not linear in its length."""


class Equality(Protocol):
    """Compares answers: `compare.Comparison`."""

    def equal(self, a: Node, b: Node) -> Ruling:
        """Return the ruling on two answers."""


def family(text: str) -> tuple[str, str] | None:
    r"""Return the text of an answer without its integer parameter, and the parameter's name; None if it has none.

    >>> family(r"x = 3k, k \in \mathbb{Z}"), family(r"x \equiv 3 \pmod 7"), family("x = 3k")
    (('x = 3k', 'k'), ('x = 7k + (3)', 'k'), None)
    """
    if len(text) > _MAX_CHARACTERS or not (
        "nteger" in text or "\\in" in text or "∈" in text or "\\equiv" in text or "≡" in text
    ):
        return None
    text = normalise(text.replace("≡", "\\equiv "))
    if (congruence := _CONGRUENCE.match(text)) is not None:
        name, residue, *moduli = congruence.groups()
        return (
            f"{name} = {next(filter(None, moduli))}{'n' if name == 'k' else 'k'} + ({residue})",
            "n" if name == "k" else "k",
        )
    if (found := _PARAMETER.search(text)) is None:
        return None
    body, name = text[: found.start()], found[1] or found[2]
    body = _BEFORE.sub("", body).strip()
    if body.startswith("\\{") and body.count("\\{") > body.count("\\}"):
        body = _SUCH_THAT.sub("", body[2:], count=1) if _SUCH_THAT.match(body[2:].strip()) else body[2:]
    return (body.strip(), name) if re.search(rf"(?<![A-Za-z\\]){name}(?![A-Za-z])", body) else None


def condition(text: str) -> tuple[str, str]:
    r"""Return an answer and the condition behind it, which is empty if there is none.

    >>> condition(r"2^{n-1} \text{ for } n \ge 2"), condition("17 apples")
    (('2^{n-1}', 'n \\ge 2'), ('17 apples', ''))
    """
    match = _CONDITION.search(text) if len(text) <= _MAX_CHARACTERS and "begin" not in text else None
    body = text[: match.start()].rstrip(" ,$~\\;:") if match else ""
    if match is None or not body:
        return text, ""
    body = body.removesuffix("\\quad").removesuffix("\\qquad").rstrip(" ,$~")
    return body, ((match[1] or "") + text[match.end() :]).strip() or "so"


def names_cases(text: str) -> bool:
    """Tell whether a text behind a value names a condition and another value.

    >>> names_cases(" if x > 0 and 8 otherwise"), names_cases(" for x = 2 and y = 3")
    (True, False)
    """
    return _OTHER_CASE.search(text[:_MAX_CHARACTERS]) is not None


def compare_families(one: tuple[str, str], other: tuple[str, str], comparison: Equality) -> Ruling:
    """Return the ruling on two families, as `family` returns them."""
    try:
        a, b = (unwrapped(read(text)) for text, _ in (one, other))
    except Unreadable:
        return undecided("structure", "families: not read")
    try:
        classes = _classes(a, one[1], b, other[1])
    except TooHard as error:
        renamed = re.sub(rf"(?<![A-Za-z\\]){one[1]}(?![A-Za-z])", other[1], one[0])
        ruling = comparison.equal(read(renamed), b)
        return ruling if ruling.equal else undecided("structure", f"families: {error}")
    return yes("structure") if classes[0] == classes[1] else no("structure", "other values")


def _classes(a: Node, name: str, b: Node, other_name: str) -> tuple[set[object], set[object]]:
    """Return the classes of values of two families, each modulo the period of both."""
    parts = [_affine(a, name), _affine(b, other_name)]
    unit = parts[1][0][1][0][1]
    scaled = [
        [(kind, [(_ratio(low, unit), _ratio(step, unit)) for low, step in ends]) for kind, ends in items]
        for items in parts
    ]
    steps = [ends[0][1] for items in scaled for _, ends in items]
    if any(step == 0 for step in steps):
        raise TooHard("a step of nothing")
    scale = lcm(*(step.denominator for step in steps))
    period = lcm(*(abs(int(step * scale)) for step in steps))
    found: tuple[set[object], set[object]] = (set(), set())
    for items, classes in zip(scaled, found, strict=True):
        for kind, ends in items:
            start, step = ends[0]
            widths = tuple(end[0] - start for end in ends)
            if any(end[1] != step for end in ends) or period // abs(int(step * scale)) > _MAX_RESIDUES:
                raise TooHard("too many values")
            for turn in range(period // abs(int(step * scale))):
                classes.add((kind, widths, (start + turn * step) * scale % period))
    return found


def _affine(node: Node, name: str) -> list[tuple[str, list[tuple[Node, Node]]]]:
    """Return the values or intervals of a family, each end as an offset and a step."""
    items = node.items if isinstance(node, Seq) and node.brackets in ("", "{}") else (node,)
    found: list[tuple[str, list[tuple[Node, Node]]]] = []
    for item in items:
        label = ""
        if isinstance(item, Relation) and item.operators == ("=",) and isinstance(item.operands[0], Sym):
            label, item = item.operands[0].name, unwrapped(item.operands[1])
        values: tuple[Node, ...] = (item,)
        if isinstance(item, Seq) and item.brackets in ("()", "[]", "(]", "[)") and len(item.items) == 2:
            label, values = item.brackets, item.items
        elif isinstance(item, Seq) and item.brackets in ("", "{}"):
            found += _affine(item, name)
            continue
        elif isinstance(item, (Seq, Relation, Words)):
            raise TooHard("no values")
        ends: list[tuple[Node, Node]] = []
        for value in values:
            at = [substitute(value, name, Num(turn)) for turn in range(3)]
            steps = [Add((at[1], negative(at[0]))), Add((at[2], negative(at[1])))]
            if canonical(Add((steps[0], negative(steps[1])))).rational != 0:
                raise TooHard("no arithmetic progression")
            ends.append((at[0], steps[0]))
        found.append((label if len(values) > 1 else "", ends))
    return found


def _ratio(value: Node, unit: Node) -> Fraction:
    ratio = canonical(Mul((value, Pow(unit, Num(-1))))).rational
    if ratio is None:
        raise TooHard("no common measure")
    return Fraction(ratio)
