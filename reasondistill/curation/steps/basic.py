"""The curation steps: each takes candidates, yields the ones that stay and enters the others in the ledger.

A step sees candidates in a fixed order (problems as given, then index), so its result does not depend on the order in
which rollouts were sampled.
"""

from collections.abc import Iterable, Iterator, Mapping

from verifiers import Outcome

from ...records import FinishReason
from ..candidates import Candidate, told
from ..contamination import ContaminationReport
from ..ledger import Ledger
from ..lookup.normalise import text_key
from .decontaminate import Match

Candidates = Iterable[Candidate]

ORDER = (
    "licence",
    "outcome",
    "complete",
    "quality",
    "duplicates",
    "near_duplicates",
    "pass_rate",
    "references",
    "ifd",
    "limit",
    "selection",
    "diversity",
    "small_set",
    "token_budget",
    "decontamination",
)
"""The steps' names in the order in which `select` runs them."""


def keep_outcome(candidates: Candidates, keep: str, ledger: Ledger) -> Iterator[Candidate]:
    """Keep `correct` rollouts, `wrong` ones (incorrect, no answer, timeout), or `all` that were judged.

    What no verifier could decide is never called right or wrong: `undecided` stays only under `all`, `error` never.
    """
    accepted = {
        "correct": {Outcome.CORRECT},
        "wrong": {Outcome.INCORRECT, Outcome.NO_ANSWER, Outcome.TIMEOUT},
        "all": set(Outcome) - {Outcome.ERROR},
    }[keep]
    for candidate in candidates:
        if candidate.verdict.outcome in accepted:
            yield candidate
        else:
            ledger.add(candidate.drop("outcome", candidate.verdict.outcome, candidate.verdict.reason))


def keep_complete(candidates: Candidates, ledger: Ledger) -> Iterator[Candidate]:
    """Drop truncated and empty completions: a student should not learn to stop in the middle.

    So do tool-integrated ones that their strategy has pruned: an answer without an executed block, or made-up output.

    Texts with half of a surrogate pair go too: no tokenizer and no Parquet file takes them.
    """
    for candidate in candidates:
        if not _is_text(candidate):
            ledger.add(candidate.drop("complete", "broken_characters"))
        elif candidate.rollout.finish_reason is FinishReason.LENGTH:
            ledger.add(candidate.drop("complete", "truncated", f"{candidate.rollout.usage.completion_tokens} tokens"))
        elif candidate.rollout.annotations.get("pruned"):
            ledger.add(candidate.drop("complete", "hallucinated_output"))
        elif not candidate.rollout.text.strip():
            ledger.add(candidate.drop("complete", "empty"))
        else:
            yield candidate


def drop_duplicates(candidates: Candidates, ledger: Ledger) -> Iterator[Candidate]:
    """Keep the first of equal traces of one problem, and one problem of equal questions (case and space ignored)."""
    owner: dict[bytes, str] = {}
    seen: dict[bytes, str] = {}
    for candidate in candidates:
        question = text_key(_fold(candidate.problem.question))
        trace = text_key(question.hex() + _fold("\n".join(told(m) for m in candidate.rollout.completion)))
        if owner.setdefault(question, candidate.problem.id) != candidate.problem.id:
            ledger.add(candidate.drop("duplicates", "same_question", owner[question]))
        elif trace in seen:
            ledger.add(candidate.drop("duplicates", "same_trace", seen[trace]))
        else:
            seen[trace] = candidate.rollout.id
            yield candidate


def keep_pass_rate(
    candidates: Candidates, rates: Mapping[str, float], low: float, high: float, ledger: Ledger
) -> Iterator[Candidate]:
    """Keep problems whose pass rate under the reference model lies strictly within the band (open-r1: 0.1 to 0.9)."""
    for candidate in candidates:
        rate = rates.get(candidate.problem.id)
        if rate is None:
            ledger.add(candidate.drop("pass_rate", "unknown"))
        elif low < rate < high:
            yield candidate
        else:
            ledger.add(candidate.drop("pass_rate", "too_easy" if rate >= high else "too_hard", f"{rate:.3f}"))


def keep_unsolved(candidates: Candidates, solved_by: Mapping[str, str], ledger: Ledger) -> Iterator[Candidate]:
    """Drop rollouts of problems that a reference model has solved: too easy to teach by, after s1 (section 2.2).

    `solved_by` names the model by problem.
    """
    for candidate in candidates:
        model = solved_by.get(candidate.problem.id)
        if model is None:
            yield candidate
        else:
            ledger.add(candidate.drop("references", "solved_by_reference", model))


def drop_contaminated(candidates: Candidates, report: ContaminationReport, ledger: Ledger) -> Iterator[Candidate]:
    """Drop rollouts whose question repeats a benchmark's problem; the report tells of each question once."""
    known: dict[bytes, Match | None] = {}
    for candidate in candidates:
        problem, question = candidate.problem, text_key(candidate.problem.question)
        if question not in known:
            known[question] = report.add(problem.id, problem.question).best
        match = known[question]
        if match is None:
            yield candidate
        else:
            evidence = f"{match.benchmark}/{match.problem_id} {match.coverage:.2f}: {match.question}"
            ledger.add(candidate.drop("decontamination", match.reason, evidence))


def _is_text(candidate: Candidate) -> bool:
    problem, messages = candidate.problem, candidate.rollout.messages
    texts = [problem.question, problem.answer or "", *(m.content + (m.reasoning or "") for m in messages)]
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
