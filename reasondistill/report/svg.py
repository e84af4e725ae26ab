"""From a matplotlib figure to an SVG element that stands inside a page and takes the page's colours and font.

Charts draw with the marker colours below; here they become CSS variables, so that one chart reads in light and dark
windows. Ids get the chart's name in front, since several charts share one page.
"""

import io
import re
import warnings
from typing import Any
from xml.etree import ElementTree

WIDTH = 480
"""Width of every chart in CSS pixels: narrow enough to be read on a telephone."""
INK, MUTED, GRID, FAINT = "#010101", "#020202", "#030303", "#040404"
SERIES = ("#050101", "#050202", "#050303", "#050404", "#050505", "#050606")

_NAMES = ("ink", "muted", "grid", "faint", *(f"series-{i}" for i in range(1, 7)))
_VARIABLES = {m: f"var(--{name})" for m, name in zip((INK, MUTED, GRID, FAINT, *SERIES), _NAMES, strict=True)}
_LIGHT = "1d2125 5b646d dfe3e6 c3cad0 2f6fc4 c8691c 2c8f63 8a5bc0 b23a5b 6d7780"
_FIXED = {marker: f"#{color}" for marker, color in zip(_VARIABLES, _LIGHT.split(), strict=True)}
"""The same in a file of its own: the page's colours in a light window."""
_XLINK = "{http://www.w3.org/1999/xlink}href"


def new_figure(height: int) -> Any:
    """Return an empty figure of the common width, one unit of it a CSS pixel."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH / 72, height / 72), dpi=72, facecolor="none")


def style_axes(axes: Any, x: str, title: str) -> None:
    """Give the axes of a line chart their names, their grid and the page's colours."""
    axes.set_facecolor("none")
    axes.set_xlabel(x, color=MUTED, fontsize=12)
    axes.set_title(title, color=MUTED, fontsize=12, loc="left")
    axes.tick_params(colors=MUTED, labelsize=11, length=0)
    axes.grid(color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GRID)


def add_legend(figure: Any, **options: Any) -> None:
    """Add a legend whose labels are plain text, whatever a series is called."""
    for text in figure.legend(frameon=False, labelcolor=INK, **options).get_texts():
        text.set_parse_math(False)


def inline_svg(figure: Any, *, name: str, label: str) -> str:
    """Return the figure as an `<svg>` element: same figure, same bytes; nothing in it names another document."""
    root = ElementTree.fromstring(_drawn(figure, name, transparent=True))
    _drop(root, {"metadata", "style"})
    for element in root.iter():
        element.tag = _local(element.tag)
        if _XLINK in element.attrib:
            element.attrib["href"] = element.attrib.pop(_XLINK)
        for key, value in element.attrib.items():
            if key == "id":
                value = f"{name}-{value}"
            elif key == "href":
                value = f"#{name}-{value.removeprefix('#')}"
            element.attrib[key] = _colored(value.replace("url(#", f"url(#{name}-"), _VARIABLES)
    view = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"viewBox": view, "role": "img", "aria-label": label, "class": "chart"})
    return ElementTree.tostring(root, encoding="unicode")


def standalone_svg(figure: Any, *, name: str) -> str:
    """Return the figure as an SVG file in fixed colours on white, for papers and slides."""
    return _colored(_drawn(figure, name, facecolor="white"), _FIXED)


def _drawn(figure: Any, name: str, **options: Any) -> str:
    import matplotlib

    file = io.StringIO()
    # The font here only measures: the browser brings its own, so a glyph it lacks is no fault.
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none"})
        figure.savefig(file, format="svg", metadata={"Date": None}, **options)
    return file.getvalue()


def _drop(parent: ElementTree.Element, names: set[str]) -> None:
    for child in list(parent):
        if _local(child.tag) in names:
            parent.remove(child)
        else:
            _drop(child, names)


def _colored(value: str, colors: dict[str, str]) -> str:
    return re.sub(r"#[0-9a-f]{6}\b", lambda m: colors.get(m.group(), m.group()), value)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
