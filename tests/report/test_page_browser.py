"""The page in a real browser: headless Chromium loads it with a state in the fragment and prints what it became."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reasondistill.report.data import PageData, RolloutView
from reasondistill.report.evaluation_page import evaluation_page
from reasondistill.report.page import build_page, outcome_rows
from reasondistill.report.text import visible
from reasondistill.run.score_folder import ScoringRun

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path"),
    pytest.mark.installed,
]
CALLS_HOME = re.compile(r"https?://([\w-]+\.)*(google|googleapis|gvt1|gstatic)\.com[/:]")
"""What Chromium asks for by itself, whatever the page."""
VOID = {"meta", "link", "input", "br", "img", "hr"}


@dataclass
class Loaded:
    dom: str
    console: list[str]
    asked: list[str]
    """Addresses that the browser tried to read, but for the page's own."""

    def rows(self) -> list[str]:
        """Return the keys of the rollouts that the list shows."""
        return re.findall(r'<tr data-key="([^"]*)"', self.dom)

    def text(self, element: str) -> str:
        return Inside(self.dom, element).text


class Inside(HTMLParser):
    """The text inside the element of one id."""

    def __init__(self, dom: str, element: str) -> None:
        super().__init__()
        self.element, self.depth, self.text = element, 0, ""
        self.feed(dom)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID and (self.depth or ("id", self.element) in attrs):
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        if self.depth and tag not in VOID:
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.text += data


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Loaded]:
    def run(page: Path, fragment: str = "") -> Loaded:
        options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        more = "--disable-component-update --disable-sync --enable-logging=stderr --v=0 --virtual-time-budget=5000"
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        log = tmp_path / "net.json"
        command = [str(CHROMIUM), *options.split(), *more.split(), profile, f"--log-net-log={log}", "--dump-dom"]
        done = subprocess.run([*command, page.as_uri() + fragment], capture_output=True, timeout=100, check=True)
        console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
        # Chromium may be cut off while it writes the log's end.
        urls = re.findall(r'"url":"((?:https?|wss?|ftp):[^"]*)"', log.read_text(errors="replace"))
        asked = [url for url in urls if not CALLS_HOME.match(url)]
        return Loaded(done.stdout.decode(), console, asked)

    return run


@pytest.fixture
def page(page_data: PageData, tmp_path: Path) -> Path:
    build_page(page_data, tmp_path / "report.html")
    return tmp_path / "report.html"


def test_list_shows_the_first_fifty(load: Callable[..., Loaded], page: Path) -> None:
    loaded = load(page)
    assert loaded.console == []
    assert loaded.rows() == [f"before{i:03d}" for i in range(50)]
    assert loaded.text("shown") == "1–50 of 120 rollouts"


def test_a_fault_in_a_script_and_a_request_would_be_seen(load: Callable[..., Loaded], tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text('<img src="http://127.0.0.1:9/x.png"><script>nothing_of_that_name()</script>')
    loaded = load(broken)
    assert loaded.console
    assert "http://127.0.0.1:9/x.png" in loaded.asked


def test_figures_and_tables_are_there_and_nothing_leaves_the_file(load: Callable[..., Loaded], page: Path) -> None:
    loaded = load(page, "#scaling")
    assert loaded.console == [] and loaded.asked == []
    for name in ("scaling", "accuracies", "counts", "training"):
        assert re.search(rf'<section id="{name}">.*?<svg.*?<table', loaded.dom, re.DOTALL)
    scaling = loaded.text("scaling")
    assert "sequential: 16 tokens ●" in scaling and "sequential: 128 tokens ●" not in scaling
    assert "+0.1" in scaling and "64 tokens, 0 to 1 waits" in scaling


def test_a_changed_problem_opens_its_two_traces(load: Callable[..., Loaded], page: Path) -> None:
    [link] = re.findall(r'id="transitions">.*?href="([^"]*)"', page.read_text(), re.DOTALL)
    loaded = load(page, unescape(link))
    assert re.findall(r'data-rollout="(\w+)"', loaded.dom) == ["before017", "after017"]


def test_ten_thousand_rollouts_stay_usable_and_their_size_is_said(
    load: Callable[..., Loaded], page_data: PageData, tmp_path: Path
) -> None:
    views = [replace(page_data.rollouts[i % 120], id=f"r{i:05d}", reasoning=f"step {i}. " * 100) for i in range(10_000)]
    build_page(replace(page_data, rollouts=views), tmp_path / "big.html")
    loaded = load(tmp_path / "big.html", "#q=step+9999.")
    assert loaded.console == [] and loaded.rows() == ["r09999"]
    assert loaded.text("shown") == "1–1 of 1 that match, 10,000 in all"
    size = (tmp_path / "big.html").stat().st_size / 1e6
    said = re.search(r"10,000 rollouts take ([\d.]+) MB of it", loaded.dom)
    assert said and abs(float(said[1]) - size) < 1 and size < 20
    opened = load(tmp_path / "big.html", "#open=r05000&page=200")
    assert "step 5000." in opened.text("details") and len(opened.rows()) == 50


@pytest.mark.parametrize(
    ("fragment", "count", "first"),
    [
        ("#outcome=correct", "1–40 of 40 that match, 120 in all", "after001"),
        ("#set=student+after+%2F+seen", "1–50 of 60 that match, 120 in all", "after000"),
        ("#q=TRACE+of+before+17", "1–1 of 1 that match, 120 in all", "before017"),
        ("#q=boxed{18", "1–1 of 1 that match, 120 in all", "after017"),
        ("#page=3", "101–120 of 120 rollouts", "after040"),
        ("#page=99", "101–120 of 120 rollouts", "after040"),
        ("#outcome=correct&set=student+before+%2F+seen", "0 that match, 120 in all", None),
        ("#accuracies", "1–50 of 120 rollouts", "before000"),
    ],
)
def test_fragment_filters(
    fragment: str, count: str, first: str | None, load: Callable[..., Loaded], page: Path
) -> None:
    loaded = load(page, fragment)
    assert loaded.text("shown") == count
    assert loaded.rows()[:1] == ([first] if first else [])


def test_details_show_trace_verdict_and_the_other_rollout(load: Callable[..., Loaded], page: Path) -> None:
    loaded = load(page, "#open=before017")
    details = loaded.text("details")
    for expected in ("Problem p017", "What is 17 + 1?", "trace of before 17", "I do not know", "no boxed answer"):
        assert expected in details
    assert "trace of after 17" not in details
    assert 'data-other="after017"' in loaded.dom and "#open=after017" in loaded.dom


def test_side_by_side_shows_both(load: Callable[..., Loaded], page: Path) -> None:
    loaded = load(page, "#open=before017&beside=after017")
    assert re.findall(r'data-rollout="(\w+)"', loaded.dom) == ["before017", "after017"]
    assert "trace of before 17" in loaded.text("details") and "trace of after 17" in loaded.text("details")


def test_hostile_text_is_shown_and_does_nothing(
    load: Callable[..., Loaded], hostile: str, page_data: PageData, tmp_path: Path
) -> None:
    evil = RolloutView(id="evil", problem_id=hostile, set=hostile, question=hostile, content=hostile, outcome=hostile)
    build_page(replace(page_data, rollouts=[evil]), tmp_path / "evil.html")
    loaded = load(tmp_path / "evil.html", "#open=evil")
    assert loaded.console == []
    assert "<title>a small run</title>" in loaded.dom and "<img" not in loaded.dom
    assert loaded.text("details").count(visible(hostile)) >= 4


def test_a_hostile_set_can_be_filtered(
    load: Callable[..., Loaded], hostile: str, page_data: PageData, tmp_path: Path
) -> None:
    data = replace(page_data, rollouts=[replace(page_data.rollouts[0], id="evil", set=hostile), *page_data.rollouts])
    build_page(data, tmp_path / "evil.html")
    link = outcome_rows(data.rollouts)[0].link
    loaded = load(tmp_path / "evil.html", link)
    assert loaded.rows() == ["evil"] and f"{visible(hostile)} (1)" in loaded.text("filters")


def test_two_rollouts_of_one_id_can_both_be_opened(
    load: Callable[..., Loaded], page_data: PageData, tmp_path: Path
) -> None:
    first = page_data.rollouts[0]
    twice = [first, replace(first, reasoning="the second one")]
    build_page(replace(page_data, rollouts=twice), tmp_path / "twice.html")
    assert "the second one" in load(tmp_path / "twice.html", "#open=before000~2").text("details")


def test_the_page_of_an_evaluation_loads_finds_its_metrics_and_opens_a_rollout(
    load: Callable[..., Loaded], tmp_path: Path
) -> None:
    answers = [r"\boxed{2}", r"\boxed{3} </script><script>document.title='owned'</script>"]
    rows = [
        {"id": text, "problem_id": f"p{i}", "completion": text, "answer": "2"} for i in range(40) for text in answers
    ]
    (tmp_path / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = ScoringRun(path=tmp_path / "rollouts.jsonl", folder=tmp_path / "measured")
    report = run.run([1, 2])
    build_page(evaluation_page(tmp_path / "measured"), tmp_path / "report.html")
    loaded = load(tmp_path / "report.html")
    assert loaded.console == []
    assert loaded.text("shown") == "1–50 of 80 rollouts"
    assert "owned" not in re.search(r"<title>(.*?)</title>", loaded.dom)[1]
    assert all(name in loaded.dom for name in report["metrics"])
    assert "http" not in re.sub(
        r"http://www\.w3\.org/\S+", "", " ".join(re.findall(r'(?:src|href)="([^"]*)"', loaded.dom))
    )
