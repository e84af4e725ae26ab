"""The chart of a sweep: accuracy against tokens, a band for each curve, the oracle dotted, the frontier ringed."""

import math
from collections.abc import Sequence
from typing import Any

from .data import Curve
from .svg import INK, MUTED, SERIES, add_legend, inline_svg, new_figure, standalone_svg, style_axes
from .text import one_line

LABEL = "Accuracy against tokens of a problem, with 95 % bands; numbers in the table"
_WIDE = 8.0
"""Ratio of the most to the fewest tokens from which the axis is logarithmic."""
_LEGEND_ROW = 17
"""Pixels."""


def scaling_chart(curves: Sequence[Curve]) -> str:
    """Return the curves as an inline SVG."""
    return inline_svg(draw_scaling(curves), name="scaling", label=LABEL)


def scaling_figure(curves: Sequence[Curve]) -> str:
    """Return the same as an SVG file."""
    return standalone_svg(draw_scaling(curves), name="scaling")


def draw_scaling(curves: Sequence[Curve]) -> Any:
    """Return the matplotlib figure."""
    shown = [curve for curve in curves if curve.points]
    rows = math.ceil((len(shown) + 1) / 2)
    height = 330 + _LEGEND_ROW * rows
    figure = new_figure(height)
    bottom = (40 + _LEGEND_ROW * rows + 8) / height
    axes = figure.add_axes((0.1, bottom, 0.87, 1 - bottom - 28 / height))
    colors = _colors(shown)
    for curve in shown:
        _draw(axes, curve, colors[curve.name])
    best = sorted((p.tokens, 100 * p.estimate.value) for curve in shown for p in curve.points if p.optimal)
    if best:
        ring = {"linestyle": "none", "marker": "o", "markersize": 10, "markerfacecolor": "none", "markeredgecolor": INK}
        axes.plot([x for x, _ in best], [y for _, y in best], label="compute-optimal", **ring)
    _style(axes, shown)
    add_legend(figure, fontsize=11, loc="lower left", ncols=2, bbox_to_anchor=(0.02, 0.0))
    return figure


def _colors(curves: Sequence[Curve]) -> dict[str, str]:
    """Return a colour for each curve; an oracle takes that of the curves with its own rollouts."""
    plain = [curve.name for curve in curves if not curve.dotted]
    colors = {name: SERIES[i % len(SERIES)] for i, name in enumerate(plain)}
    for curve in (c for c in curves if c.dotted):
        tail = curve.name.partition(", ")[2]
        same = next((name for name in plain if tail and name.partition(", ")[2] == tail), None)
        colors[curve.name] = colors[same] if same else MUTED
    return colors


def _draw(axes: Any, curve: Curve, color: str) -> None:
    points = sorted(curve.points, key=lambda p: p.tokens)
    x = [p.tokens for p in points]
    y = [100 * p.estimate.value for p in points]
    style = {"linestyle": ":", "linewidth": 1.5} if curve.dotted else {"marker": "o", "markersize": 4, "linewidth": 1.8}
    axes.plot(x, y, color=color, label=one_line(curve.name, 34), **style)
    if not curve.dotted:
        low, high = ([100 * getattr(p.estimate, side) for p in points] for side in ("low", "high"))
        if len(points) > 1:
            axes.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
        else:
            axes.plot([x[0], x[0]], [low[0], high[0]], color=color, alpha=0.5, linewidth=2)


def _style(axes: Any, curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    tokens = [p.tokens for curve in curves for p in curve.points]
    if tokens and min(tokens) > 0 and max(tokens) / min(tokens) >= _WIDE:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]), top=min(100.0, axes.get_ylim()[1]))
    style_axes(axes, "tokens of a problem", "solved, %")
