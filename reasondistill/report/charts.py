"""The page's four charts, drawn by matplotlib and returned as inline SVG.

Bars lie, with their words on a line above them: long labels and narrow windows then need no special case.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..curation.contamination import ContaminationReport
from ..curation.lookup.held_out import ANY_HIT
from .data import Bar, Count, LossPoint
from .svg import FAINT, GRID, INK, MUTED, SERIES, WIDTH, add_legend, inline_svg, new_figure, style_axes
from .text import by_group, duration, interval, measured, one_line, percent

_LEFT, _RIGHT = 4, WIDTH - 4
_ROW, _HEAD, _FOOT, _BAR = 40, 30, 24, 12
"""Heights in pixels: of a bar with its words, a group's head, the axis below, the bar itself."""
_LABEL_LETTERS = 40
_LEGEND_COLUMNS, _LEGEND_ROW = 3, 19
_LINES = ("-", "--", ":")
"""One colour after the other solid, then all of them dashed, then dotted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lying:
    """A lying bar or a group's head; lengths are shares of the full width."""

    label: str
    value: str = ""
    parts: tuple[tuple[float, str], ...] = ()
    """(length, color), one after the other."""
    whisker: tuple[float, float] | None = None
    head: bool = False


def accuracy_chart(bars: Sequence[Bar]) -> str:
    """Return the accuracies as bars with 95 % intervals, one block per group."""
    rows: list[_Lying] = []
    for i, (group, members) in enumerate(by_group(list(bars))):
        rows.append(_Lying(label=group, head=True))
        for bar in members:
            e = bar.estimate
            if measured(e):
                words, parts = f"{percent(e.value)} {interval(e.low, e.high)}", ((e.value, SERIES[i % len(SERIES)]),)
                rows.append(_Lying(label=bar.label, value=words, parts=parts, whisker=(e.low, e.high)))
            else:
                rows.append(_Lying(label=bar.label, value="no data"))
    figure = _draw_rows(rows, ticks=(0, 25, 50, 75, 100))
    return inline_svg(figure, name="accuracy", label="Accuracies with 95 % intervals; the table beside has the numbers")


def counts_chart(counts: Sequence[Count]) -> str:
    """Return what each stage kept (full) and dropped (faint)."""
    most = max((c.kept + c.dropped for c in counts), default=0) or 1
    rows = [
        _Lying(
            label=c.stage,
            value=f"{c.kept:,} kept, {c.dropped:,} dropped" if c.dropped else f"{c.kept:,}",
            parts=((c.kept / most, SERIES[0]), (c.dropped / most, FAINT)),
        )
        for c in counts
    ]
    return inline_svg(_draw_rows(rows), name="counts", label="Rows kept and dropped by stage; numbers in the table")


def hits_chart(report: ContaminationReport) -> str:
    """Return the share of questions dropped for each benchmark (full), and under the rules of others (faint)."""
    rows: list[_Lying] = []
    for name, counts in report.benchmarks.items():
        rows.append(_Lying(label=name, head=True))
        others = [(f"any {n}-gram", counts[f"any_{n}_gram"]["questions"], FAINT) for n in ANY_HIT]
        for label, n, color in [("dropped", counts["questions"], SERIES[0]), *others]:
            share = n / report.questions if report.questions else 0.0
            rows.append(_Lying(label=label, value=f"{n:,} of {report.questions:,}", parts=((share, color),)))
    return inline_svg(_draw_rows(rows), name="hits", label="Questions that repeat a benchmark; numbers in the table")


def minutes_chart(seconds: Sequence[tuple[str, float]]) -> str:
    """Return the time that each stage took."""
    most = max((s for _, s in seconds), default=0.0) or 1.0
    rows = [_Lying(label=stage, value=duration(s), parts=((s / most, SERIES[0]),)) for stage, s in seconds]
    return inline_svg(_draw_rows(rows), name="minutes", label="Time by stage; numbers in the table")


def loss_chart(points: Sequence[LossPoint]) -> str:
    """Return the loss over steps, one line per series; points that are not finite numbers are left out."""
    series = dict.fromkeys(p.series for p in points)
    above = 36 + _LEGEND_ROW * math.ceil(len(series) / _LEGEND_COLUMNS) * (len(series) > 1)
    height = 264 + above
    figure = new_figure(height)
    axes = figure.add_axes((0.11, 45 / height, 0.86, (height - 45 - above) / height))
    for i, name in enumerate(series):
        line = sorted((p.step, p.loss) for p in points if p.series == name and math.isfinite(p.loss))
        marker = "o" if len(line) <= 60 else None
        x, y = [step for step, _ in line], [loss for _, loss in line]
        turn, color = divmod(i, len(SERIES))
        style = _LINES[turn % len(_LINES)]
        axes.plot(x, y, style, color=SERIES[color], marker=marker, markersize=3, label=one_line(name, 30))
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.xaxis.get_major_locator().set_params(integer=True)
    style_axes(axes, "step", "loss")
    if len(series) > 1:
        add_legend(figure, fontsize=12, loc="upper right", ncols=min(len(series), _LEGEND_COLUMNS))
    return inline_svg(figure, name="loss", label="Training loss over steps")


def _draw_rows(rows: Sequence[_Lying], ticks: Sequence[int] = ()) -> Any:
    height = sum(_HEAD if row.head else _ROW for row in rows) + (_FOOT if ticks else 4)
    figure = new_figure(height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    for tick in ticks:
        side = {ticks[0]: "left", ticks[-1]: "right"}.get(tick, "center")
        axes.text(_x(tick / 100), height - _FOOT + 5, f"{tick} %", color=MUTED, fontsize=11, ha=side, va="top")
    top = 0
    for row in rows:
        _draw_row(axes, row, top, () if row.head else ticks)
        top += _HEAD if row.head else _ROW
    return figure


def _draw_row(axes: Any, row: _Lying, top: float, ticks: Sequence[int]) -> None:
    weight = "bold" if row.head else "normal"
    words = {"fontsize": 13, "va": "baseline", "parse_math": False}
    baseline = top + (_HEAD - 9 if row.head else 17)
    axes.text(_LEFT, baseline, one_line(row.label, _LABEL_LETTERS), color=INK, weight=weight, **words)
    axes.text(_RIGHT, baseline, row.value, color=MUTED, ha="right", **words)
    start, middle = 0.0, top + 30
    for tick in ticks:
        axes.plot([_x(tick / 100)] * 2, [middle - 8, middle + 8], color=GRID, linewidth=1, zorder=0)
    for length, color in row.parts:
        axes.barh(middle, _x(start + length) - _x(start), left=_x(start), height=_BAR, color=color)
        start += length
    if row.whisker:
        low, high = (_x(min(max(share, 0.0), 1.0)) for share in row.whisker)
        axes.plot([low, high], [middle, middle], color=INK, linewidth=1.5)
        for x in (low, high):
            axes.plot([x, x], [middle - 5, middle + 5], color=INK, linewidth=1.5)


def _x(share: float) -> float:
    return _LEFT + share * (_RIGHT - _LEFT)
