"""Quality filters: faults that make a right rollout a bad one to learn from, each with a switch.

Truncated, empty and pruned completions are dropped earlier (`complete`). A check looks at one rollout alone, so the
order of the rollouts makes no difference.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from verifiers.boxes import joined_boxes, last_boxed
from verifiers.steps import Judged, check_steps

from ...records import Kind
from ..candidate_source import Candidate
from ..curation_step import Context, CurationStep, Reason
from ..lookup.normalise import normalise, spaced_words

_GRAM = 8
_MIN_LOOP_WORDS = 60
"""Words below which nothing counts as a loop."""
_MAX_BOXES = 20
_MIN_FOREIGN_LETTERS = 3
"""Letters of another script that count as a second language: one or two are a name or a symbol."""
_MATHEMATICAL = {"LATIN", "GREEK", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER", "MICRO", "FEMININE"}
_FIGURE = re.compile(
    r"\[asy\]|\\includegraphics|\\begin\{(?:tikzpicture|asy)\}|<image|!\[[^\]]*\]\("
    r"|\b(?:figure|diagram|picture|graph)\s+(?:below|above)\b|\bin\s+the\s+(?:figure|diagram|picture)\b"
    r"|\bas\s+shown\b|\bshown\s+(?:below|in\s+the\s+(?:figure|diagram|picture|graph))\b",
    re.IGNORECASE,
)
_OUTPUT = re.compile(r"^\s*```output\b", re.MULTILINE)
_SPYING = re.compile(
    r"open\(\s*__file__|\binspect\.(?:getsource\w*|stack|currentframe)|\bsys\._getframe|\bgc\.get_(?:objects|referrers)"
    r"|/proc/self|\bsys\.modules\[\s*['\"]__main__|\bimport\s+__main__|\bglobals\(\)\s*\[\s*['\"](?:check|candidate|test)"
    r"|\btraceback\.extract_stack|open\([^)\n]*\btest"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityOptions:
    """Switches and thresholds of the quality filters; the recipe's `curate.quality`. All are off by default."""

    need_answer: bool = False
    """Filter of mathematics without an extracted answer (under `keep: all`)."""
    one_answer: bool = False
    """Filter of completions with several different boxed answers that do not form a list."""
    repetition: Annotated[float, Ge(0), Le(1)] | None = None
    """Share of word 8-grams that repeat an earlier one, above which a completion is a loop; 0.5 is usual."""
    foreign_letters: Annotated[float, Ge(0), Le(1)] | None = None
    """Share of letters in a script that the question does not use, above which languages are mixed; 0.01 is usual."""
    no_figures: bool = False
    """Filter of questions that need a figure."""
    right_steps: bool = False
    """Filter of mathematics with a false equation (verifiers.steps). Code is not checked."""
    no_made_up_output: bool = False
    """Filter of completions in which the assistant itself wrote a block of tool output."""
    no_spying: bool = False
    """Filter of programs that read their tests or their own source."""

    @property
    def is_on(self) -> bool:
        """Whether some filter is on."""
        return self != QualityOptions()


Check = Callable[[Candidate, QualityOptions], str | None]
"""Returns the evidence against a rollout, or None."""


class Quality(CurationStep):
    """Drop rollouts that fail a check that is on; the first failed check is the reason in the ledger."""

    name = "quality"
    Options = QualityOptions
    options: QualityOptions

    def fault(self, candidate: Candidate, _context: Context) -> Reason | None:
        """Return the first failed check and its evidence."""
        for reason, (option, check) in CHECKS.items():
            if getattr(self.options, option) and (evidence := check(candidate, self.options)) is not None:
                return reason, evidence
        return None


def repeated_share(text: str) -> float:
    """Return the share of word 8-grams that repeat an earlier one; 0 for short texts.

    >>> repeated_share("so the answer is two and we are done " * 20) > 0.9
    True
    """
    words = spaced_words(text)
    if len(words) < _MIN_LOOP_WORDS:
        return 0.0
    grams = [tuple(words[i : i + _GRAM]) for i in range(len(words) - _GRAM + 1)]
    return 1 - len(set(grams)) / len(grams)


def _several_answers(candidate: Candidate, _options: QualityOptions) -> str | None:
    text = candidate.rollout.text
    joined, rest = normalise(joined_boxes(text) or ""), text
    boxes: list[str] = []
    for _ in range(_MAX_BOXES):
        if (box := last_boxed(rest)) is None:
            break
        # A box that the question prints is a blank to fill in, not an answer.
        if f"boxed{{{box}}}" not in candidate.problem.question:
            boxes.append(box)
        rest = rest[: max(rest.rfind("\\boxed"), rest.rfind("\\fbox"), 0)]
    others = {normalise(box) for box in boxes}
    if len(others) < 2 or all(other in joined for other in others):
        return None
    return " | ".join(dict.fromkeys(reversed(boxes)))


def _loops(candidate: Candidate, options: QualityOptions) -> str | None:
    text = candidate.rollout.written
    share = repeated_share(text)
    if share <= (options.repetition or 0):
        return None
    words = spaced_words(text)
    gram, times = Counter(" ".join(words[i : i + _GRAM]) for i in range(len(words) - _GRAM + 1)).most_common(1)[0]
    return f"{share:.2f} of the 8-grams repeat; {times} times: {gram}"


def _mixes_languages(candidate: Candidate, options: QualityOptions) -> str | None:
    expected = _MATHEMATICAL | {_script(c) for c in candidate.problem.question if c.isalpha()}
    text = candidate.rollout.written
    foreign = Counter(_script(c) for c in text if ord(c) > 0x24F and c.isalpha()) if not text.isascii() else Counter()
    for script in expected:
        del foreign[script]
    letters = sum(c.isalpha() for c in text)
    if foreign.total() < _MIN_FOREIGN_LETTERS or foreign.total() <= (options.foreign_letters or 0) * letters:
        return None
    return f"{foreign.total()} of {letters} letters: {', '.join(sorted(foreign)).lower()}"


def _wrong_step(candidate: Candidate, _options: QualityOptions) -> str | None:
    if candidate.problem.kind is not Kind.MATH:
        return None
    steps = check_steps(candidate.rollout.written).steps
    return next((f"{s.text}: {s.reason}" for s in steps if s.judged is Judged.FALSE), None)


def _makes_up_output(candidate: Candidate, _options: QualityOptions) -> str | None:
    for message in candidate.rollout.completion:
        if message.role == "assistant" and (found := _OUTPUT.search(message.content)):
            return message.content[found.start() : found.start() + 80].strip()
    return None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    return found[0] if (found := pattern.search(text)) else None


def _script(letter: str) -> str:
    """Return the first word of a letter's Unicode name, such as LATIN, CJK or CYRILLIC."""
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0]


CHECKS: dict[str, tuple[str, Check]] = {
    "no_answer": (
        "need_answer",
        lambda c, _: "nothing was extracted" if c.problem.kind is Kind.MATH and not c.verdict.extracted else None,
    ),
    "several_answers": ("one_answer", _several_answers),
    "loop": ("repetition", _loops),
    "mixed_languages": ("foreign_letters", _mixes_languages),
    "figure": ("no_figures", lambda c, _: _first(_FIGURE, c.problem.question)),
    "wrong_step": ("right_steps", _wrong_step),
    "made_up_output": ("no_made_up_output", _makes_up_output),
    "spying_code": ("no_spying", lambda c, _: _first(_SPYING, c.rollout.text) if c.problem.kind is Kind.CODE else None),
}
"""Checks by their reason in the ledger, each with the option that turns it on. They run in this order."""
