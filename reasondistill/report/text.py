"""How untrusted text and numbers become words that are safe to show, the same in the page and in the terminal."""

import math
import re
from itertools import groupby

from ..records import Estimate
from .data import Bar

# C0 but tab and newline, DEL and C1; marks that reorder or hide text; line separators; lone surrogates; BOM.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Return the text with the characters that act instead of showing named, not done.

    Terminal codes, NUL, bidirectional overrides and lone surrogates become harmless; page.js does the same.

    >>> visible("a" + chr(27) + "[31m" + chr(0x202E))
    'a‹U+001B›[31m‹U+202E›'
    """
    return _UNSAFE.sub(lambda match: f"‹U+{ord(match.group()):04X}›", text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = 200) -> str:
    """Return the visible text on one line, cut to the limit with an ellipsis.

    >>> one_line(chr(10).join(["two", "lines"]), limit=6)
    'two l…'
    """
    line = " ".join(visible(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def percent(value: float) -> str:
    """Return a share in percent.

    >>> percent(0.5341), percent(float("nan"))
    ('53.4 %', '–')
    """
    return f"{100 * value:.1f} %" if math.isfinite(value) else "–"


def interval(low: float, high: float, *, signed: bool = False) -> str:
    """Return an interval of shares in percent.

    >>> interval(0.1, 0.25), interval(-0.1, 0.25, signed=True)
    ('[10.0, 25.0]', '[−10.0, +25.0]')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    return f"[{points(low)}, {points(high)}]" if signed else f"[{100 * low:.1f}, {100 * high:.1f}]"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign.

    >>> points(0.53), points(-0.004)
    ('+53.0', '−0.4')
    """
    return f"{100 * difference:+.1f}".replace("-", "−") if math.isfinite(difference) else "–"


def p_words(p: float) -> str:
    """Return a p-value.

    >>> p_words(3e-9), p_words(0.0312), p_words(0.4)
    ('< 0.0001', '0.031', '0.40')
    """
    if not math.isfinite(p):
        return "–"
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.2g}" if p >= 0.001 else f"{p:.4f}"


def duration(seconds: float) -> str:
    """Return a time in the unit that a person would use.

    >>> duration(8.24), duration(95), duration(7500)
    ('8.2 s', '1.6 min', '2.1 h')
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def measured(estimate: Estimate) -> bool:
    """Say whether there is a number to show."""
    return estimate.n > 0 and math.isfinite(estimate.value)


def by_group(bars: list[Bar]) -> list[tuple[str, list[Bar]]]:
    """Return the bars by group, groups and bars in the order in which they first stand."""
    order = list(dict.fromkeys(bar.group for bar in bars))
    ranked = sorted(bars, key=lambda bar: order.index(bar.group))
    return [(group, list(members)) for group, members in groupby(ranked, key=lambda bar: bar.group)]
