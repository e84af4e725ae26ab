"""Where a rollout's text is parted into thinking and answer."""

import pytest

from reasondistill.export.examples import split_at_box, thinking_before_box
from reasondistill.records import Message


@pytest.mark.parametrize(
    ("text", "reasoning", "content"),
    [
        ("The bag holds 3 * 4 = 12.\n\\boxed{12}", "The bag holds 3 * 4 = 12.", "\\boxed{12}"),
        ("One.\nTwo.\n\nSo it is \\boxed{2}.\n", "One.\nTwo.", "So it is \\boxed{2}.\n"),
        ("\\boxed{1}\nNo:\n\\boxed{2}", "\\boxed{1}\nNo:", "\\boxed{2}"),
        ("It is \\boxed{2}.", None, "It is \\boxed{2}."),
        ("\n\\boxed{2}", None, "\n\\boxed{2}"),
        ("no box\nat all", None, "no box\nat all"),
        ("", None, ""),
    ],
)
def test_the_line_of_the_last_box_is_the_answer(text, reasoning, content):
    parted = split_at_box(Message(role="assistant", content=text))
    assert (parted.reasoning, parted.content) == (reasoning, content)


def test_thinking_that_is_there_stays(make_problem, make_rollout):
    message = Message(role="assistant", content="a\n\\boxed{1}", reasoning="b")
    rollout = make_rollout(make_problem(), messages=(Message(role="user", content="?"), message))
    assert thinking_before_box(rollout) == rollout
