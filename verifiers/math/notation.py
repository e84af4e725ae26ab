r"""Spellings of one answer brought together: LaTeX spacing, fraction commands, text wrappers, dollar signs.

Nothing is computed here. `clean` keeps what a parser wants to see, `key` is for comparing as strings.
"""

import re
import unicodedata

_SYMBOLS = str.maketrans(
    {
        "−": "-", "–": "-", "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "°": r"^\circ", "π": r"\pi ",
        "∞": r"\infty ",
        "\u00a0": " ", "\u202f": " ", "²": "^2", "³": "^3", "≤": r"\le ", "≥": r"\ge ", "∪": r"\cup ", "≠": r"\ne ",
    }
)  # fmt: skip
_SPACES = re.compile(r"(?:(?<!\\)\\[,;: ]|~|\\q?quad\b|\s)+")
_DROPPED = re.compile(r"(?<!\\)(?:\\!|\\(?:left|right|displaystyle|limits)(?![A-Za-z])|\$|\\\(|\\\)|\\\[|\\\])")
_FRACTION = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_SHORT_FRACTION = re.compile(r"\\frac ?([0-9]) ?([0-9])(?![0-9])")
_HALF_SHORT_FRACTION = re.compile(r"\\frac ?([0-9]) ?(?=\{)")
_BRACED_COMMA = re.compile(r"\{,\}|,\\! ?")
_SHORT_ROOT = re.compile(r"\\sqrt ?([0-9])(?![0-9])")
WRAPPER = r"\\(?:text|textbf|textit|textrm|textnormal|mbox|mathrm|mathbf|mathit|operatorname|bf|rm)"
_WRAPPED = re.compile(WRAPPER + r" ?\{([^{}]*)\}")
_SCRIPT_BRACES = re.compile(r"([\^_])\{([A-Za-z0-9]|\\circ)\}")
_LOOSE_SPACE = re.compile(r"(?<![0-9]) | (?![0-9])")
_CHOICE = re.compile(r"\(([A-Z])\)")


def clean(text: str) -> str:
    r"""Return the answer without delimiters, spacing commands and trailing full stop; text wrappers stay.

    >>> clean(r"$\dfrac12 \, \text{cm}$.")
    '\\frac{1}{2} \\text{cm}'
    """
    text = text.translate(_SYMBOLS)
    text = _DROPPED.sub("", _BRACED_COMMA.sub(",", text))
    text = _SPACES.sub(" ", text)
    text = _FRACTION.sub(r"\\frac", text)
    text = _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", text)
    text = _HALF_SHORT_FRACTION.sub(r"\\frac{\1}", text)
    text = _SHORT_ROOT.sub(r"\\sqrt{\1}", text).strip().strip("*").strip()
    return text if text.endswith("..") else text.removesuffix(".").rstrip(" \\")


def unwrap(text: str) -> str:
    r"""Return a cleaned answer with `\text{...}` and its kin replaced by what they hold.

    >>> unwrap(r"\text{(A)}")
    '(A)'
    """
    return _WRAPPED.sub(r"\1", _WRAPPED.sub(r"\1", text)).strip()


def key(text: str) -> str:
    r"""Return the string by which two cleaned answers are the same as written.

    >>> key(r"x ^{2} + 1") == key("x^2+1"), key("1 2") == key("12")
    (True, False)
    """
    text = _SCRIPT_BRACES.sub(r"\1\2", _LOOSE_SPACE.sub("", unwrap(text)))
    choice = _CHOICE.fullmatch(text)
    return choice[1] if choice else text


def balanced(text: str) -> bool:
    """Tell whether the braces of an answer close.

    >>> balanced(r"{\\{}"), balanced("}{")
    (True, False)
    """
    depth = 0
    for brace in re.findall(r"\\.|[{}]", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth < 0:
            return False
    return depth == 0


def has_hidden_characters(text: str) -> bool:
    """Tell whether characters that do not show, reorder or overstrike are among the text's."""
    return any(unicodedata.category(c) in ("Cc", "Cf", "Mn", "Me", "Cs", "Co") for c in text if c not in "\n\t\r")
