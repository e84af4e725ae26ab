"""The page as bytes: nothing escapes into the HTML, nothing is left out, nothing asks the network."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.curation.contamination import ContaminationReport
from reasondistill.errors import StoreError
from reasondistill.records import Estimate
from reasondistill.report.data import (
    Bar,
    Count,
    Figure,
    LossPoint,
    PageData,
    RolloutView,
)
from reasondistill.report.page import build_page, embed, outcome_rows, outcomes_of, render_page

NAN = float("nan")


class Reader(HTMLParser):
    """Collects what a browser would: tags, ids, the scripts' texts and the words of the rest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.words.append(data)


def view(**changes: object) -> RolloutView:
    base = RolloutView(id="r", problem_id="p", set="s", question="q", content="c", outcome="correct")
    return replace(base, **changes)  # type: ignore[arg-type]


def test_same_data_gives_same_bytes(page_data: PageData, tmp_path: Path) -> None:
    build_page(page_data, tmp_path / "a.html")
    build_page(page_data, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_ids_are_unique_and_every_reference_hits(page_data: PageData) -> None:
    page = render_page(page_data)
    ids = Reader(page).ids
    assert len(ids) == len(set(ids))
    charts = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', charts)) <= set(ids)


def test_page_names_no_address(page_data: PageData) -> None:
    page = render_page(page_data)
    assert not re.search(r"https?:|//\w+\.|@import|url\((?!#)", page.replace("http-equiv", ""))
    sources = [v for k, v in Reader(page).attributes if k in ("src", "href", "xlink:href", "srcset", "action")]
    assert all(v and v.startswith(("#", "data:,")) for v in sources)


def test_policy_allows_just_our_script(page_data: PageData) -> None:
    page = render_page(page_data)
    script = Reader(page).scripts[-1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert (
        policy and "default-src &#39;none&#39;" in policy[1] and f"script-src &#39;sha256-{digest}&#39;;" in policy[1]
    )


@pytest.mark.parametrize(
    "part", ["</script", "<!--", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "fetch("]
)
def test_our_script_has_no(part: str) -> None:
    assert part not in Reader(render_page(PageData(title="t", rollouts=[view()]))).scripts[-1]


@pytest.mark.parametrize("field", ["id", "problem_id", "set", "question", "reasoning", "content", "outcome", "kept"])
def test_hostile_rollout_stays_data(field: str, hostile: str) -> None:
    page = Reader(render_page(PageData(title="t", rollouts=[view(**{field: hostile})])))
    assert page.tags.count("script") == 2 and "img" not in page.tags
    data = json.loads(page.scripts[0])
    assert dict(zip(data["fields"], data["rows"][0], strict=True))[field] == hostile


def test_hostile_words_stay_words(hostile: str) -> None:
    data = PageData(
        title=hostile,
        summary=[hostile],
        headline=[Figure(label=hostile, value=hostile, note=hostile)],
        accuracies=[Bar(label=hostile, group=hostile, estimate=Estimate(value=0.5, low=0.4, high=0.6, n=9))],
        waterfall=[Count(stage=hostile, kept=1, dropped=1, reasons={hostile: 1})],
        contamination=ContaminationReport(
            questions=2,
            flagged=1,
            options={},
            benchmarks={
                hostile: {
                    "problems": 1,
                    "questions": 1,
                    "benchmark_problems": 1,
                    "reasons": {hostile: 1},
                    **{f"any_{n}_gram": {"questions": 1, "benchmark_problems": 1} for n in (8, 13)},
                }
            },
            matches=[
                {
                    "benchmark": hostile,
                    "reason": hostile,
                    "coverage": 1.0,
                    "id": hostile,
                    "question": hostile,
                    "benchmark_id": hostile,
                    "benchmark_question": hostile,
                }
            ],
        ),
        verifier=[(hostile, Estimate(value=0.5, low=0.4, high=0.6, n=9))],
        loss=[LossPoint(step=1, loss=1.0, series=hostile), LossPoint(step=1, loss=1.0)],
        seconds=[(hostile, 1.0)],
        tokens=[(hostile, 1, 1)],
        provenance={hostile: hostile},
    )
    text = render_page(data)
    page = Reader(text)
    assert "script" not in page.tags and "img" not in page.tags
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\ud800-\udfff]", text)
    assert "‹U+001B›[31mred" in "".join(page.words) and "{{ 7*7 }}" in "".join(page.words)


@given(st.lists(st.text(st.characters(codec=None, categories=None)), min_size=1, max_size=5))
def test_embedded_text_comes_back(texts: list[str]) -> None:
    script = embed([view(content=text) for text in texts])
    assert script.isascii() and not set("<>&\x00\x1b") & set(script)
    data = json.loads(script)
    # A pair of surrogates is one letter to JSON, as it is to the browser.
    wanted = [t.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") for t in texts]
    assert [row[data["fields"].index("content")] for row in data["rows"]] == wanted


def test_numbers_of_the_data_stand_in_the_page(page_data: PageData) -> None:
    words = " ".join(" ".join(Reader(render_page(page_data)).words).split())
    for expected in (
        "66.7 %",
        "[54.0, 77.0]",
        "[+54.0, +78.0]",
        "< 0.0001",
        "incorrect 219",
        "130,800",
        "8.20",
        "seed",
    ):
        assert expected in words, expected


def test_outcomes_are_counted_per_set(page_data: PageData) -> None:
    assert outcomes_of(page_data.rollouts) == ["correct", "no_answer"]
    rows = outcome_rows(page_data.rollouts)
    assert [(r.set, r.total, [n for _, n in r.cells]) for r in rows] == [
        ("student before / seen", 60, [0, 60]),
        ("student after / seen", 60, [40, 20]),
    ]
    assert rows[1].cells[0][0] == "#set=student+after+%2F+seen&outcome=correct"


@pytest.mark.parametrize(
    ("field", "mark"),
    [
        ("headline", 'class="cards"'),
        ("accuracies", 'id="accuracies"'),
        ("comparisons", 'id="comparisons"'),
        ("waterfall", 'id="counts"'),
        ("loss", 'id="training"'),
        ("seconds", "Wall-clock time by stage"),
        ("tokens", "Tokens by stage"),
        ("rollouts", "<script"),
        ("provenance", 'id="provenance"'),
    ],
)
def test_an_empty_part_is_left_out(field: str, mark: str, page_data: PageData) -> None:
    whole = render_page(page_data)
    without = render_page(replace(page_data, **{field: {} if field == "provenance" else ()}))
    assert mark in whole and mark not in without
    for other in re.findall(r'<section id="(\w+)"', without):
        assert f'<section id="{other}"' in whole


def test_title_alone_makes_a_page() -> None:
    page = Reader(render_page(PageData(title="nothing yet")))
    assert not {"section", "svg", "script"} & set(page.tags)


@pytest.mark.parametrize(
    "parts",
    [
        {"accuracies": [Bar(label="a", group="g", estimate=Estimate(value=0, low=0, high=1, n=0))]},
        {"accuracies": [Bar(label="a", group="g", estimate=Estimate(value=NAN, low=NAN, high=NAN, n=3))]},
        {"loss": [LossPoint(step=1, loss=NAN)]},
        {"loss": [LossPoint(step=1, loss=float("inf")), LossPoint(step=2, loss=1.0)]},
        {"waterfall": [Count(stage="none", kept=0)]},
        {"seconds": [("at once", 0.0)]},
        {"seconds": [("长长的名字", 1.0)]},
    ],
)
def test_odd_numbers_do_not_stop_the_page(parts: dict[str, Any]) -> None:
    assert "<svg" in render_page(PageData(title="t", **parts))


def test_a_page_that_cannot_be_written_is_one_line(page_data: PageData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write the report \(.+\); free space or choose") as caught:
        build_page(page_data, tmp_path / "file" / "report.html")
    assert "\n" not in str(caught.value)


def test_contamination_stands_side_by_side(page_data: PageData) -> None:
    text = render_page(page_data)
    page = Reader(text)
    assert {"contamination", "verifier"} <= set(page.ids)
    words = " ".join(" ".join(page.words).split())
    for told in (
        "1 of 381 questions",
        "How far does the train go?",
        "How far does a train go?",
        "math500: ngram_coverage, 75.0 %",
        "Any shared 8-gram would flag Any shared 13-gram would flag math500 500 1 2 7 (5) 3 (4)",
        "3 more stand in decontamination.json",
        "accepted of those labelled wrong",
    ):
        assert told in words


def test_nothing_is_said_of_what_was_not_looked_for() -> None:
    page = Reader(render_page(PageData(title="t")))
    assert not {"contamination", "verifier"} & set(page.ids)
