"""`verify`: problems as mappings and objects, and references that cannot be used."""

from types import SimpleNamespace

import pytest

from verifiers import Outcome, verify


@pytest.mark.parametrize(
    "problem",
    [
        {"kind": "math", "answer": "5"},
        {"answer": "5"},
        {"answer": 5},
        SimpleNamespace(kind="math", answer="5", tests=None),
    ],
)
def test_a_problem_is_a_mapping_or_an_object(problem: object) -> None:
    assert verify(problem, "The answer is 5.").outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    ("problem", "completion", "reason"),
    [
        ({"answer": None}, "5", "bad_gold"),
        ({"answer": ["1", "2"]}, "5", "bad_gold"),
        ({"answer": True}, "5", "bad_gold"),
        ({"answer": "  "}, "5", "bad_gold"),
        ({"answer": r"\frac{"}, "5", "bad_gold"),
        ({"kind": "code", "tests": {}}, "def f(): pass", "bad_gold"),
        ({"kind": "poem", "answer": "5"}, "5", "bad_input"),
        ({"answer": "5"}, None, "bad_input"),
    ],
)
def test_what_cannot_be_judged_is_an_error_with_a_reason(problem: object, completion: str, reason: str) -> None:
    verdict = verify(problem, completion)
    assert (verdict.outcome, verdict.correct) == (Outcome.ERROR, None)
    assert verdict.reason.startswith(f"{reason}: ")


def test_importing_verifiers_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    heavy = "[m for m in ('sympy', 'math_verify', 'torch', 'latex2sympy2_extended') if m in sys.modules]"
    code = f"import sys, verifiers, verifiers.math; print({heavy})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"
