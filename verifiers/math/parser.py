r"""Reads an answer, LaTeX or plain text, into a tree: recursive descent over `tokens`, bounded in length and depth.

`read` never executes anything and raises only `Unreadable` and its kin. What does not read as mathematics but holds
words becomes `Words`.
"""

import re
from functools import lru_cache

from .commands import READERS
from .formulas import Formulas
from .tokens import TooLarge, Unreadable, normalise, read_number, tokenize
from .tree import (
    Add,
    Clock,
    Mul,
    Node,
    Num,
    Pow,
    Proportion,
    Quantity,
    Relation,
    Seq,
    SetOperation,
    Sym,
    Words,
    children,
)
from .units import SCALES, read_unit
from .vocabulary import NUMBER_WORDS

MAX_CHARACTERS = 4000
_MAX_LEVELS = 200
"""Levels of a tree: some, such as 3!!!, go deeper than the brackets do."""
_APPLIED = {"squared": 2, "cubed": 3}
"""Words that raise the value before them to a power."""
_RELATIONS = {"=", "~", "<", "<=", ">", ">=", "!=", "in", "notin"}
_SEPARATORS = {",", ";"}
_CLOSERS = {")", "]", "}", r"\}", ">>", "rfloor", "rceil"}
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_CLOCK = re.compile(
    r"(?:at )?([0-9]{1,2})(?::([0-5][0-9]))?(?::([0-5][0-9]))?\s*(?:o'clock)?"
    r"\s*(?:in the (?:morning|evening|afternoon))?"
    r"\s*([aApP]\.?\s?[mM]\.?)?"
)
_WRAPPER = re.compile(
    r"\\(?:text|textbf|textit|textrm|textnormal|mbox|mathrm|mathbf|operatorname|underline|emph|bf|rm)\s*(?=\{)"
    r"|[{}$]|\\[()\[\],;!: ]"
)
_LETTERS = re.compile(r"[^\W\d_]{2}|[\u3040-\u9fff\u2460-\u2473]")
_COMMAND = re.compile(r"\\[A-Za-z]")
_SENTENCE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,} [A-Za-z]{2,}(?![A-Za-z])|(?:^|[ ,;])[A-Za-z]{4,}(?=[ ,;.]|$)")
_ORDINAL = re.compile(r"(?<=[0-9])(?:st|nd|rd|th)\b", re.IGNORECASE)
_DROPPED = re.compile(r"[.,;:!?\"'*`’“”]+|\\(?![A-Za-z])")


@lru_cache(8192)
def read(text: str) -> Node:
    r"""Return the tree of an answer; raises Unreadable, or TooLarge beyond the limits.

    >>> read(r"\frac{x}{2}")
    Mul(factors=(Sym(name='x'), Pow(base=Num(value=2, digits=0), exponent=Num(value=-1, digits=0))))
    >>> read("no solution")
    Words(text='no solution')
    """
    if _PLAIN_NUMBER.fullmatch(text):
        value, digits = read_number(text.removeprefix("-"))
        return Num(-value if text[0] == "-" else value, digits)
    if len(text) > MAX_CHARACTERS:
        raise TooLarge("longer than an answer is")
    text = normalise(text)
    if (special := _clock(text) or _number_words(text)) is not None:
        return special
    bare = text.strip().strip("$.").strip()
    if len(bare) > 1 and bare[0].isupper() and bare.isalpha() and bare not in ("Pi", "PI", "Infinity", "NaN"):
        return Words(bare.casefold())  # `DNE`, `AB`, `Monday`: no product
    try:
        tokens = tokenize(text)
        node = Answers(tokens).answer()
        if len(tokens) > _MAX_LEVELS and _is_deeper(node, _MAX_LEVELS):
            raise TooLarge("deeper than an answer is")
        if isinstance(node, Sym) and len(node.name) > 1 and node.name.isalpha() and node.name.isupper():
            return Words(node.name.casefold())  # letters under an accent, such as a segment AB
        return node
    except TooLarge:
        raise
    except (Unreadable, RecursionError, ValueError, OverflowError):
        words = as_words(text)
        if words:
            return Words(words)
        raise Unreadable(f"not an answer: {text[:40]!r}") from None


def _is_deeper(node: Node, most: int) -> bool:
    """Tell whether a tree has more levels than that, without the recursion that this guards."""
    level = [node]
    for _ in range(most):
        level = [child for parent in level for child in children(parent)]
        if not level:
            return False
    return True


def as_words(text: str) -> str:
    r"""Return an answer in words as they are compared, or empty if it holds no word.

    >>> as_words(r"\textbf{No}  solution."), as_words("1+x")
    ('no solution', '')
    """
    plain = _WRAPPER.sub(" ", text)
    if _COMMAND.search(plain) and not _SENTENCE.search(plain):
        return ""
    return " ".join(_ORDINAL.sub("", _DROPPED.sub("", plain)).casefold().split()) if _LETTERS.search(plain) else ""


def _number_words(text: str) -> Num | None:
    """Return the number that words up to ninety-nine stand for."""
    if len(text) > 40 or not (words := as_words(text)):
        return None
    parts = words.replace("-", " ").split()
    values = [NUMBER_WORDS.get(part) for part in parts]
    if len(values) == 1 and values[0] is not None:
        return Num(values[0])
    if len(values) == 2 and values[0] and values[1] and values[0] >= 20 and values[0] % 10 == 0 and 0 < values[1] < 10:
        return Num(values[0] + values[1])
    return None


def _clock(text: str) -> Clock | None:
    if not (":" in text or "m" in text or "M" in text):
        return None
    plain = " ".join(_WRAPPER.sub(" ", text).split()).rstrip(".") if len(text) < 60 else ""
    match = _CLOCK.fullmatch(plain)
    if match is None or int(match[1]) > 24:
        return None
    if not (match[4] or match[3] or (match[2] and match[2][0] == "0")):  # 10:05 is no ratio
        return None
    half = match[4].lower().replace(".", "").replace(" ", "") if match[4] else ""
    return Clock(int(match[1]) * 3600 + int(match[2] or 0) * 60 + int(match[3] or 0), half)


def _is_smaller(one: str, other: str) -> bool:
    """Tell whether the second unit measures the same as the first one and is smaller: feet and inches."""
    first, second = read_unit(one), read_unit(other)
    if first is None or second is None or not first.is_known:
        return False
    return first.dimension == second.dimension and first.factor > second.factor


def _with_unit(node: Node, unit: str) -> Node:
    if isinstance(node, Relation):
        return Relation((*node.operands[:-1], _with_unit(node.operands[-1], unit)), node.operators)
    return node if isinstance(node, Quantity) else Quantity(node, unit)


class Answers(Formulas):
    """Reads answers: lists of relations between expressions, with their units."""

    def answer(self) -> Node:
        node = self.sequence(())
        if not self.at_end:
            raise Unreadable(f"not expected: {self.value()!r}")
        return node

    def sequence(self, closers: tuple[str, ...]) -> Node:
        items, joined, trailing = self.elements(closers)
        if len(items) == 1 and not trailing:
            return items[0]
        if not items:
            raise Unreadable("nothing to read")
        if isinstance(last := items[-1], Quantity) and last.unit.startswith("modulo "):  # `x \equiv 1, 4 \pmod 5`
            items = [_with_unit(item, last.unit) for item in items]
        return Seq(tuple(items), "", joined)

    def elements(self, closers: tuple[str, ...]) -> tuple[list[Node], str, bool]:
        groups: list[list[Node]] = [[]]
        joined, trailing = "", False
        self.deeper()
        while not (self.kind() == "end" or (self.kind() == "op" and self.value() in closers)):
            groups[-1].append(self.relation())
            trailing = False
            kind, value, _ = self.peek()
            if kind == "op" and value in _SEPARATORS:
                trailing = True
                self.at += 1
                if value == ";":
                    groups.append([])
                kind, value, _ = self.peek()
                if kind == "sep":
                    joined = joined if joined == "or" else value
                    self.at += 1
            elif kind in ("sep", "row"):
                joined = joined if joined == "or" else value
                self.at += 1
            elif kind != "end" and not (kind == "op" and value in closers):
                raise Unreadable(f"not expected: {value!r}")
        self.depth -= 1
        groups = [group for group in groups if group]
        if len(groups) > 1 and any(len(group) > 1 for group in groups):
            return [Seq(tuple(group), "") if len(group) > 1 else group[0] for group in groups], joined, trailing
        return [item for group in groups for item in group], joined, trailing

    def relation(self) -> Node:
        operands, operators = [self.operand()], []
        while self.kind() == "op" and self.value() in _RELATIONS:
            operators.append(self.value())
            self.at += 1
            if self.take("="):  # `<` and `=` apart
                operators[-1] = {"<": "<=", ">": ">=", "=": "="}.get(operators[-1], "!=")
            operands.append(self.operand())
        if self.kind() == "let" and self.value() == "in":
            raise Unreadable("words")
        return Relation(tuple(operands), tuple(operators)) if operators else operands[0]

    def operand(self) -> Node:
        parts = [self.quantity()]
        kind = ""
        while self.kind() == "op":
            following = self.value()
            if following == "-" and self.is_op(r"\{", 1):  # `\mathbb{R} - \{2\}`
                following = "minus"
            if following not in ("cup", "cap", "minus"):
                break
            if kind and kind != following:
                parts = [SetOperation(kind, tuple(parts))]
            kind = following
            self.at += 1
            parts.append(self.quantity())
        return SetOperation(kind, tuple(parts)) if kind else parts[0]

    def quantity(self) -> Node:
        self.currency = ""
        node = self.proportion()
        currency, self.currency = self.currency, ""
        unit = self.unit_words()
        if not (unit or currency):
            return node
        if unit and isinstance(node, Num):
            compound = self.compound(Quantity(node, unit.removesuffix(" and")))
            if compound is not None:
                return compound
        if unit in _APPLIED:  # "4 squared"
            return Pow(node, Num(_APPLIED[unit]))
        if unit in SCALES:
            return Mul((node, Num(SCALES[unit])))
        scale, _, rest = unit.partition(" ")
        if rest and scale in SCALES:
            return Quantity(Mul((node, Num(SCALES[scale]))), rest)
        if currency:
            unit = unit if unit in ("dollars", "dollar") else f"{currency} {unit}".strip()
        return Quantity(node, unit)

    def compound(self, first: Quantity) -> Node | None:
        """Read on in 5 ft 6 in, and in 3 hours and 20 minutes, where the units are of one kind."""
        start = self.at
        joined = self.kind() == "sep" and self.value() == "and"
        if self.kind(joined) != "num":
            return None
        self.at += joined
        self.deeper()
        following = self.quantity()
        self.depth -= 1
        if isinstance(following, Quantity) and (_is_smaller(first.unit, following.unit) or not following.unit):
            return Quantity(Add((first, following)), "")
        if not joined:
            raise Unreadable("two numbers")
        self.at = start
        return None

    def proportion(self) -> Node:
        parts = [self.total()]
        while self.is_op(":") and not self.in_set:
            self.at += 1
            parts.append(self.total())
        return Proportion(tuple(parts)) if len(parts) > 1 else parts[0]

    def part(self, start: int, end: int) -> Node:
        return Answers(self.tokens[start:end], self.depth).answer()

    def command(self, kind: str, value: str) -> Node:
        if kind not in READERS:
            raise Unreadable(f"not expected: {value!r}")
        return READERS[kind](self, value)

    def unit_words(self) -> str:
        """Take the words, percent and degree signs after a value."""
        words: list[str] = []
        while True:
            kind, value, _ = self.peek()
            if kind in ("word", "text"):
                words.append(value.strip())
            elif kind == "deg":
                if self.kind(1) == "let" and self.value(1) in ("C", "F"):
                    self.at += 1
                    words.append("degc" if self.value() == "C" else "degf")
                else:
                    words.append("degrees")
            elif kind == "op" and value == "%":
                words.append("percent")
            elif kind == "cur":
                words.append("dollars")
            elif kind == "op" and value in ("/", "*", "-") and words and self.kind(1) in ("word", "text"):
                words.append("/" if value == "/" else "")
            elif kind == "op" and value in "/*" and words and self.kind(1) == "let" and self.value(1) in "smhLgNJWVKCA":
                words.append(("/" if value == "/" else "·") + self.value(1))
                self.at += 1
            elif kind == "op" and value == "^" and words:
                words.append(self.unit_power())
                continue
            elif kind == "op" and value == "(" and self.kind(1) in ("word", "text") and self.is_op(")", 2):
                words.append(self.value(1))
                self.at += 2
            elif kind == "op" and value == "'" and words:
                pass
            elif kind == "pmod":
                self.at += 1
                words.append(f"modulo {self.group_text() if self.is_op('(') else self.name_text()}")
                continue
            elif kind == "let" and words and self.kind(-1) in ("word", "text") and value.isalpha():
                words.append(value)  # "Rug B"
            else:
                break
            self.at += 1
        return " ".join(words).replace(" ^", "^")

    def unit_power(self) -> str:
        self.at += 1
        braced = self.take("{")
        sign = "-" if self.take("-") else ""
        if self.kind() != "num":
            raise Unreadable("a unit's power is a number")
        power = f"^{sign}{self.value()}"
        self.at += 1
        if braced:
            self.expect("}")
        return power
