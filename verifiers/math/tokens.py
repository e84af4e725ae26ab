r"""Cuts an answer, LaTeX or plain text, into tokens: numbers with their value, letters, functions, operators, words.

Spellings are brought together here (`\dfrac` and `\frac`, `**` and `^`, Unicode and LaTeX); what they mean together is
the parser's business. Linear in the length of the text.
"""

import re
import unicodedata
from fractions import Fraction

from .units import is_measure
from .vocabulary import COMMANDS, FUNCTIONS, SYMBOLS, WORD_TOKENS

MAX_DIGITS = 4000
"""Digits of one literal; with more, and with an exponent beyond it, the answer is too large to read."""
MAX_TOKENS = 3000

Token = tuple[str, str, bool]
"""Kind, value, and whether white space stood before it."""


class Unreadable(ValueError):
    """The text is not an answer that the parser knows."""


class TooLarge(Unreadable):
    """The text is beyond the limits on length, depth or digits."""


_SKIP = (
    r"(?:\s|~|\\[,;:!> ]"
    r"|\\(?:q?quad|left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|nolimits|boxed|fbox|strut"
    r"|large|Large|LARGE|huge|Huge|small|normalsize|bf|bfseries|therefore|because|nonumber|notag|hfill)(?![A-Za-z])"
    r"|\\[hv]space\*?\{[^{}]*\}|\\(?:text)?color\{[^{}]*\}|\\(?:tag\*?|label)\{[^{}]*\}|\\\(|\\\)|\\\[|\\\]|(?<!\\)\$)+"
)
_NUMBER = r"(?:[1-9][0-9]{{0,2}}(?:(?:{0})[0-9]{{3}})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_GROUPED = _NUMBER.format(r",|\{,\}|,\\!|\\,|\ |\\\ |'|,\ ?\\!\ ?")
_TIGHT = _NUMBER.format(r"\{,\}|,\\!|\\,")
_WRAPPERS = (
    r"text|textbf|textit|textrm|textsf|texttt|textnormal|mbox|hbox|mathrm|mathsf|mathtt|mathit|operatorname\*?|rm"
)


def _pattern(number: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<skip>{_SKIP})"
        r"|(?P<based>[0-9][0-9A-F]*(?:\.[0-9A-F]+)?_(?:[2-9](?![0-9])|\{\s*(?:[2-9]|[1-3][0-9])\s*\}|\{\\text\{[a-z]+\}\}))"
        r"|(?P<repeat>[0-9]*\.(?:[0-9]*\\(?:overline|bar|dot)\s*(?:\{\s*[0-9]+\s*\}|[0-9])|\([0-9]+\)))"
        rf"|(?P<num>{number}(?:[eE][+-]?[0-9]+(?![A-Za-z0-9.]))?)"
        rf"|(?P<text>\\(?:{_WRAPPERS})\s*\{{[^{{}}]*(?:\{{[^{{}}]*\}}[^{{}}]*)*\}})"
        r"|(?P<deg>\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])|\\textdegree(?![A-Za-z])|\\circ(?![A-Za-z]))"
        r"|(?P<cmd>\\(?:[A-Za-z]+|.))"
        r"|(?P<letters>[A-Za-z]+)"
        r"|(?P<words>[\u3040-\u9fff\u2103\u2109\u2460-\u2473]+)"
        r"|(?P<op>\*\*|<=|>=|!=|=>|->|==|[-+*/^_=<>(){}\[\]|!%,;:&'])"
        r"|(?P<dots>\.\.+)",
        re.DOTALL,
    )


_OUTSIDE, _INSIDE = _pattern(_GROUPED), _pattern(_TIGHT)
_OPERATORS = {"**": "^", "==": "=", "&": "&"}
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_STYLED = re.compile("[\uff01-\uff5e\U0001d400-\U0001d7ff]")
"""Full-width and bold or slanted forms of ASCII."""
_INVISIBLE = re.compile("[\u200b\u2060\ufeff]")
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_DOUBLED = re.compile(
    r"(?<!\\)\\\\(?=(?:[dtc]?frac|sqrt|text|pi|begin|end|cdot|times|left|right|boxed|infty|cup|circ|le|ge|mathrm)(?![a-z]))"
)
_LONE_DOLLAR = re.compile(r"(?<!\\)\$")
_TIMES_TEN = re.compile(r"(?<=[0-9])\s*x\s*(?=10\s*(?:\^|\*\*))")
_OUTWARD = re.compile(
    r"(?:(?<=[\s=}])|(?<=\\in)|(?<=\\cup)|(?<=\\left)|^)([\[\]])([^\[\]()]*[,;][^\[\]()]*?)(\\right\s*)?([\[\]])(?![^\s$.,\\])"
)
"""An interval whose open ends have their brackets turned outward: `]0, 1[`."""
_RAISED_FIRST = re.compile(r"(?<![A-Za-z\\])([A-Za-z])\^(\w|\{[^{}]*\})_(\w|\{[^{}]*\})")
_AND_SO_ON = re.compile(r"(?<![0-9.])([0-9]*\.[0-9]*?)([0-9]{1,6}?)\2{2,}(?:\.\.\.|\s*\\[lc]?dots(?![A-Za-z]))")
"""`0.1666...`"""
_INDEX = r"(?:\{\s*\}\s*)?(?<![A-Za-z0-9)])[_^]\s*(\{[^{}]*\}|[0-9A-Za-z])\s*%s\s*_\s*(\{[^{}]*\}|[0-9]+|[A-Za-z])"
_CHOSEN, _ARRANGED = re.compile(_INDEX % r"(?:\\mathrm\s*\{C\}|C)"), re.compile(_INDEX % r"(?:\\mathrm\s*\{P\}|P)")
_TAKEN = re.compile(r"(?<![\w}.])([0-9]+)\s?C\s?([0-9]+)(?![\w.])")
_BASE_IN_WORDS = re.compile(r"_\{\s*\\(?:text|mathrm)\s*\{\s*base[ ~]*(?:\}\s*)?([0-9]+)\s*\}(?:\s*\})?")
_UPRIGHT = r"((?:\s*\\(?:text|mathrm|textrm|rm)\s*\{[^{}]*\}(?:\s*\^\s*(?:\{[^{}]*\}|[0-9]))?)+)\s*"
_UNIT_FRACTION = re.compile(r"\\[dtc]?frac\s*\{" + _UPRIGHT + r"\}\s*\{" + _UPRIGHT + r"\}")
_QUAD = re.compile(r"\\q?quad(?![A-Za-z])")
_NEXT_EQUATION = re.compile(r"(?<=[0-9])(?:\\[,;: ]|\s|~)+(?=[A-Za-z](?:_(?:\w|\{\w+\}))?\s*=(?![=<>]))")
_MODULES = re.compile(r"(?<![A-Za-z.])(?:np|numpy|math|sympy|sp)\.(?=[A-Za-z])")


def normalise(text: str) -> str:
    r"""Return the text with Unicode mathematics as LaTeX and doubled backslashes undone.

    >>> normalise("x² ≤ ½"), normalise(r"\\frac{1}{2}")
    ('x^{2} \\le  \\frac{1}{2} ', '\\frac{1}{2}')
    """
    if not text.isascii():
        text = _STYLED.sub(lambda m: unicodedata.normalize("NFKC", m[0]), _INVISIBLE.sub("", text))
        text = _RAISED.sub(lambda m: "^{" + m[0].translate(_SUPERSCRIPTS) + "}", text)
        text = _LOWERED.sub(lambda m: "_{" + m[0].translate(_SUBSCRIPTS) + "}", text)
        text = text.translate(SYMBOLS)
    if "\\\\" in text and _DOUBLED.search(text):
        text = text.replace("\\\\", "\\")
    if text.count("$") - text.count("\\$") == 1:
        text = _LONE_DOLLAR.sub(r"\\$", text)
    if "x" in text and _TIMES_TEN.search(text):
        text = _TIMES_TEN.sub(r"\\times ", text)
    if text.count("=") > 1:
        text = _side_by_side(text)
    if "frac" in text:
        text = _UNIT_FRACTION.sub(r"\1/\2", text)
    if "_" in text and "^" in text:
        text = _RAISED_FIRST.sub(r"\1_\3^\2", text)
    if "..." in text or "dots" in text:
        text = _AND_SO_ON.sub(r"\1\\overline{\2}", text)
    if "C" in text or "P" in text:
        text = _CHOSEN.sub(r"\\binom{\1}{\2}", _TAKEN.sub(r"\\binom{\1}{\2}", text))
        text = _ARRANGED.sub(r"\\frac{{\1}!}{({\1}-{\2})!}", text)
    if "base" in text:
        text = _BASE_IN_WORDS.sub(r"_{\1}", text)
    if "]" in text or "[" in text:
        text = _OUTWARD.sub(_with_round_brackets, text)
    if "." in text and _MODULES.search(text):
        text = _MODULES.sub("", text)
    return text


def _side_by_side(text: str) -> str:
    r"""Put commas between equations that stand side by side, as in `x=1 \quad y=2`."""
    parts = [part.strip(" ,;\\~\n") for part in _QUAD.split(text)]
    if len(parts) > 1 and all("=" in part and part.count("{") == part.count("}") for part in parts):
        text = ", ".join(parts)
    return _NEXT_EQUATION.sub(lambda m: ", " if "=" in text[: m.start()] else m[0], text)


def _with_round_brackets(interval: re.Match[str]) -> str:
    low, inside, right, high = interval.groups()
    if (low, high) == ("[", "]"):
        return interval[0]
    return ("(" if low == "]" else low) + inside + (right or "") + (")" if high == "[" else high)


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a normalised text; raises Unreadable for what is no token.

    >>> tokenize("2x+1")
    [('num', '2', False), ('let', 'x', False), ('op', '+', False), ('num', '1', False)]
    """
    tokens: list[Token] = []
    at, spaced, depth, size = 0, False, 0, len(text)
    while at < size:
        match = (_INSIDE if depth > 0 else _OUTSIDE).match(text, at)
        if match is None:
            raise Unreadable(f"no mathematics: {text[at : at + 20]!r}")
        at = match.end()
        kind = match.lastgroup or ""
        if kind == "skip":
            spaced = True
            continue
        value = match[0]
        if kind == "op":
            depth += (value in "([") - (value in ")]")
            tokens.append(("op", _OPERATORS.get(value, value), spaced))
        elif kind == "cmd":
            depth += (value == "\\{") - (value == "\\}")
            if value == "\\Omega" and tokens and (spaced or tokens[-1][1] in ("k", "M")) and _is_plain_number(tokens):
                _add_unit("Ω", tokens, spaced)
            else:
                tokens.append((*COMMANDS.get(value, ("cmd", value)), spaced))
        elif kind == "letters":
            tail = _UNIT_TAIL.match(text, match.start()) if spaced and _is_plain_number(tokens) else None
            if tail and value not in WORD_TOKENS and (tail[0] in _MEASURES or len(value) > 1 or len(tail[0]) > 2):
                tail = tail if is_measure(tail[0]) else None
            else:
                tail = None
            if tail:  # `12 m^2` at the end is an amount
                _add_unit(tail[0], tokens, spaced)
                at = tail.end()
            else:
                _letters(value, tokens, spaced, text, at)
        elif kind == "text":
            _wrapped(value, tokens, spaced)
        elif kind == "words":
            tokens.append(("text", value, spaced))
        else:
            tokens.append((kind, value, spaced))
        spaced = False
        if len(tokens) > MAX_TOKENS:
            raise TooLarge("more tokens than an answer has")
    return tokens


def _letters(run: str, tokens: list[Token], spaced: bool, text: str, at: int) -> None:
    known = WORD_TOKENS.get(run)
    if known is not None:
        tokens.append((*known, spaced))
    elif run in FUNCTIONS:
        tokens.append(("func", FUNCTIONS[run], spaced))
    elif len(run) == 1:
        after = tokens[-1][1] if run == "U" and tokens else ""
        union = after in (")", "]", "\\}", "}") and text[at:].lstrip()[:1] in ("(", "[", "{", "\\")
        tokens.append(("op", "cup", spaced) if union else ("let", run, spaced))
    elif run[:3] in ("sin", "cos", "tan") and len(run) == 4:
        tokens += [("func", run[:3], spaced), ("let", run[3], False)]
    elif len(run) > 3 and run[1:] in FUNCTIONS and run[0].isupper():
        tokens += [("let", run[0], spaced), ("func", FUNCTIONS[run[1:]], False)]  # Mcos(x)
    elif tokens and tokens[-1][0] == "num" and len(run) == 3 and run.startswith("or"):
        tokens += [("sep", "or", spaced), ("let", run[2], False)]  # `1orx = 2`
    else:
        tokens.append(("word", run, spaced))


_LETTER_UNITS = set("mgshLlNJWVKCAFTHΩ")
_MEASURES = {"m", "g", "s", "h", "L", "l"}
_UNIT = r"[A-Za-zµ]+(?:[23](?![0-9])|\s*\^\s*\{?\s*-?[0-9]\s*\}?)?"
_UNIT_TAIL = re.compile(
    rf"{_UNIT}(?:(?:\s*(?:/|\*|\\cdot|\\,)\s*|\s+){_UNIT}){{0,4}}(?:\s*/\s*\(\s*{_UNIT}(?:[\s*]+{_UNIT})*\s*\))?"
    rf"(?=\s*(?:[,;)$]|\\\)|\Z))"
)
_NUMERIC = frozenset({"+", "-", "*", "/", "^", "{", "}", "(", ")", "±", "mu", "k", "M"})
_SPACING = re.compile(r"~|\\[,;:! ]|\\q?quad(?![A-Za-z])")
_CONNECTIVE = re.compile(r"\b(?:and|or)\b")
_LONG_WORD = re.compile(r"[A-Za-z]{2}|[^\x00-\x7f]")


def _is_plain_number(tokens: list[Token]) -> bool:
    """Tell whether the element that is being read is a number so far, and no variable."""
    if not tokens or not (tokens[-1][0] in ("num", "const") or tokens[-1][1] in ("}", ")", "mu", "k", "M")):
        return False
    for kind, value, _ in reversed(tokens):
        if kind == "sep" or value in ("=", ",", ";", "~"):
            break
        if kind not in ("num", "frac", "root", "const", "cur") and value not in _NUMERIC:
            return False
    return True


def _add_unit(text: str, tokens: list[Token], spaced: bool) -> None:
    """Add a unit, with a prefix that was read as a letter: `\\mu\\mathrm{m}`, `k\\Omega`."""
    if len(tokens) > 1 and tokens[-1][0] == "let" and (tokens[-1][1] == "mu" or text == "Ω"):
        text = tokens.pop()[1].replace("mu", "µ") + text
    tokens.append(("text", text, spaced))


def _wrapped(value: str, tokens: list[Token], spaced: bool) -> None:
    r"""Add a `\text{...}`: as mathematics if it holds no word, else as words or as the name of a function."""
    content = value[value.index("{") + 1 : -1]
    stripped = _SPACING.sub(" ", content).strip()
    known = WORD_TOKENS.get(stripped)
    if known is not None:
        tokens.append((*known, spaced))
    elif stripped in FUNCTIONS and not (stripped in ("sec", "min") and _measured(tokens)):
        tokens.append(("func", FUNCTIONS[stripped], spaced))
    elif _is_unit_after(stripped, tokens):
        _add_unit(stripped, tokens, spaced)  # 5\\text{ m}
    elif not _LONG_WORD.search(_CONNECTIVE.sub(" ", stripped)):
        tokens += tokenize(content)
    else:
        words, _, last = stripped.rpartition(" ")
        joins = words if last in ("and", "or") else ""  # 3\text{ boys and }5
        tokens.append(("text", joins or content, spaced or content[:1].isspace()))
        if joins:
            tokens.append(("sep", last, True))


def _measured(tokens: list[Token]) -> bool:
    """Tell whether a value or another unit stands before, so that `sec` and `min` are times and no functions."""
    kind, before, _ = tokens[-1] if tokens else ("", "", False)
    return kind in ("num", "const", "text") or before in ("/", "*", "}", ")")


def _is_unit_after(text: str, tokens: list[Token]) -> bool:
    """Tell whether an upright text is a unit: after a value, after another unit, or multiplied with one."""
    kind, before, _ = tokens[-1] if tokens else ("", "", False)
    if (
        not text
        or (len(text) == 1 and text not in _LETTER_UNITS)
        or (text.isalpha() and len(text) > 1 and text.isascii())
    ):
        return False  # words are read as they are
    follows = kind in ("num", "const", "text", "deg") or before in ("}", ")", "mu") or (kind == "let" and len(text) > 1)
    multiplied = before in ("/", "*") and len(tokens) > 1 and tokens[-2][0] in ("text", "word")
    return (follows or multiplied) and is_measure(text)


def read_number(value: str) -> tuple[int | Fraction, int]:
    r"""Return the value of a number token, and its significant digits if it has a decimal point.

    >>> read_number("1,234"), read_number("0.50"), read_number("1.2e3")
    ((1234, 0), (Fraction(1, 2), 2), (1200, 2))
    """
    mantissa, _, exponent = value.replace("E", "e").partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or (exponent and abs(int(exponent)) > MAX_DIGITS):
        raise TooLarge("more digits than an answer has")
    whole, point, fraction = "".join(c for c in mantissa if c in ".0123456789").partition(".")
    if not point or not fraction:
        number: int | Fraction = int(whole)
        return (number if not exponent else _scaled(Fraction(number), int(exponent))), 0
    digits = (whole + fraction).lstrip("0")
    exact = Fraction(int(whole + fraction), 10 ** len(fraction))
    return (_scaled(exact, int(exponent)) if exponent else exact), len(digits)


def _scaled(value: Fraction, exponent: int) -> int | Fraction:
    scaled = value * Fraction(10) ** exponent
    return scaled.numerator if scaled.denominator == 1 else Fraction(scaled)


def read_repeating(value: str) -> Fraction:
    r"""Return the value of a repeating decimal.

    >>> read_repeating(r"0.1\overline{6}")
    Fraction(1, 6)
    """
    head, _, tail = value.partition("(" if value.endswith(")") else "\\")
    whole, _, fixed = head.partition(".")
    period = "".join(c for c in tail if c.isdigit())
    if len(value) > MAX_DIGITS:
        raise TooLarge("more digits than an answer has")
    scale = 10 ** len(fixed)
    return Fraction(int(whole + fixed or "0"), scale) + Fraction(int(period), (10 ** len(period) - 1) * scale)


def read_based(value: str) -> tuple[str, int]:
    """Return digits and base of a numeral such as `152A_{11}`; raises Unreadable if a digit is not of the base.

    >>> read_based("0.0011_{2}")
    ('0.0011', 2)
    """
    digits, _, base = value.partition("_")
    name = "".join(c for c in base if c.isalnum()).removeprefix("text")
    number = int(name) if name.isdigit() else _BASES.get(name, 0)
    if not 2 <= number <= 36 or any(int(c, 36) >= number for c in digits if c != "."):
        raise Unreadable(f"not a numeral in its base: {value}")
    return digits, number
