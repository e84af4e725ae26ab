"""What a model is told of the program that the tests need."""

import pytest

from reasondistill.generation.prompts import load_template
from reasondistill.generation.strategies.code import FORMS, Code, form_of


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ({"style": "assert", "code": "def check(candidate): assert candidate(1)", "entry_point": "f"}, "function `f`"),
        (["assert g(1) == 2", "assert g(3) == 4"], "assert g(1) == 2"),
        ({"style": "stdio", "cases": [{"input": "1", "output": "2"}]}, "standard input"),
        ([{"stdin": "1", "stdout": "2"}], "standard input"),
        ("this is no Python", FORMS["free"]),
        (None, FORMS["free"]),
        (7, FORMS["free"]),
    ],
)
def test_the_form_is_read_from_the_tests(tests, said):
    assert said in form_of(tests)


def test_only_one_of_the_asserts_is_shown():
    assert "g(3)" not in form_of(["assert g(1) == 2", "assert g(3) == 4"])


def test_the_sentences_are_in_the_identity():
    assert Code(template=load_template("code-zero-shot")).identity()["forms"] == FORMS
