"""Outputs that count as the same, and code that is run again."""

import pytest

from reasondistill.audit.blocks import check_blocks, same_output
from reasondistill.export.receipts import Block
from reasondistill.generation.strategies.tir.options import NOTICES

TRACE = (
    "Traceback (most recent call last):\n  File \"<cell 1>\", line 1, in <module>\nNameError: name 'q' is not defined"
)


@pytest.mark.parametrize(
    ("told", "fresh", "same"),
    [
        ("4", "4\n", True),
        ("4", "5", False),
        ("", "4", False),
        ("<f at 0x7f00aa11bb22>", "<f at 0x7fffffffffff>", True),
        ("0.30000000000000004", "0.30000000000000000", True),
        ("0.31", "0.30", False),
        ("x = 1,  y = 2", "x = 1, y = 2", True),
        ("NameError: name 'q' is not defined", TRACE, True),
        ("NameError: name 'z' is not defined", TRACE, False),
        ("a" * 60 + "...", "a" * 60 + "bbb", True),
        ("...", "anything at all", False),
        (f"4\n{NOTICES['closing']}", "4", True),
    ],
)
def test_outputs_are_compared_without_what_differs_by_nature(told, fresh, same):
    assert same_output(told, fresh) is same


def _checked(*pairs, **limits):
    return check_blocks([Block(code=code, output=output) for code, output in pairs], limits)


def test_blocks_share_an_interpreter_unless_each_is_fresh():
    pairs = [("x = 5", NOTICES["silent"]), ("x * 2", "10")]
    assert _checked(*pairs) is None
    found = _checked(*pairs, fresh=True)
    assert found is not None and found.check == "output"


def test_what_is_not_repeatable_is_no_disagreement():
    found = _checked(("import time; print(time.perf_counter_ns())", "1"))
    assert found is not None
    assert (found.check, found.disagrees) == ("not_repeatable", False)


def test_an_invented_output_is_found():
    found = _checked(("print(6 * 7)", "42"), ("print(6 * 8)", "49"))
    assert found is not None
    assert (found.check, found.text.strip()) == ("output", "48")
    assert "block 2 of 2" in found.detail
