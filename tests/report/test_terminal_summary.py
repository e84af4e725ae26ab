"""The table at the end of a run."""

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from reasondistill.report.data import Count, PageData
from reasondistill.report.terminal import print_summary


def printed(data: PageData, *, width: int = 100, page: Path | None = None, terminal: bool = False) -> str:
    file = io.StringIO()
    print_summary(data, Console(file=file, width=width, force_terminal=terminal, color_system=None), page=page)
    return file.getvalue()


def test_summary_holds_the_numbers(page_data: PageData) -> None:
    words = " ".join(printed(page_data).split())
    for expected in (
        "after seen 66.7 % [54.0, 77.0] 60",
        "after unseen 25.0 % [10.0, 40.0] 40",
        "correct 381 219 incorrect 219",
        "generate 6.7 min",
        "all 8.2 min",
        "Training raised accuracy by 66.7 points.",
    ):
        assert expected in words, expected


def test_path_stands_whole_on_one_line(page_data: PageData) -> None:
    path = Path("/runs") / ("long" * 40) / "report.html"
    assert printed(page_data, width=40, page=path).splitlines()[-1] == f"report: {path}"


def test_empty_parts_print_nothing() -> None:
    assert printed(PageData(title="nothing yet")) == "nothing yet\n"


def test_codes_and_markup_are_printed_not_obeyed(page_data: PageData, hostile: str) -> None:
    data = replace(
        page_data,
        title=hostile,
        summary=[hostile],
        waterfall=[Count(stage=hostile, kept=1, reasons={hostile: 1})],
        seconds=[(hostile, 1.0)],
        comparisons=[replace(page_data.comparisons[0], words=hostile)],
    )
    out = printed(data, width=1000)
    assert not any(letter in out for letter in "\x00\x1b\x07\u2028\u202e\ud800")
    assert "[bold]x[/bold]" in out and "‹U+001B›[31mred" in out
    assert out.encode()
