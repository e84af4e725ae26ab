"""Answers that look equal from one place: identities, pieces far from zero, alternating signs, tiny gaps."""

import gzip
import json
import re
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers import Outcome
from verifiers.math import compile_gold, grade

DATA = Path(__file__).parents[4] / "shared" / "data" / "benchmarks"
NAME = re.compile(r"^\w(?:\(\w\)|_\w)?\s*=(?=[^=]*$)")
OWN_REFERENCES = [
    "x=5", "y=2x+1", "x^2+y^2=25", r"\frac{x^2}{4}+\frac{y^2}{3}=1", "f(x)=x^2", "a=b", "x=1, y=2",
    "y=c_1e^x+c_2e^{-x}", r"\lfloor x\rfloor=1", r"|x-3|=2", r"\max(x-5,0)=0", "2x+3y=7", "x^2-5x+6=0", "5", "x+1",
    "(1,2)", r"[0,\infty)", "x>3", r"\text{no solution}", r"\mathbb{R}", "0", "1", r"y=\sin x", r"r=2\cos\theta",
    "xy=1", r"\sqrt{x}+\sqrt{y}=1",
]  # fmt: skip
ODD_ANSWERS = [
    r"\sin^2 x+\cos^2 x=1", r"\sin 2x=2\sin x\cos x", r"\ln e^x=x", r"\cosh^2x-\sinh^2x=1", r"y=y+\sin^2x+\cos^2x-1",
    r"\cos(2t)+1=2\cos^2 t", "x=x", "0=0", "1=1", "0", "x-x=0", "x=x+1", "0=1", r"\frac{0}{0}", r"\infty",
    r"\emptyset", r"\sin^2x+\cos^2x=1, \sin^2y+\cos^2y=1", r"\tan x=\frac{\sin x}{\cos x}", "(x+1)^2=x^2+2x+1",
    "nan", "any", "?", "x", r"\lfloor x\rfloor=\lfloor x\rfloor", r"|x|=\sqrt{x^2}", r"\max(x,-x)=|x|", "-x=-x",
    r"e^{\ln x}=x", "f(x)=f(x)", "true", r"\{x: x=x\}", "x=x, y=y", "[]", "()", r"\lfloor x\rfloor-1=0\cdot y",
    r"\max(x-9,0)^2=0", r"0x=0", r"a\in a", "all",
]  # fmt: skip


@cache
def references() -> list[str]:
    """Own references, and those of MATH and OlympiadBench where they lie beside the repository."""
    found = list(OWN_REFERENCES)
    for name in ("math500", "olympiadbench_en_math"):
        if (file := DATA / f"{name}.jsonl.gz").exists():
            with gzip.open(file, "rt") as lines:
                answers = [json.loads(line)["answer"] for line in lines]
            found += [str(a[0] if isinstance(a, list) else a) for a in answers]
    wanted = [text for text in dict.fromkeys(found) if "=" in text or len(text) < 12]
    return [*OWN_REFERENCES, *wanted[:350]]


@pytest.mark.parametrize("answer", ODD_ANSWERS)
def test_no_answer_is_accepted_for_two_references_that_differ(answer: str) -> None:
    golds = [gold for text in references() if not (gold := compile_gold(text)).error]
    accepted = [gold.text for gold in golds if gold.compare(answer).equal]
    for one, other in combinations(dict.fromkeys(accepted), 2):
        one, other = (NAME.sub("", text) for text in (one, other))  # names are optional
        assert compile_gold(one).compare(other).equal, (one, other)


@given(st.integers(-10_000, 10_000).filter(bool), st.sampled_from([1, -1, 2, -3]), st.sampled_from("xnt"))
@settings(deadline=None, max_examples=40)
def test_a_break_is_found_wherever_it_is(at: int, slope: int, name: str) -> None:
    line = f"({slope}*{name} - {slope * at})"
    assert grade(f"\\boxed{{|{line}|}}", line).outcome is Outcome.INCORRECT
    assert grade(f"\\boxed{{\\sqrt{{{line}^2}}}}", f"-{line}").outcome is Outcome.INCORRECT
    assert grade(f"\\boxed{{\\frac{{|{line}|}}{{{line}}}}}", "1").outcome is Outcome.INCORRECT
    assert grade(f"\\boxed{{\\max({name}, {at})}}", name).outcome is Outcome.INCORRECT
    assert grade(f"\\boxed{{\\max({name}, {at})}}", f"\\frac{{{name}+{at}+|{name}-{at}|}}{{2}}").correct


@pytest.mark.parametrize("name", list("nkmNjptx"))
@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (r"\frac{{1+(-1)^{n}}}{{2}}", "0"), (r"\frac{{1+(-1)^{n}}}{{2}}", "1"), (r"(-1)^{{{n}+1}}{n}^2", "{n}^2"),
        ("(-2)^{n}", "-2^{n}"), ("(-2)^{n}", "2^{n}"), ("(-1)^{n}", "1"), ("i^{{{n}}}", "1"), ("i^{{2{n}}}", "1"),
        (r"\cos(\pi {n})", "1"), (r"(-\frac12)^{{{n}-1}}", r"(\frac12)^{{{n}-1}}"),
    ],
)  # fmt: skip
def test_alternating_signs_count(answer: str, gold: str, name: str) -> None:
    answer, gold = answer.format(n=name), gold.format(n=name)
    assert not grade(f"\\boxed{{{answer}}}", gold).correct
    assert not grade(f"\\boxed{{{gold}}}", answer).correct
    assert grade(f"\\boxed{{{answer}}}", f"{answer}+0").correct


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (r"\tanh(100)", "1"), (r"\tanh(300)", "1"), ("1-e^{-300}", "1"), ("1+e^{-200}", "1"), (r"\coth(150)", "1"),
        (r"\tanh(1000x)", r"\operatorname{sgn}(x)"), ("x+e^{-400}", "x"), (r"\cosh(90)", r"\sinh(90)"),
        ("e^{-500}", "0"),
    ],
)  # fmt: skip
def test_a_difference_below_the_working_precision_is_a_difference(answer: str, gold: str) -> None:
    assert not grade(f"\\boxed{{{answer}}}", gold).correct
    assert not grade(f"\\boxed{{{gold}}}", answer).correct


@given(st.floats(1e-6, 1e9), st.integers(-4, 4))
def test_a_double_a_few_units_off_is_the_number_it_stands_for(value: float, units: int) -> None:
    import math

    shown = repr(value + units * math.ulp(value) / 2)
    if "e" not in shown and 15 <= len(shown.replace(".", "").lstrip("0")) <= 17:
        assert grade(f"\\boxed{{{shown}}}", format(value, ".30f")).correct


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("1.4142135623730951", r"\sqrt2", True), ("0.30000000000000004", "0.3", True),
        ("99.99999999999999", "100", True), ("3.0000000000000004", "3", True),
        ("-0.30000000000000004", "-0.3", True), ("2.220446049250313e-16", "0", False),
        ("0.3000000000000004", "0.3", False), ("99.9999999999999", "100", False),
        ("1.4142135623730999", r"\sqrt2", False), ("0.300000004", "0.3", False),
        ("(0.30000000000000004, 2.0)", "(0.3, 2)", True), ("0.99999", "1", False),
    ],
)  # fmt: skip
def test_numbers_as_programs_print_them(answer: str, gold: str, right: bool) -> None:
    assert grade(f"\\boxed{{{answer}}}", gold).correct is right
