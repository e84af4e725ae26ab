r"""One spelling for texts that differ in nothing that matters: case, space, LaTeX, and by choice numerals and names.

Made for comparing, never for showing: the result is no valid LaTeX.
"""

import re
from hashlib import blake2b

# fmt: off
_SIGNS = str.maketrans({
    **dict.fromkeys("−–—‐‑", "-"), **dict.fromkeys("‘’ʼ`", "'"), **dict.fromkeys("“”", '"'), **dict.fromkeys("×·", "*"),
    "÷": "/", "≤": " \\leq ", "≥": " \\geq ", "≠": " \\neq ", "π": " \\pi ", "°": " \\circ ", "\u00a0": " ", "~": " ",
    "。": ".", "、": ",", **{chr(ord(sign) + 0xFEE0): sign for sign in "!(),.:;?+-*/=<>%0123456789"},
})
# fmt: on
_LATEX = (
    (re.compile(r"\\\$"), "$"),
    (re.compile(r"\\([()\[\]])|\$"), " "),
    (re.compile(r"\\(?:left|right|big|Big|bigg|Bigg|displaystyle|textstyle|limits)(?![A-Za-z])"), " "),
    (re.compile(r"\\(?:text|textbf|textit|emph|mathrm|mathbf|mathit|mbox|operatorname)\s*(?=\{)"), " "),
    (re.compile(r"\\(?:[,;:!> ]|q?quad(?![A-Za-z])|\\)"), " "),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:cdot|times|ast)(?![A-Za-z])"), "*"),
    (re.compile(r"\\(?:le|leqslant)(?![A-Za-z])"), r"\\leq"),
    (re.compile(r"\\(?:ge|geqslant)(?![A-Za-z])"), r"\\geq"),
    (re.compile(r"\\ne(?![A-Za-z])"), r"\\neq"),
    (re.compile(r"\\(?:[cl]?dots|cdots)(?![A-Za-z])|…"), "..."),
    (re.compile(r"\\degree(?![A-Za-z])"), r"\\circ"),
    (re.compile(r"[{}]"), " "),
)
_MARKUP = re.compile(r"[\\${}…]")
_THOUSANDS = re.compile(r"(?<=\d)(?:,|\{,\})(?=\d{3}(?!\d))")
UNSPACED = (
    "\u0e01-\u0e4e\u0e81-\u0ece\u0f40-\u0fbc\u1000-\u103f\u1780-\u17d3\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
"""Letters of scripts that write no space between words (Thai, Lao, Tibetan, Burmese, Khmer, Japanese, Chinese), as a
range of a regular expression. Each of them counts as a word."""
_WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")
_ASCII_WORD = re.compile(r"\w+|[^\w\s]", re.ASCII)
_SPACED = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_LETTER = re.compile(rf"[^\W\d_{UNSPACED}]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NAME = re.compile(r"(?<![.!?:][ \n])(?<!^)(?<![\w\\$'\"])[A-Z][a-z]+(?!\w)")
_QUANTITY = re.compile(r"\d+(?:\.\d+)?|[+*/<>=^]|(?<![a-z])-|-(?![a-z])")


def normalise(text: str, *, numerals: bool = True) -> str:
    r"""Return the text in one spelling; without `numerals` every number becomes 0.

    >>> normalise(r"Compute  $\dfrac{1}{2} \times 1,000$.")
    'compute \\frac 1 2 * 1000 .'
    >>> normalise("Tim has 3 apples", numerals=False)
    'tim has 0 apples'
    """
    text = _THOUSANDS.sub("", text.translate(_SIGNS))
    if _MARKUP.search(text):
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    if not numerals:
        text = _NUMBER.sub("0", text)
    return " ".join(text.casefold().split())


def text_key(text: str) -> bytes:
    """Return 16 bytes that stand for a text: equal for equal texts alone, and small enough to hold millions of.

    >>> text_key("a") == text_key("a") != text_key("b")
    True
    """
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def words(text: str) -> list[str]:
    """Return the words and signs of a normalised text; numbers count as words.

    >>> words("what is 3+4?"), words("求12米")
    (['what', 'is', '3', '+', '4', '?'], ['求', '12', '米'])
    """
    return (_ASCII_WORD if text.isascii() else _WORD).findall(text)


def spaced_words(text: str) -> list[str]:
    """Return the words of a text with their signs, split at space; a letter of an unspaced script is a word.

    >>> spaced_words("Is it 3+4?"), spaced_words("求12米。")
    (['Is', 'it', '3+4?'], ['求', '12', '米', '。'])
    """
    return text.split() if text.isascii() else _SPACED.findall(text)


def without_names(text: str) -> str:
    """Return the normalised text with names and single letters hidden: renaming them makes no other problem.

    >>> without_names("Today Ann and Bob share x pears.") == without_names("Today Tim and Eve share y pears.")
    True
    """
    names = {name.casefold() for name in _NAME.findall(text)}
    kept = ("@" if w in names or (w != "a" and _LETTER.fullmatch(w)) else w for w in words(normalise(text)))
    return " ".join(kept)


def quantities(normalised: str) -> tuple[str, ...]:
    """Return the numbers and arithmetic signs of a normalised text in its order: what renaming leaves alone.

    >>> quantities("a two-digit 3 + 4 - 10")
    ('3', '+', '4', '-', '10')
    """
    return tuple(_QUANTITY.findall(normalised))
