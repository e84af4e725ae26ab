"""Combines verifiers: the first that decides, all of them, rules followed by a judge, and the majority's answer.

A verifier is any function of a problem and a completion that returns a verdict, such as `verify`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .dispatch import field_of, verify
from .judge import Complete, judge_answer
from .verdict import BAD_GOLD, Outcome, Verdict

Verifier = Callable[[Any, str], Verdict]
_NUMERIC = ("rational", "canonical", "probing", "sympy")


def first_decided(*verifiers: Verifier) -> Verifier:
    """Return a verifier that gives the first verdict that is neither undecided nor an error, else the last one.

    >>> first_decided(verify)({"answer": "5"}, "5").correct
    True
    """

    return _until(lambda verdict: verdict.correct is not None or verdict.reason.startswith(BAD_GOLD), verifiers)


def all_of(*verifiers: Verifier) -> Verifier:
    """Return a verifier that says correct only where all do: the first verdict that is not, else the last one."""

    return _until(lambda verdict: verdict.outcome is not Outcome.CORRECT, verifiers)


def _until(is_final: Callable[[Verdict], bool], verifiers: Sequence[Verifier]) -> Verifier:
    def verifier(problem: Any, completion: str) -> Verdict:
        for each in verifiers:
            if is_final(verdict := each(problem, completion)):
                break
        return verdict

    return verifier


@dataclass(slots=True)
class ChainCounts:
    """How often the judge after the rules was asked, and its answers."""

    judged: int = 0
    """Verdicts of the chain in all."""
    asked: int = 0
    rescued: int = 0
    """Answers that the rules did not accept and the judge did."""
    confirmed: int = 0
    abstained: int = 0
    failed: int = 0
    """Calls of the judge that ended in an error of our side."""

    @property
    def rescue_rate(self) -> float:
        """Share of the answers put to the judge that it accepted."""
        return self.rescued / self.asked if self.asked else 0.0

    @property
    def error_rate(self) -> float:
        """Share of the answers put to the judge on which it failed."""
        return self.failed / self.asked if self.asked else 0.0


@dataclass(slots=True)
class RulesThenJudge:
    """The default chain: rules, then the judge on the final answer alone where rules do not decide.

    The judge is asked about `undecided` and about wrong answers that are not numbers (words, structure): a number that
    differs stays wrong, so that nothing is talked into being right.
    """

    complete: Complete | None = None
    """The judge's model; None: rules only."""
    rules: Verifier = verify
    name: str = "judge"
    counts: ChainCounts = field(default_factory=ChainCounts)

    def __call__(self, problem: Any, completion: str) -> Verdict:
        """Return the rules' verdict, or the judge's where it was asked and decided."""
        verdict = self.rules(problem, completion)
        self.counts.judged += 1
        is_open = verdict.outcome is Outcome.UNDECIDED or (
            verdict.outcome is Outcome.INCORRECT and not verdict.method.endswith(_NUMERIC)
        )
        if self.complete is None or verdict.extracted is None or verdict.expected is None or not is_open:
            return verdict
        question = str(field_of(problem, "question") or "")
        found = judge_answer(question, verdict.extracted, verdict.expected, self.complete, name=self.name)
        self.counts.asked += 1
        self.counts.failed += found.outcome is Outcome.ERROR
        self.counts.abstained += found.outcome is Outcome.UNDECIDED
        self.counts.rescued += found.outcome is Outcome.CORRECT
        self.counts.confirmed += found.outcome is Outcome.INCORRECT
        return verdict if found.correct is None else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Majority:
    """The answer that most completions of a group give."""

    answer: str | None
    """As the first of them wrote it; None where no completion has one, or two answers are equally frequent."""
    share: float
    """Share of all completions of the group, including those without an answer."""
    n: int


def majority_label(completions: Sequence[str], *, threshold: float = 0.0) -> Majority:
    r"""Return the majority's answer over a group, equal answers counted together however they are written.

    Below the threshold, and at a tie, there is no label.

    >>> majority_label(["\\boxed{0.5}", "\\boxed{\\frac{1}{2}}", "\\boxed{3}"])
    Majority(answer='0.5', share=0.6666666666666666, n=3)
    """
    from .math.equal_answers import group_answers
    from .math.extract import extract

    answers = [extract(completion, strict=True).text for completion in completions]
    classes = group_answers(answers)
    counts = Counter(number for number in classes if number is not None).most_common(2)
    n = len(completions)
    if not counts:
        return Majority(answer=None, share=0.0, n=n)
    (first, size), share = counts[0], counts[0][1] / n
    tied = len(counts) > 1 and counts[1][1] == size
    return Majority(answer=None if tied or share < threshold else answers[classes.index(first)], share=share, n=n)
