r"""The reference answer, compiled once and compared with every rollout of its problem.

Compiling reads it into a tree and says whether anything can equal it: an empty, unreadable or undefined reference is
`bad_gold`, which is an error of the data set and never a reward.
"""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from ..keys import marked_answer
from .compare import Comparison, is_undefined
from .dates import read_date
from .equations import contradicts
from .expressions import Symbolic
from .families import compare_families, condition, family, names_cases
from .parser import MAX_CHARACTERS, read
from .policy import DEFAULT, Policy
from .ruling import Ruling, no, undecided, yes
from .tokens import TooLarge, Unreadable
from .tree import Mul, Node, Num, Proportion, Relation, Seq, Sym, Words

_DELIMITED = re.compile(r"\s*(?:\$\$(.*)\$\$|\$([^$]*)\$|\\\((.*)\\\)|\\\[(.*)\\\])\s*\.?\s*", re.DOTALL)
_LABELLED = re.compile(r"([-\\$]*[0-9](?:[^()]*[^()/\s])?)\s*\(([A-Za-z][A-Za-z' .-]*[A-Za-z.]|[mghsL])\)")
_INNER_STOP = re.compile(r"\.\s*(\$|\\\)|\\\])$")
_OPEN_BOX = re.compile(r"\s*\\+boxed\s*\{([^$]*)", re.DOTALL)
_APART = re.compile(r"(?<=[0-9.])(?:\\[!,;: ]|[\s~])+(?=[0-9])")
"""Spacing that keeps digits from being one number: `1 2`."""
_LOOSE = re.compile(r"(?<!\\)\\[!,;: ]|\\(?:left|right)(?![A-Za-z])|[\s$]+|(?<!\\)~")
_CIRCLED = re.compile(r"\\textcircled\s*\{\s*([0-9])\s*\}")
_DOTS = re.compile(r"\\[lc]?dots[cbmio]?(?![A-Za-z])|…|⋯")
_FRACTION = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_LEADING = re.compile(
    r"\A\s*(?:(?:=|≈|\\approx(?![A-Za-z]))(?![=<>])|"
    r"(?:about|approximately|roughly|around|exactly|equal to)\s+(?=[-\\$0-9]))"
)
_CHOICE = re.compile(
    r"\\(?:text|textbf|mathrm|mathbf|textrm|mbox)\s*\{\s*\(?([A-J])[).:]?\)?\s*\}[).:]?(?:\\[ ,;:]|\\q?quad|[~\s])*(.+)"
    r"|\(([A-J])\)(?:\\[ ,;:]|\\q?quad|[~\s])+(.+)|([A-J])[).:](?:\\[ ,;:]|\\q?quad|[~\s])*(.+)",
    re.DOTALL,
)
"""One of the letters that name choices, and what it stands for: `(B) 5`."""
_IN_TEXT = re.compile(
    r"\\(?:text|textbf|textrm|mathrm|mbox)\s*\{\s*(\(?[A-J](?:\)|[.:])[^{}]*"
    r"|(?:about |approximately |around )?-?[0-9][0-9.,/]* ?[A-Za-z%]*)\s*\}"
)
"""A text that is a choice, or a number with a word."""
_OPTION = re.compile(
    r"(?:\\(?:text|textbf|mathrm)\s*\{)?\s*(?:[Oo]ption|[Cc]hoice)\s*:?\s*\(?([A-J])\)?[.:]?\s*\}?|\(?([A-J])[.:)]+"
)
_OPERATOR = re.compile(r"\s*[-+*/^_=<>!,;|'(]|\s*\\(?:cdot|times|cup|cap|in|to|le|ge|pm)")
_TO = re.compile(r"([^\\{}]{1,20}?)\s*(?:\bto\b|\\text\s*\{\s*to\s*\})\s*([^\\{}]{1,20})")
_NUMBERED = re.compile(r"(?:\([0-9]\)){2,}")
_CHOOSE = re.compile(r"C\((\w+),(\w+)\)")
_REPEATING = re.compile(r"-?[0-9]*\.[0-9]+\([0-9]+\)")
_WRAPPER = re.compile(r"\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+")
_DECIMAL_COMMA = re.compile(r"(-?(?:0(?=,)|[0-9]+(?!,[0-9]{3}$))),([0-9]+)")
_NAMED_IN_WORDS = re.compile(
    r"\s*(?:\\(?:text|textbf|mathrm|textit)\s*\{([^{}]{3,40}?)(?:[=:]\s*\}\s*|\}\s*(?:=|:|\\approx)\s*)"
    r"|([A-Za-z][A-Za-z ]{3,40}?)\s*(?:=|:|\\approx)\s*)(?=[^=:\s])"
)
_MARK = re.compile(
    r"(?:(?<=[\s,;.$}])|\A)(?:[Pp]art\s+)?\(?([ivx]{1,4}|[IVX]{1,4}|[a-hA-H]|[1-9])\)(?::(?=\s|\Z)|(?=[\s\\$]|\Z))\s*"
)
_ROMAN = "i ii iii iv v vi vii viii ix x"
_MARKS = [
    names.split() for names in (_ROMAN, _ROMAN.upper(), "a b c d e f g h", "A B C D E F G H", "1 2 3 4 5 6 7 8 9")
]
"""Names of parts in their order."""
_REMAINDER = re.compile(
    r"\$?(-?[0-9]+)(?:\s+r\s+|\s*R\s*|\s*(?:\\(?:text|mathrm)\s*\{)?\s*(?:R|r|rem|remainder|with remainder)[. ]*\}?\s+)"
    r"([0-9]+)\$?"
)
_HARMLESS = "\n\t\r\u200b\u2060\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An answer as text and as a tree."""

    text: str
    key: str
    """The text without spacing and wrappers: the same key is the same answer as written."""
    node: Node | None
    problem: str = ""
    """Why there is no tree: `unreadable`, `too_large` or `hidden_characters`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """A compiled reference; `error` says why nothing can be compared with it."""

    text: str
    reading: Reading | None
    policy: Policy
    error: str = ""

    @property
    def is_single(self) -> bool:
        """Whether it is one value and no list, so that an answer with alternatives is ambiguous."""
        return self.reading is not None and not isinstance(self.reading.node, (Seq, Words))

    def compare(self, answer: str, symbolic: Symbolic | None = None) -> Ruling:
        """Return the ruling on an answer; symbolic is the last tier."""
        assert self.reading is not None
        if self.error:  # nothing equals it but the same text, if what it says is only unknown here
            is_unread = self.reading.problem == "unreadable" and bool(self.reading.key)
            same = is_unread and _key(_trimmed(answer)) == self.reading.key
            return yes("string") if same else no("string", f"bad_gold: {self.error}")
        # The same text is the same answer without reading it, but for a chain of equations that may contradict itself.
        if not isinstance(self.reading.node, Relation) and _key(_trimmed(answer)) == self.reading.key:
            return yes("string")
        return compare_readings(read_answer(answer), self.reading, Comparison(self.policy, symbolic))


@lru_cache(4096)
def compile_gold(answer: str, policy: Policy = DEFAULT) -> Gold:
    r"""Return the compiled reference; what lies in a box or between dollar signs is taken out of them.

    >>> compile_gold(r"$\frac{1}{2}$").compare("0.5").equal
    True
    >>> compile_gold("").error
    'the reference is empty'
    """
    text = _content(answer) if len(answer) <= 10 * MAX_CHARACTERS else answer
    reading = None
    if len(text) > MAX_CHARACTERS:
        error = f"the reference has more than {MAX_CHARACTERS} characters"
    elif not _LOOSE.sub("", text).strip(". "):
        error = "the reference is empty"
    else:
        reading = read_answer(text)
        if error := _unusable(reading):
            body = (family(text) or condition(text))[0]  # what is read with its condition may contradict itself
            if body != text and not (error := _unusable(read_answer(body))):
                reading = Reading(text=reading.text, key=reading.key, node=read_answer(body).node)
    return Gold(text=text, reading=reading, policy=policy, error=error)


def _unusable(reading: Reading) -> str:
    if reading.node is None:
        return f"the reference cannot be read ({reading.problem})"
    if is_undefined(reading.node):
        return "the reference is undefined"
    if isinstance(reading.node, Relation) and contradicts(reading.node, Comparison(DEFAULT)):
        return "the reference contradicts itself"
    return ""


def _content(answer: str) -> str:
    if (marked := marked_answer(answer)) is not None:
        return marked
    if (cut_off := _OPEN_BOX.fullmatch(answer)) is not None:
        return cut_off[1].strip()
    match = _DELIMITED.fullmatch(answer)
    inner = next((g for g in match.groups() if g is not None), None) if match else None
    return (inner if inner is not None and "$" not in inner else answer).strip()


@lru_cache(8192)
def read_answer(text: str) -> Reading:
    """Return an answer's text, key and tree."""
    if not text.isascii() and any(
        unicodedata.category(c) in ("Cc", "Cf", "Mn", "Me", "Cs", "Co") for c in text if c not in _HARMLESS
    ):  # characters that do not show, reorder or overstrike
        return Reading(text=text, key="", node=None, problem="hidden_characters")
    text = text.strip()
    if (inside := _IN_TEXT.fullmatch(text)) is not None:
        text = inside[1].strip()
    if (option := _OPTION.fullmatch(text)) is not None:
        text = option[1] or option[2]
    trimmed = _trimmed(text)
    try:
        return Reading(text=text, key=_key(trimmed), node=_tree(trimmed))
    except Unreadable as error:
        problem = "too_large" if isinstance(error, TooLarge) else "unreadable"
        return Reading(text=text, key=_key(trimmed), node=None, problem=problem)


def _tree(text: str) -> Node:
    """Read an answer; `Area = 5` and `Answer: 5` are values with a name in words."""
    if (parts := _parts(text)) is not None:
        return parts
    if (labelled := _LABELLED.fullmatch(text)) is not None:
        text = f"{labelled[1]}\\text{{ {labelled[2]}}}"
    try:
        node = read(text)
    except TooLarge:
        raise
    except Unreadable:
        node = None
    if (node is None or isinstance(node, Words)) and (head := _NAMED_IN_WORDS.match(text)) is not None:
        with suppress(Unreadable):
            value = read(text[head.end() :])
            if not isinstance(value, Words):
                name = " ".join((head[1] or head[2]).casefold().split())
                return Relation((Sym(f" {name}"), value), ("=",))
    if node is None and (choice := _CHOICE.fullmatch(text)) is not None:
        letter, meaning = (found for found in choice.groups() if found)
        return Mul((Sym(letter), read(meaning)))  # as `(B) 5` reads
    if node is None:
        raise Unreadable("neither mathematics nor words")
    return node


def _parts(text: str) -> Node | None:
    """Read parts with marks, `(i) 3 (ii) 5`, and a quotient with its remainder, `3 r 2`: their order counts."""
    if (quotient := _REMAINDER.fullmatch(text)) is not None:
        return Seq((read(quotient[1]), read(quotient[2])), "()")
    if ")" in text and "\\" in text:
        text = _WRAPPER.sub(_outside, text).strip()
    marks = list(_MARK.finditer(text)) if ")" in text else []
    names = [mark[1] for mark in marks]
    if len(names) < 2 or marks[0].start() or not any(names == known[: len(names)] for known in _MARKS):
        return None
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    parts = [_trimmed(text[mark.end() : end].lstrip(" ,;")) for mark, end in zip(marks, ends, strict=True)]
    with suppress(Unreadable):
        return Seq(tuple(_tree(part.removesuffix(" and").strip()) for part in parts), "()")
    return None


def _outside(wrapped: re.Match[str]) -> str:
    r"""Take the marks of parts out of a `\text{ cm, (b) }`, and leave the other words in it."""
    pieces = _MARK.split(wrapped[1])
    if len(pieces) == 1:
        return wrapped[0]
    words = [piece.strip().strip(",;").strip() for piece in pieces[::2]]
    texts = [rf"\text{{ {word}}}" if word not in ("", "and") else "" for word in words]
    return texts[0] + "".join(f" ({mark}) {text}" for mark, text in zip(pieces[1::2], texts[1:], strict=True))


def _trimmed(text: str) -> str:
    stripped = _LEADING.sub("", _INNER_STOP.sub(r"\1", text.strip().strip("*").strip()), count=1)
    while stripped.endswith((".", "\\", ",", ";")) and not stripped.endswith(("..", "\\,", "\\;")):
        stripped = stripped[:-1].rstrip()
    return stripped


def _key(text: str) -> str:
    text = _CIRCLED.sub(lambda m: chr(0x245F + int(m[1])), _DOTS.sub("...", text))
    text = _FRACTION.sub(r"\\frac", _LOOSE.sub("", _APART.sub("#", text)))
    return _WRAPPER.sub(r"\1", text)


def compare_readings(answer: Reading, gold: Reading, comparison: Comparison) -> Ruling:
    """Return the ruling on two answers as they were read."""
    if answer.problem == "hidden_characters":
        return no("string", "hidden_characters")
    if (ruling := _compare_choices(answer, gold, comparison)) is not None:
        return ruling
    if (ruling := _compare_qualified(answer, gold, comparison)) is not None:
        return ruling
    if answer.node is None or gold.node is None:
        if answer.problem == "too_large":
            return undecided("string", "over_limit: the answer is too large to read")
        same = answer.key == gold.key and bool(answer.key)
        return yes("string") if same else no("string", "not_read: the answer is not mathematics that is known here")
    if answer.key == gold.key:
        contradiction = isinstance(answer.node, Relation) and contradicts(answer.node, comparison)
        return no("structure", "contradiction") if contradiction else yes("string")
    if (date := read_date(gold.text)) is not None and (other := read_date(answer.text)) is not None:
        return Ruling(date == other, "words", "date")
    ruling = comparison.judge(answer.node, gold.node)
    return ruling if ruling.equal else _read_otherwise(answer, gold, comparison) or ruling


def _compare_qualified(answer: Reading, gold: Reading, comparison: Comparison) -> Ruling | None:
    """Compare answers of which one at least has an integer parameter, or a condition behind it; a lone one is free."""
    families = [family(reading.text) for reading in (answer, gold)]
    if families[0] is not None and families[1] is not None:
        return compare_families(families[0], families[1], comparison)
    bodies = [
        (reading.text, "") if found is not None and "equiv" in reading.text else found or condition(reading.text)
        for found, reading in zip(families, (answer, gold), strict=True)
    ]
    if (bodies[0][0], bodies[1][0]) == (answer.text, gold.text):
        return None
    if sum(bool(when) for _, when in bodies) == 1 and names_cases(bodies[0][1] or bodies[1][1]):
        return no("structure", "cases: one answer names another value under another condition")
    one, other = (read_answer(body) for body, _ in bodies)
    if one.node is None or other.node is None or isinstance(one.node, Words) or isinstance(other.node, Words):
        return None
    ruling = compare_readings(one, other, comparison)
    if ruling.equal and families == [None, None]:
        conditions = [_key(when) for _, when in bodies]
        if all(conditions) and conditions[0] != conditions[1]:
            return undecided("structure", "conditions: they differ as written")
    return ruling


def _compare_choices(answer: Reading, gold: Reading, comparison: Comparison) -> Ruling | None:
    """Compare answers of which one at least is a choice with what it stands for: by what both of them say."""
    (letter, value), (gold_letter, gold_value) = (_choice(reading) for reading in (answer, gold))
    if not (value and letter) and not (gold_value and gold_letter):
        return None
    if letter and gold_letter and letter != gold_letter:
        return no("words", "another_choice")
    if value and gold_value:
        ruling = compare_readings(read_answer(value), read_answer(gold_value), comparison)
        if letter and gold_letter:
            return ruling if ruling.equal is not False else no("words", "not_that_choice")
        return ruling if ruling.equal else None
    return yes("words", "choice") if letter and gold_letter else None


def _choice(reading: Reading) -> tuple[str, str]:
    """Return the letter of a choice and what it stands for; either may be missing."""
    if isinstance(reading.node, Sym) and len(reading.node.name) == 1 and "A" <= reading.node.name <= "J":
        return reading.node.name, ""
    match = _CHOICE.fullmatch(reading.text)
    if match is None or (isinstance(reading.node, Seq) and reading.node.brackets == "()"):  # `(A) 3 (B) 5`
        return "", reading.text
    letters, values = match.groups()[::2], match.groups()[1::2]
    letter, value = (next(found for found in groups if found) for groups in (letters, values))
    return ("", reading.text) if _OPERATOR.match(value) else (letter, value.strip())


def _read_otherwise(answer: Reading, gold: Reading, comparison: Comparison) -> Ruling | None:
    """Try other readings: `1,234` as a list, `0,5` with a decimal comma, `0.1(6)` as repeating, `7 to 3` as a ratio."""
    for one, other in ((answer, gold), (gold, answer)):
        assert other.node is not None
        if _GROUPED.fullmatch(one.key) and isinstance(other.node, Seq):
            text = one.key.replace(",", ", ")
        elif isinstance(other.node, Proportion) and (match := _TO.fullmatch(one.text)):
            text = f"{match[1]}:{match[2]}"
        elif _NUMBERED.fullmatch(one.key) and isinstance(other.node, Seq):
            text = one.key.replace(")(", "), (")
        elif isinstance(other.node, (Num, Mul)) and (match := _CHOOSE.fullmatch(one.key)) is not None:
            text = f"\\binom{{{match[1]}}}{{{match[2]}}}"
        elif _REPEATING.fullmatch(one.key):
            text = one.key.replace("(", "\\overline{").replace(")", "}")
        elif (match := _DECIMAL_COMMA.fullmatch(one.key)) and not isinstance(other.node, (Seq, Words)):
            text = f"{match[1]}.{match[2]}"
        else:
            continue
        node = read_answer(text).node
        if node is not None and (found := comparison.equal(node, other.node)).equal:
            return found
    return None
