r"""Finds the answer in a completion, in time linear in its length and bounded.

Looked for in this order: the last balanced `\boxed{}` (with those before it that belong to one list), an answer marker
("The answer is", "Answer:", "####", "A:"), the last mathematics between delimiters, the whole completion if it reads as
an answer, the last number. The last two are guesses and are left out when strict.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from ..boxes import joined_boxes, open_box
from ..thinking import split_thinking
from .families import names_cases
from .parser import as_words, read
from .revoked import correction, denial, is_wrong_one
from .surroundings import goes_on, group_around, in_symbols, is_no_value, unit_after
from .tokens import TooLarge, Unreadable
from .tree import Words

LIMIT = 1_000_000
"""Characters of a completion that are read at most."""
_TAIL = 20_000
"""Characters at the end in which everything but a box is looked for."""

_DELIMITERS = re.compile(r"\\[()\[\]]|\\.|\$\$?", re.DOTALL)
_AMOUNT = re.compile(r"\n|<<|[-=+–−*/]\s*\Z")
"""What two dollar signs enclose that precede amounts instead of enclosing mathematics."""
_CLOSING = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_MARKER = re.compile(
    r"(?<![A-Za-z])(?:(?:answers?(?: to (?:the|this) (?:question|problem))?"
    r"|réponse|respuesta|antwort|risposta|resposta)"
    r"(?:[*_ ]{0,4}:[*_ ]{0,4}| (?:is|are|est|es|ist|è|é)\b:?| =)"
    r"|(?:答案|ответ|正解)\s?(?:[:：是为]|[*_ ]{1,4})[:：]?)",
    re.IGNORECASE,
)
_MARKER_WORDS = ("answer", "respuesta", "antwort", "risposta", "resposta")
_FOREIGN_WORDS = ("réponse", "答案", "ответ", "正解")
_LINE_MARKER = re.compile("^ {0,8}(?:####|A:)", re.MULTILINE)
_MAX_TRIES = 50
_WINDOW = 80
"""Characters on either side of a number that may say what it is."""
_MAX_LINE = 400
"""Characters behind mathematics that may belong to it."""
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z<]|\s*$)|[。！？]|<\||\n")
_PROSE = re.compile(r"(?<![\\{A-Za-z])[A-Za-z]{2,}+\s++[A-Za-z]{2,}+\s++[A-Za-z]{2}")
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.,])(?:-\s?|−\s?)?\$?(?:[0-9]|\.[0-9])[0-9.,]*+(?:/[0-9]++)?+(?:\s?\\?%)?")
_BOLD = re.compile(r"\*\*([^*\n]++)\*\*")
_LEADING_NUMBER = re.compile(r"[-−]?\$?[0-9][0-9.,]*+(?:/[0-9]++)?+")
_LEAD = re.compile(
    r"(?:(?:therefore|thus|hence|so|then|simply|just|clearly|exactly|precisely|approximately|about|around|roughly|nearly"
    r"|equal to|equals?|given by|found to be|indeed|actually|obviously|now|only|definitely|of course|certainly|finally)"
    r"\b[,:]?\s*)+(?=[-−+($\[{|.]{0,2}[0-9√π$\\]|[A-Za-z](?![A-Za-z']))"
)
_CLAUSE = re.compile(
    r"(?:,\s*|\s+)\(?(since|because|as|which|for|when|where|while|whenever|if|so|hence|thus|therefore|after|by|given"
    r"|assuming|meaning|i\.e)\b"
)
_CONDITIONS = ("for", "when", "where", "while", "whenever", "if", "given", "assuming")
_CASES = re.compile(r"\b(?:and|or|otherwise|else)\b")
"""What tells that a clause limits the value, and another value follows."""
_LEFT = re.compile(r"(?:\S+ [-+*/^×·÷−] )*[^\s=:;\u2e80-\uffff]*\Z")
_RIGHT = re.compile(r"[^\s=:;\u2e80-\uffff]*(?: ?(?:π|pi)\b)?(?: [-+*/] [A-Za-z]\b)*")
_OPERAND = re.compile(r"[-−(]*(?:[0-9√π\\]|pi\b|sqrt|[A-Za-z](?![A-Za-z']))")
_ATTACHED = re.compile(
    r"[\^√π\\×·÷]|[*/+](?=[0-9(a-z]\b|pi\b|sqrt)|(?<=[0-9)a-z])[*/+](?=[0-9])|[0-9](?:[a-z]\b|pi\b)|[0-9)] "
    r"|(?:log|ln|exp|sin|cos|tan)\(|[0-9]!\)"
)
"""Signs that what surrounds a number is an expression."""
_WORD = re.compile("[A-Za-z]{2}")
_SUBTRACTS = re.compile(r"(?:[0-9)}]|(?<![A-Za-z'])[a-z])\s\Z")
_NOTHING_MORE = re.compile(r"\s*(?:\.\s|\.?\Z)")
_QUESTION = re.compile(r"[^.!?\n]*+\?")
_ALTERNATIVES = re.compile(r"\b(?:or|either)\b", re.IGNORECASE)
_DENIED_BEFORE = re.compile(
    r"\b(?:not|isn't|never|n't be|(?:wrong|false|incorrect) answer(?: is|:))\s+(?:equal to\s+)?$", re.IGNORECASE
)
_DENIED = re.compile(r"\s*(?:is|are|was|would be)\s+(?:not|wrong|incorrect|false|impossible)\b", re.IGNORECASE)
_INSTEAD = re.compile(r",?\s+\(?(?:not|rather than|instead of)\s")
_ALTERNATIVE = re.compile(r"(?:\S+ or|[-$0-9.,/]+ and)\s+$")
_NUMBERS_ALONE = re.compile(r"\s*[-0-9./]+(?:[\s,;]+[-0-9./]+)+\s*")
_JOINED = re.compile(r"\s*,?\s*(?:and|or)\s*")
_TAG, _TAG_END = "<answer>", "</answer>"
_CONCLUSION = re.compile(r"\b(?:therefore|thus|hence|so)\b", re.IGNORECASE)
_CHOICE = re.compile(
    r"\b(?:answer|option|choice|réponse)\b[^A-Za-z0-9\n]{0,4}(?:(?:is|est|would be|should be)\b)?[^A-Za-z0-9\n]{0,4}"
    r"(?:(?:for sure|definitely|clearly|option|choice)\s+)*\(?([A-J])(?![A-Za-z'])"
    r"|^\s*\(?([A-J])\)?(?=[.:)]|[^\x00-\x7f]|\s*$)"
    r"|\(([A-J])\)\s*[.!]?\s*\Z"
)


class Status(StrEnum):
    """How the search for an answer ended."""

    OK = "ok"
    NONE = "none"
    CUT_OFF = "cut_off"
    """The last box is not closed, and an earlier one was."""
    AMBIGUOUS = "ambiguous"
    """The text offers alternatives ("41 or 42"), which is no answer where the reference is one value."""
    OVER_LIMIT = "over_limit"
    """The completion is too long to read."""


class Wanted(StrEnum):
    """Kind of the reference, which decides what may be guessed."""

    VALUE = "value"
    WORDS = "words"
    """A number is no guess for it."""
    CHOICE = "choice"
    """One capital letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """The answer of a completion."""

    text: str | None
    """The answer as written; None if there is none."""
    method: str
    """boxed, marker, math, whole, choice, number, none or over_limit."""
    status: Status


def extract(completion: str, *, strict: bool = False, wanted: Wanted = Wanted.VALUE) -> Extraction:
    r"""Return the answer that a completion ends on.

    >>> extract("<think>2 or 3?</think>It is \\boxed{\\frac{1}{2}}.").text
    '\\frac{1}{2}'
    """
    if len(completion) > LIMIT:
        return Extraction(text=None, method="over_limit", status=Status.OVER_LIMIT)
    text = split_thinking(completion).answer
    found = joined_boxes(text)
    if found is not None:
        # An empty box is a decision of the writer, so nothing further is guessed from the text around it.
        return _extraction(found.strip(), "boxed")
    if (opened := open_box(text)) >= 0:
        # What was cut off is not guessed from the text before it; the writer may go on below it.
        if (found := _marked(text[opened:].partition("\n")[2][-_TAIL:])) is None:
            is_second = joined_boxes(text[:opened]) is not None
            return Extraction(text=None, method="none", status=Status.CUT_OFF if is_second else Status.NONE)
        return _extraction(found, "marker")
    tagged, marked = (partial(find, is_words=wanted is Wanted.WORDS) for find in (_tagged, _marked))
    finders: list[_Finder] = [("marker", tagged), ("marker", marked), ("math", _last_math)]
    if not strict and wanted is Wanted.VALUE:
        finders.insert(2, ("number", _concluded))
    if not strict:
        finders += _GUESSES[wanted]
    tail = text[-_TAIL:]
    if len(text) > _TAIL:  # from the start of a line if there is one
        tail = tail[tail.find("\n", 0, _TAIL // 2) + 1 :]
    for method, find in finders:
        found = find(tail)
        if found is not None:
            return _extraction(found.strip(), method)
    return _extraction("", "none")


def _extraction(text: str, method: str) -> Extraction:
    if not text:
        return Extraction(text=None, method="none", status=Status.NONE)
    ambiguous = len(text) < 400 and _ALTERNATIVES.search(text) is not None
    return Extraction(text=text, method=method, status=Status.AMBIGUOUS if ambiguous else Status.OK)


def math_segments(text: str) -> list[tuple[int, int, int, int]]:
    r"""Return (start, inner start, inner end, end) of each `$...$`, `$$...$$`, `\(...\)` and `\[...\]`."""
    found = []
    opened: re.Match[str] | None = None
    for token in _DELIMITERS.finditer(text):
        if opened is None:
            opened = token if token[0] in _CLOSING else None
        elif token[0] == "$" == opened[0] and (
            text[token.end() : token.end() + 1].isdigit() or _AMOUNT.search(text, opened.end(), token.start())
        ):
            opened = token  # both precede amounts of money
        elif token[0] == _CLOSING[opened[0]]:
            found.append((opened.start(), opened.end(), token.start(), token.end()))
            opened = None
    return found


def _last_math(text: str) -> str | None:
    if "$" not in text and "\\(" not in text and "\\[" not in text:
        return None
    segments = math_segments(text)[-10:]
    for at in range(len(segments) - 1, max(len(segments) - 4, -1), -1):
        start, inner, stop, end = segments[at]
        found = text[inner:stop]
        if found.strip() and not _PROSE.search(found[:2000]):
            first = at
            while first and _JOINED.fullmatch(text, segments[first - 1][3], segments[first][0]):
                first -= 1
            if first < at:  # `$x = 2$ and $x = 3$`
                return text[segments[first][0] : end]
            return _with_unit(text[start : end + 80], (0, inner - start, stop - start, end - start))
    return None


def _tagged(text: str, *, is_words: bool) -> str | None:
    """Return what the last `<answer>...</answer>` holds."""
    end = text.rfind(_TAG_END)
    start = text.rfind(_TAG, 0, end) if end >= 0 else -1
    if start < 0:
        return None
    found = text[start + len(_TAG) : end].strip()
    marked = _marked(found)
    if marked is None and not _reads(found) and _reads(value := _sentence(found)):
        return value  # a whole sentence: "The total is 42."
    if marked is None and not is_words and _PROSE.search(found) and len(_NUMBER.findall(found)) == 1:
        return _last_number(found) or found  # "There are 42 ways."
    return found if marked is None else marked


def _marked(text: str, *, is_words: bool = False) -> str | None:
    """Return what follows the last marker; in a sentence without mathematics all of it if words are wanted."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter whose lower case is two
        lowered = text
    words = _MARKER_WORDS if text.isascii() else _MARKER_WORDS + _FOREIGN_WORDS
    end = max(_last_marker(text, lowered, word) for word in words)
    if "####" in text or "A:" in text:
        end = max(end, *(match.end() for match in _LINE_MARKER.finditer(text)), -1)
    if end < 0:
        return None
    rest = _BOLD.sub(r"\1", text[end:]).lstrip(" *_:}\t\n")
    if not is_words and rest[:1].isalpha() and (denied := denial(rest)):
        return denied  # "The answer is wrong: 9"
    if _WORD.search(rest) and (instead := correction(rest)) is not None:
        value = _sentence(instead, is_words=is_words).strip().strip("*_`").strip()
        return value if is_words or _reads(value) else ""  # no text before it is an answer either
    found = _sentence(rest, is_words=is_words).strip().strip("*_`").strip()
    reasoning = len(found.split()) > 8 and not re.search(r"[0-9\\$]", found)  # "Answer: Let us first look at ..."
    return None if reasoning else found or None


def _last_marker(text: str, lowered: str, word: str) -> int:
    """Return where the last marker that starts with a word ends, -1 if there is none."""
    at = len(text)
    for _ in range(_MAX_TRIES):
        at = lowered.rfind(word, 0, at)
        if at < 0:
            break
        if (match := _MARKER.match(text, at)) and not is_wrong_one(text[max(0, at - 12) : at]):
            return match.end()
    return -1


def _reads(text: str) -> bool:
    """Tell whether a text is an answer that is no words."""
    try:
        return bool(text.strip()) and not isinstance(read(text.strip().strip("$")), Words)
    except Unreadable as error:
        return isinstance(error, TooLarge)


def _sentence(rest: str, *, is_words: bool = False) -> str:
    """Return the answer at the start of the text after a marker."""
    rest = rest[lead.end() :] if (lead := _LEAD.match(rest)) else rest
    segments = math_segments(rest[:4000])
    first = segments[0] if segments else None
    if first and first[0] == 0:
        return _with_unit(rest, first)
    for end in _SENTENCE_END.finditer(rest):
        if not any(s[0] < end.start() < s[3] for s in segments[:50]):
            rest = rest[: end.start()]
            break
    rest = _INSTEAD.split(rest, maxsplit=1)[0] or rest
    if is_words and not re.search(r"[0-9\\$]", rest):
        return rest
    clause = _CLAUSE.search(rest)
    if clause and clause[1] in _CONDITIONS and _CASES.search(rest, clause.end()):
        return rest  # "5 if x is even and 6 otherwise"
    if clause and _reads(rest[: clause.start()]):
        return rest[: clause.start()]  # "42, which is even", "x = 42 since y is 3"
    number = _LEADING_NUMBER.match(rest)
    if number and " is " in rest:
        return number[0].rstrip(".,")  # "5, which is the smaller one"
    head, verb, tail = rest.rpartition(" is ")
    return _sentence(tail.lstrip()) if verb and head else rest


def _with_unit(rest: str, segment: tuple[int, int, int, int]) -> str:
    """Return the segment's inside with what belongs to it: more of a list, other cases, operations, units."""
    line = rest[segment[3] :].partition("\n")[0]
    inner = rest[segment[1] : segment[2]]
    if _NOTHING_MORE.match(line):
        return inner
    if re.match(r"\s*(?:,|and\b|or\b)\s*(?:and\b|or\b)?\s*(?:\$|\\\()", line):
        return rest[: segment[3]] + (_SENTENCE_END.split(line, maxsplit=1)[0])
    tail = line[: _sentence_end(line[:_MAX_LINE], 1)]  # from 1: `$5$!`
    if names_cases(tail):
        return rest[segment[0] : segment[3]] + tail
    if goes_on(tail):
        clause = _CLAUSE.search(tail)
        return in_symbols(inner + (tail[: clause.start()] if clause else tail))
    return inner + unit_after(tail)


def _sentence_end(text: str, start: int = 0) -> int:
    """Return where the sentence ends whose mathematics may hold full stops."""
    segments = math_segments(text)[:50]
    for end in _SENTENCE_END.finditer(text, start):
        if not any(s[0] < end.start() < s[3] for s in segments):
            return end.start()
    return len(text)


def _whole(text: str) -> str | None:
    found = text.strip()
    if not found or len(found) > 300 or "\n" in found or _PROSE.search(found):
        return None
    found = found.removesuffix(".")
    try:
        node = read(found.strip("*"))
    except Unreadable:
        return None
    return None if isinstance(node, Words) and re.search(r"[0-9]|\s\S+\s\S+\s\S", found) else found


def _whole_words(text: str) -> str | None:
    found = text.strip()
    return found.removesuffix(".") if found and len(found) <= 300 and "\n" not in found and as_words(found) else None


def _whole_letter(text: str) -> str | None:
    found = _whole(text)
    return None if found is None or not found.isascii() or as_words(found) else found


def _choice(text: str) -> str | None:
    choice = None
    for choice in _CHOICE.finditer(text):
        if choice.start() == 0:
            break  # "D. It cannot be A or B"
    return (choice[1] or choice[2] or choice[3]) if choice else None


def _last_number(text: str) -> str | None:
    if _NUMBERS_ALONE.fullmatch(text):
        return None
    number = next(iter(deque(_NUMBER.finditer(text), maxlen=1)), None)
    if number is None or _QUESTION.match(text, number.end()):
        return None  # a number inside a question is not an answer
    if _DENIED_BEFORE.search(text, max(0, number.start() - 20), number.start()) or _DENIED.match(text, number.end()):
        return None
    alternative = _ALTERNATIVE.search(text, max(0, number.start() - 40), number.start())
    if alternative:
        return alternative[0] + number[0].rstrip(".,")
    return _expression_around(text, number)


def _expression_around(text: str, number: re.Match[str]) -> str | None:
    """Return the expression that a number is part of, None where it does not read: a part of it is no answer."""
    at, end = _past_minus(text, number.start()), number.start() + len(number[0].rstrip(".,"))
    before, bare, after = text[max(0, at - _WINDOW) : at], text[at:end], text[end : number.end() + _WINDOW]
    before, after = before.rpartition("\n")[2], after.partition("\n")[0]
    if (group := group_around(before, bare, after)) is not None:
        return group if _reads(group) else None
    window = before + bare + after
    symbols = in_symbols(window)
    if symbols != window:
        numbers = [*_NUMBER.finditer(symbols)] or [*re.finditer("[0-9]+", symbols)]
        at = _past_minus(symbols, numbers[-1].start())
        found = _joined_around(symbols, at, symbols[at : numbers[-1].end()].rstrip(".,"))
        at = symbols.rfind(found) if found else -1
        before, after = symbols[: max(at, 0)], symbols[at + len(found or "") :]
    else:
        found = _joined_around(text, at, bare)
        at = window.rfind(found) if found else -1
        before = window[:at] if at >= 0 else before
    return None if found is None or is_no_value(before, after) else found


def _past_minus(text: str, start: int) -> int:
    """Return where a number starts without the sign that subtracts it from an operand: `8 - 4`."""
    subtracted = text[start : start + 2] in ("- ", "− ") and _SUBTRACTS.search(text, max(0, start - 4), start)
    return start + 2 if subtracted else start


def _joined_around(text: str, start: int, bare: str) -> str | None:
    """Return a number with the operands, powers and functions that are written next to it; None if they do not read."""
    end = start + len(bare)
    left, right = _LEFT.search(text[max(0, start - 60) : start]), _RIGHT.match(text, end)
    operands = re.split(r"(?<= [-+*/^×·÷−]) ", left[0]) if left else []
    while operands[1:] and not _OPERAND.match(operands[0]):
        del operands[0]  # "Total - 5"
    found = (" ".join(operands) + bare + (right[0] if right else "")).strip(" .,!?*_`\"'[]<>").rstrip("\\")
    if found.count("(") != found.count(")"):
        found = found.strip("()")
    if found == bare or not _ATTACHED.search(found) or re.search(r"/\s?[A-Za-z]{2}", found):
        return bare
    if _reads(found):
        return found
    return bare if re.fullmatch(r"\\[A-Za-z]+\{[^{}]*\}", found) else None  # `\framebox{42}`


def _concluded(text: str) -> str | None:
    """Return the number in a last sentence such as "Therefore there are 12 ways", if no mathematics follows it."""
    segments = math_segments(text)[-1:]
    rest = text[segments[0][3] :] if segments else ""
    conclusion = _CONCLUSION.search(rest)
    return _last_number(rest[conclusion.end() :]) if conclusion else None


_Finder = tuple[str, Callable[[str], str | None]]
_GUESSES: dict[Wanted, list[_Finder]] = {
    Wanted.VALUE: [("whole", _whole), ("number", _last_number)],
    Wanted.WORDS: [("whole", _whole_words)],
    Wanted.CHOICE: [("whole", _whole_letter), ("choice", _choice)],
}
