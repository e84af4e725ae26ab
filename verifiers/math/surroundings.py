r"""Reads what surrounds a number in prose: words that stand for operations, and words that make it no value.

A number cut out of "the square root of 3", "at least 3" or "step 3" is not the answer 3. The expression is read where
that can be done; where it cannot, there is no answer. Callers pass a window of bounded length.
"""

import re

from .units import SCALES, is_unit_word, read_unit

_MAX_CHARACTERS = 300
"""A longer text stays as it is: these patterns are not linear in its length."""
_N = r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?"
_OPERAND = rf"(?:{_N}|\\sqrt(?:\[3\])?\{{[^{{}}]*\}}|pi\b|(?<![A-Za-z])[a-z](?![A-Za-z']))"
_SCALE = "|".join(sorted(SCALES.keys() - {"half", "halved", "doubled", "tripled"}))
_FUNCTION = r"log|ln|lg|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|exp"
_NOTATIONS = [
    (re.compile(pattern, re.IGNORECASE), notation)
    for pattern, notation in (
        (r"[$]|\\[()]", ""),
        (rf"\b(?:the\s+)?(?:square root of(?:\s+the number)?|sqrt)\s+({_N})", r"\\sqrt{\1}"),
        (rf"\b(?:the\s+)?(?:cube root of|cbrt)\s+({_N})", r"\\sqrt[3]{\1}"),
        (rf"\blog(?:arithm)?(?:\s+base\s+|\s*_\s*\{{?)({_N})\}}?\s+(?:of\s+)?({_N})", r"\\log_{\1}(\2)"),
        (rf"(?<![A-Za-z\\])({_FUNCTION})\s+({_N})(?![0-9]|\s*(?:°|deg))", r"\\\1(\2)"),
        (rf"({_N})(?:!(?![!=])|\s+factorial\b)", r"(\1!)"),
        (rf"({_OPERAND})\s+squared\b", r"\1^{2}"),
        (rf"({_OPERAND})\s+cubed\b", r"\1^{3}"),
        (rf"({_OPERAND})\s+(?:raised\s+)?to\s+the\s+(?:power\s+(?:of\s+)?)?({_N})(?:(?:st|nd|rd|th)\s+power\b)?",
         r"\1^{\2}"),
        (rf"({_N})\s+choose\s+({_N})", r"\\binom{\1}{\2}"),
        (rf"({_N})\s+(?:mod|modulo)\s+({_N})", r"(\1\\bmod{\2})"),
        (rf"({_OPERAND})\s+plus\s+(?={_OPERAND})", r"\1 + "),
        (rf"({_OPERAND})\s+minus\s+(?={_OPERAND})", r"\1 - "),
        (rf"({_OPERAND})\s+(?:times|multiplied\s+by)\s+(?={_OPERAND})", r"\1 * "),
        (rf"({_OPERAND})\s+(?:divided\s+by|over)\s+(?={_OPERAND})", r"\1 / "),
        (rf"({_N})\s+out\s+of\s+(?={_N})", r"\1 / "),
        (rf"\bnegative\s+(?={_N})", "-"),
        (rf"(\A\s*|\b(?:is|are|be|get|gives?|equals?|to|of|answer)[,:]?\s+)minus\s+(?={_N})", r"\1-"),
    )
]  # fmt: skip
_SPOKEN = re.compile(
    rf"\b(?:sqrt|cbrt|root|{_FUNCTION}|logarithm|factorial|squared|cubed|power|raised|choose|mod|modulo|plus|minus"
    r"|times|multiplied|divided|over|out of|negative)\b|log_|[0-9]!",
    re.IGNORECASE,
)  # fmt: skip
_NO_VALUE = re.compile(
    r"(?:\b(?:at (?:least|most)|[a-z]{3,}er than(?: or equal to)?|(?:more|less) than(?: or equal to)?|up to"
    r"|not exceed(?:ing)?|exceeds?|(?:is|are|be) (?:just |well )?(?:over|under|above|below)"
    r"|step|case|part|question|problem|exercise|example|equation|eq\.|figure|fig\.|chapter|section|theorem|lemma|claim"
    r"|proposition|method|hint|rule|property|formula"
    r"|twice|thrice|double|triple|half|plus|minus|times|multiplied by|divided by|divisible by|out of|choose|mod|modulo"
    r"|(?:raised )?to the(?: power(?: of)?)?|power|root|base|sqrt|cbrt"
    rf"|{_FUNCTION}"
    r"|(?:squares?|cubes?|factorial|reciprocal|inverse|opposite|half|halves|thirds?|quarters?|fourths?|fifths?|tenths?"
    r"|log|logarithm|sine|cosine|tangent|multiples?|divisors?|powers?|percent|percentage|roots?|absolute value)"
    r" of(?: the)?"
    r")|%\s+of)\s*\(?[-#]?\s*[$]?\Z",
    re.IGNORECASE,
)
"""The end of a text before a number that is a bound, a name, or a part of an operation."""
_NOT_ITSELF = re.compile(
    r"\s+(?:(?:more|less|fewer|greater|smaller|larger) than \$?[a-z]\b(?!')|(?:plus|minus|divided by|multiplied by)\b)"
)
_SCALED = re.compile(rf"\s+(?:{_SCALE})\b(?: dollars\b)?", re.IGNORECASE)
_SIGN = r"(?:<=?|>=?|≤|≥|≠|!=|\\(?:le|ge|leq|geq|ne|neq|lt|gt))"
_RELATION = re.compile(rf"(?<![A-Za-z</\\])([A-Za-z])\s?{_SIGN}\s?\Z")
_BOUND = re.compile(rf"(?:[A-Za-z0-9)\]]\s+|[:,]\s+|\A){_SIGN}\s?\Z")
_RATIO = re.compile(rf"(?<![A-Za-z0-9.,:#])(?:{_N}(?::| : ))+\Z")
_ELEMENT = r"[-+−]?(?:[0-9]*√?[0-9.]+(?:/[0-9]+)?[a-z]?|[A-Za-z]|pi|∞|inf(?:inity|ty)?|oo)"
_OPENED = re.compile(rf"[(\[{{]\s*(?:{_ELEMENT}\s*,\s*)*\Z")
_CLOSED = re.compile(rf"\s*(?:,\s*{_ELEMENT}\s*)*[)\]}}]")
_GOES_ON = re.compile(
    r"!(?=\s*[-+*/^×·÷−)]\s*[0-9$A-Za-z(\\])"  # else the sentence's own sign
    r"|\s*(?:[-+*/^×·÷−<>=≤≥]\s*(?=[0-9$(]|\\[(A-Za-z]|[A-Za-z](?![A-Za-z])))|\s+(?:squared|cubed|factorial"
    rf"|{_SCALE})\b"
    r"|\s+(?:(?:less|more|greater|fewer) than|plus|minus|times|multiplied by|divided by|over|choose|mod|modulo"
    r"|(?:raised )?to the(?: power(?: of)?)?)\s+(?=\$|\\\(|[0-9]|[a-z](?![A-Za-z']))",
)
_UNIT = re.compile(
    r"\s*((?:(?:square|cubic|sq|cu)\.?\s+)?([A-Za-zµΩ°]+)(?:\s*(?:/|\bper\b)\s*[A-Za-z]+|\s?\^\s?-?[0-9])*)"
)
_PERCENT = re.compile(r"\s*(?:\\?%|percent\b|pct\b)")
_ALSO_WORDS = frozenset({"in", "as", "am", "pm", "us", "at", "mi", "ton", "second", "m", "s", "g", "h", "L", "l"})
"""Units that are words or letters of other meanings: the answer has to end behind them."""
_END = re.compile(r"\s*(?:[.,;:)!?]|\Z)")


def in_symbols(text: str) -> str:
    r"""Return a text with operations in words written as notation; a long text as it is.

    >>> in_symbols("the square root of 3 plus 2"), in_symbols("is minus 3"), in_symbols("5 choose 2")
    ('\\sqrt{3} + 2', 'is -3', '\\binom{5}{2}')
    """
    if len(text) > _MAX_CHARACTERS or _SPOKEN.search(text) is None:
        return text
    for pattern, notation in _NOTATIONS:
        text = pattern.sub(notation, text)
    return text


def is_no_value(before: str, after: str) -> bool:
    """Tell whether the words around a value make it another one or none: a bound, a step's number, half of something.

    >>> is_no_value("so it is at least ", "."), is_no_value("so it is ", " apples")
    (True, False)
    """
    return any(p.search(before) is not None for p in (_NO_VALUE, _BOUND)) or _NOT_ITSELF.match(after) is not None


def group_around(before: str, number: str, after: str) -> str | None:
    """Return the tuple, interval, set, ratio, relation or scaled number that a number is part of; None for none.

    >>> group_around("the point (1, ", "3", ")."), group_around("is 2:", "3", ""), group_around("so x > ", "3", "")
    ('(1, 3)', '2:3', 'x > 3')
    """
    opened, closed = _OPENED.search(before), _CLOSED.match(after)
    if opened and closed and ("," in opened[0] + closed[0] or re.search(r",(?![0-9]{3}(?![0-9]))", number)):
        group = opened[0] + number + closed[0]
        return rf"\{{{group[1:-1]}\}}" if group[0] == "{" else group
    if ratio := _RATIO.search(before):
        return ratio[0] + number
    if relation := _RELATION.search(before):
        return relation[0] + number
    scale = _SCALED.match(after)
    return number + scale[0] if scale else None


def goes_on(tail: str) -> bool:
    """Tell whether what follows closed mathematics belongs to its value: an operation, or a word such as million."""
    return _GOES_ON.match(tail) is not None


def unit_after(tail: str) -> str:
    """Return the unit of measure or percent sign at the start of a text, as it is put behind a value.

    >>> unit_after(" grams."), unit_after(" in total"), unit_after(" percent")
    ('\\\\text{ grams}', '', ' percent')
    """
    if percent := _PERCENT.match(tail):
        return percent[0]
    found = _UNIT.match(tail)
    if found is None or (found[2] in _ALSO_WORDS and not _END.match(tail, found.end())):
        return ""
    unit = read_unit(found[1])
    known = len(found[2]) == 1 or is_unit_word(found[2])
    return f"\\text{{ {found[1]}}}" if unit is not None and unit.is_known and known else ""
