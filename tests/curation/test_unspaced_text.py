"""Text of scripts without spaces between words: repeats are found like those of spaced text, other problems are not."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.lookup.held_out import HeldOut
from reasondistill.curation.lookup.normalise import spaced_words, words
from reasondistill.curation.steps.near_duplicates import Seen
from reasondistill.curation.steps.quality import repeated_share
from reasondistill.records import Problem

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
REPEATS = [
    (
        "图书馆里有{a}本故事书，又买来{b}本科学书，现在图书馆一共有多少本书？",
        "图书馆里有{a}本故事书，后来又买来{b}本科学书，现在图书馆共有多少本书？",
    ),
    (
        "一个水池有{a}升水，每分钟流出{b}升，几分钟以后水池里的水会流完？",
        "有一个水池有{a}升水，每分钟流出{b}升，请问几分钟后水池里的水会流完？",
    ),
    (
        "りんごが{a}個入った箱が{b}箱あります。りんごは全部で何個ありますか。",
        "りんごが{a}個入った箱が{b}箱あるとき、りんごは全部で何個ありますか。",
    ),
    (
        "แม่ค้าขายไข่ไก่วันละ {a} ฟอง ขายติดต่อกัน {b} วัน ขายไข่ไก่ได้ทั้งหมดกี่ฟอง",
        "แม่ค้าขายไข่ไก่ได้วันละ {a} ฟอง ขายติดต่อกัน {b} วัน รวมขายไข่ไก่ได้ทั้งหมดกี่ฟอง",
    ),
]
NUMBERS = st.integers(2, 999)


def _held_out(question):
    return HeldOut({"bench": [Problem(id="b", question=question)]})


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(REPEATS), NUMBERS, NUMBERS)
def test_an_edited_question_is_found(pair, a, b):
    original, edited = (text.format(a=a, b=b) for text in pair)
    assert _held_out(original).match(edited) is not None
    seen = Seen(0.5)
    assert (seen.twin("1", original), (seen.twin("2", edited) or ("",))[0]) == (None, "1")


@settings(deadline=None, max_examples=60)
@given(st.permutations(range(len(REPEATS))), NUMBERS, NUMBERS, st.integers(1, 99))
def test_another_question_and_other_numbers_are_not(order, a, b, more):
    one, other = (REPEATS[i][0] for i in order[:2])
    assert _held_out(one.format(a=a, b=b)).match(other.format(a=a, b=b)) is None
    seen = Seen(0.5)
    assert (seen.twin("1", one.format(a=a, b=b)), seen.twin("2", other.format(a=a, b=b))) == (None, None)
    renamed = _held_out(one.format(a=a, b=b)).match(one.format(a=a + more, b=b))
    assert renamed is None or renamed.reason == "ngram_coverage"


def test_full_width_signs_are_the_plain_ones():
    assert _held_out("求１２＋３的值（精确）。").match("求12+3的值(精确).").reason == "same_question"


@given(st.text(st.characters(codec="ascii")))
def test_spaced_text_has_the_words_that_it_had(text):
    assert spaced_words(text) == text.split()
    assert all(len(word) == 1 or not word.isspace() for word in words(text))


def test_a_loop_without_spaces_is_a_loop():
    assert repeated_share("所以我们再检查一遍答案，" * 20) > 0.9
    assert repeated_share("先算第一步得到十二，再算第二步得到三十六，最后把两个结果相加，得到的和就是四十八") == 0


@pytest.mark.parametrize("script", ["zhp", "en"])
def test_reported_repeats_are_found(script):
    folder = DATA / "reports" / "pipeline" / "chinese"
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    bench, edited = (
        [json.loads(line) for line in (folder / f"{script}_{name}.jsonl").read_text("utf-8").splitlines()]
        for name in ("bench", "edited")
    )
    held_out = HeldOut({"bench": [Problem(id=row["id"], question=row["question"]) for row in bench]})
    found = [held_out.match(row["question"]) for row in edited]
    assert [match and match.problem_id[1:] for match in found] == [row["id"][1:] for row in edited]
