"""The benchmark files that lie beside a development checkout load whole; the expected counts are in their README."""

from pathlib import Path

import pytest

from reasondistill.problems import load_problems
from reasondistill.records import Kind

BENCHMARKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "benchmarks"
MATH = {
    "aime24": (30, "204"),
    "aime25": (30, "70"),
    "amc23": (40, "27"),
    "asdiv": (2215, "9 (apples)"),
    "gsm8k_test": (1319, "18"),
    "gsm8k_train": (7473, "72"),
    "math500": (500, r"\left( 3, \frac{\pi}{2} \right)"),
    "math_test5000": (5000, "2"),
    "mawps": (2065, "43"),
    "minerva_math": (272, "1.6"),
    "olympiadbench_en_math": (675, "2"),
    "svamp": (1000, "145"),
}
CODE = {
    "codecontests_stdin": (165, {"stdio"}),
    "humaneval": (164, {"assert"}),
    "humanevalplus": (164, {"assert"}),
    "leetcode180": (180, {"assert"}),
    "livecodebench_public400": (400, {"stdio", "call"}),
    "mbpp_full": (974, {"assert"}),
    "mbpp_sanitized": (427, {"assert"}),
    "mbppplus": (378, {"assert"}),
}
UNLABELED = {"s1k_questions": 1000, "self_instruct_seed": 175}


def _path(name: str) -> Path:
    path = BENCHMARKS / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"benchmark file not beside this checkout: {path.name}")
    return path


@pytest.mark.parametrize("name", MATH)
def test_math_benchmarks_load(name):
    problems = load_problems(_path(name))
    assert (len(problems), problems[0].answer) == MATH[name]
    assert all(p.kind is Kind.MATH and p.answer for p in problems)


@pytest.mark.parametrize("name", CODE)
def test_code_benchmarks_load(name):
    problems = load_problems(_path(name))
    assert (len(problems), {p.tests["style"] for p in problems}) == CODE[name]
    assert all(p.kind is Kind.CODE for p in problems)


@pytest.mark.parametrize("name", UNLABELED)
def test_unlabeled_sets_load_for_generation(name):
    assert len(load_problems(_path(name), require_reference=False)) == UNLABELED[name]


def test_every_benchmark_file_is_listed_here():
    if not BENCHMARKS.exists():
        pytest.skip("no benchmark files beside this checkout")
    assert {p.name.removesuffix(".jsonl.gz") for p in BENCHMARKS.iterdir()} == {*MATH, *CODE, *UNLABELED}
