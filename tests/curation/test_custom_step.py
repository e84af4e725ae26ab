"""A curation step of your own, named in `curate.custom`: its options are checked, and its drops are in the ledger."""

import pytest

from reasondistill.curation.options import CurateOptions
from reasondistill.curation.select import make_steps, select
from reasondistill.errors import RecipeError
from reasondistill.store.options import read_options

SHORT = """
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    words: Annotated[int, Ge(1)] = 5


class Short:
    name = "short"
    Options = Options

    def __init__(self, options):
        self.options = options

    def __call__(self, candidates, context):
        for candidate in candidates:
            words = len(candidate.rollout.text.split())
            if words <= self.options.words:
                yield candidate
            else:
                context.ledger.add(candidate.drop(self.name, "too_long", f"{words} words"))
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    """A module of the user's with one step."""
    (tmp_path / "my_steps.py").write_text(SHORT)
    monkeypatch.syspath_prepend(tmp_path)


def _options(*custom, **options):
    return read_options(CurateOptions, {"custom": list(custom), **options}, key="curate")


def test_it_runs_before_the_steps_that_choose(candidate):
    candidates = [candidate(0, 0, text="one two three"), candidate(0, 1, text="one two"), candidate(1, 0, text="one")]
    steps = make_steps(_options({"name": "my_steps:Short", "words": 2}, max_per_problem=1))
    names = [step.name for step in steps]
    assert names.index("short") + 1 == names.index("limit")
    selection = select(candidates, steps)
    assert list(selection.kept.ids) == ["p0-1", "p1-0"]
    assert [(d.step, d.reason, d.evidence) for d in selection.ledger.drops] == [("short", "too_long", "3 words")]
    assert [(row.stage, row.kept) for row in selection.waterfall] == [("short", 2)]


@pytest.mark.parametrize(
    ("custom", "line"),
    [
        ({"name": "my_steps:Short", "words": 0}, "curate.custom.words must be at least 1, got 0"),
        ({"name": "my_steps:Short", "wrods": 1}, "unknown key curate.custom.wrods"),
        ({"name": "my_steps:Long"}, "module my_steps has no Long"),
        ("qality", "did you mean quality"),
    ],
)
def test_a_mistake_is_one_line(custom, line):
    with pytest.raises(RecipeError, match=line) as raised:
        make_steps(_options(custom))
    assert "\n" not in str(raised.value)
