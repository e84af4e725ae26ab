"""One entry for every kind of problem: reads kind and reference, and hands over to the verifier for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

from .verdict import Outcome, Verdict

if TYPE_CHECKING:
    from .math.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOptions:
    """How cases are judged."""

    strict: bool = False
    """Mathematics: only a marked answer counts."""
    timeout: float = 2.0
    """Mathematics: seconds of processor time that a comparison may take."""
    policy: "Policy | None" = None
    """Mathematics: what counts as the same answer; None is the default policy."""
    isolation: str = "auto"
    """Code: auto, full or flat."""


DEFAULT_OPTIONS = CaseOptions()


class Case(NamedTuple):
    """A problem and a completion, as `verify` takes them, and how to judge."""

    problem: Any
    completion: Any
    options: CaseOptions = DEFAULT_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class MathCase:
    """A completion and the reference answer."""

    completion: str
    answer: str

    def judge(self, options: CaseOptions) -> Verdict:
        """Return the verdict."""
        from .math.grading import grade
        from .math.policy import DEFAULT

        policy = options.policy or DEFAULT
        return grade(self.completion, self.answer, strict=options.strict, timeout=options.timeout, policy=policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCase:
    """A completion and the problem that holds the tests."""

    completion: str
    problem: Any

    def judge(self, options: CaseOptions) -> tuple[Verdict, str]:
        """Return the verdict and the isolation that the program ran under, "" if none ran."""
        from .code import BadTests, code_problem, judge_code

        try:
            read = code_problem(self.problem)
            judged = judge_code(self.completion, read.tests, prompt=read.prompt, isolation=options.isolation)
        except BadTests as error:
            return error_verdict(f"bad_gold: {error}"), ""
        except Exception as error:  # noqa: BLE001 - a fault of ours is a verdict that says so, and ends no run of millions
            return error_verdict(f"verifier_failed: {type(error).__name__}: {error}"[:300]), ""
        return judged.verdict, judged.isolation


def verify(problem: Any, completion: str) -> Verdict:
    """Judge a completion against a problem: a mapping or an object with `kind` and `answer` (or `tests`).

    Without `kind` it is mathematics. Never raises for what the problem or the completion hold: an unusable reference is
    the outcome `error` with a reason that starts with `bad_gold`, another unusable input one with `bad_input`.

    >>> verify({"kind": "math", "answer": "5"}, "So the answer is 5.").outcome
    <Outcome.CORRECT: 'correct'>
    """
    return verify_case(Case(problem, completion))


def verify_case(case: Case) -> Verdict:
    """Judge as `verify` does, with options."""
    read = read_case(case)
    if isinstance(read, MathCase):
        return read.judge(case.options)
    return read.judge(case.options)[0] if isinstance(read, CodeCase) else read


def read_case(case: Case) -> MathCase | CodeCase | Verdict:
    """Return a case ready to be judged, or the verdict on one that cannot be judged."""
    problem, completion, _ = case
    kind = str(field_of(problem, "kind") or "math")
    if not isinstance(completion, str):
        return error_verdict(f"bad_input: the completion must be text, got {type(completion).__name__}")
    if kind == "code":
        return CodeCase(completion=completion, problem=problem)
    if kind != "math":
        return error_verdict(f"bad_input: kind must be math or code, got {kind!r}")
    answer = field_of(problem, "answer")
    if not isinstance(answer, str):
        if isinstance(answer, Real) and not isinstance(answer, bool):
            return MathCase(completion=completion, answer=str(answer))
        return error_verdict(f"bad_gold: the answer of a math problem must be text, got {type(answer).__name__}")
    return MathCase(completion=completion, answer=answer)


def field_of(row: Any, name: str) -> Any:
    """Return a field of a mapping, or an attribute of another object; None if it has none."""
    return row.get(name) if isinstance(row, dict | Mapping) else getattr(row, name, None)


def error_verdict(reason: str) -> Verdict:
    """Return the verdict on a case that could not be judged."""
    return Verdict(outcome=Outcome.ERROR, reason=reason)
