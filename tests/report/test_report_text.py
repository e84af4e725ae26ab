"""What untrusted text and odd numbers become."""

import json
import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.report.text import duration, interval, one_line, p_words, percent, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nnext", "plain\ttext\nnext"),
        ("one\r\ntwo", "one\ntwo"),
        ("back\rover", "back‹U+000D›over"),
        ("\x1b[2J", "‹U+001B›[2J"),
        ("\x9b2J\x7f\x00", "‹U+009B›2J‹U+007F›‹U+0000›"),
        ("\u202eabc\u2066", "‹U+202E›abc‹U+2066›"),
        ("\u2028\u2029", "‹U+2028›‹U+2029›"),
        ("\udc80", "‹U+DC80›"),
        ("你好 🎉 é", "你好 🎉 é"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(codec=None, categories=None)))
def test_visible_text_can_be_written_and_stays(text: str) -> None:
    shown = visible(text)
    assert (shown.encode() and visible(shown) == shown) or not text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


def test_page_and_terminal_call_the_same_letters_unsafe() -> None:
    script = files("reasondistill.report").joinpath("page.js").read_text(encoding="utf-8")
    letters = re.search(r"const unsafe = /\[(.*)\]/gu;", script)
    assert letters is not None
    pattern = json.loads('"' + re.sub(r"\\x(..)", r"\\u00\1", letters[1]).replace("\\0", "\\u0000", 1) + '"')
    from reasondistill.report.text import _UNSAFE

    assert f"[{pattern}]" == _UNSAFE.pattern


@pytest.mark.parametrize(("text", "shown"), [("a\n b", "a b"), ("x" * 9, "xxxx…"), ("", "")])
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text, limit=5) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (percent(1.0), "100.0 %"),
        (percent(float("inf")), "–"),
        (interval(float("nan"), 1.0), "–"),
        (p_words(1.0), "1.00"),
        (p_words(0.00041), "0.0004"),
        (p_words(float("nan")), "–"),
        (duration(59.96), "60.0 s"),
        (duration(60), "1.0 min"),
    ],
)
def test_numbers(words: str, shown: str) -> None:
    assert words == shown
