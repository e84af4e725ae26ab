"""What decontamination and labels told, from the run folder's JSON to what the page shows."""

from collections.abc import Iterator

from ..curation.steps.decontaminate import ANY_HIT
from ..records import Estimate, Row
from .data import BenchmarkHits, ContaminationView, MatchView, VerifierRate

MATCHES = 200
"""Matches that the page shows side by side; all stand in decontamination.json."""
_LETTERS = 2000
_RULES = [f"any {n}-gram" for n in ANY_HIT]
_RATES = {
    "true_accept": "accepted of the rollouts labelled right",
    "false_accept": "accepted of the rollouts labelled wrong",
}


def contamination_row(found: Row) -> Row:
    """Return what report.json says of a decontamination: its counts, and how many matches there are."""
    return {key: value for key, value in found.items() if key not in ("schema", "matches")} | {
        "matches": len(found["matches"])
    }


def contamination_view(found: Row) -> ContaminationView:
    """Return what the page shows of a decontamination."""
    return ContaminationView(
        questions=found["questions"],
        flagged=found["flagged"],
        benchmarks=[_hits(name, counts, found["questions"]) for name, counts in found["benchmarks"].items()],
        rules=_RULES,
        matches=[_match(match) for match in found["matches"][:MATCHES]],
        more=max(0, len(found["matches"]) - MATCHES),
    )


def verifier_rates(agreement: Row) -> Iterator[VerifierRate]:
    """Yield the verifier's rates against labels, where rollouts came with some."""
    for name, label in _RATES.items():
        if name in agreement:
            yield VerifierRate(label=label, estimate=Estimate.from_row(agreement[name]))


def _hits(name: str, counts: Row, questions: int) -> BenchmarkHits:
    return BenchmarkHits(
        name=name,
        problems=counts["problems"],
        repeated=counts["benchmark_problems"],
        of=questions,
        dropped=counts["questions"],
        others={rule: counts[f"any_{n}_gram"]["questions"] for rule, n in zip(_RULES, ANY_HIT, strict=True)},
    )


def _match(match: Row) -> MatchView:
    return MatchView(
        benchmark=match["benchmark"],
        reason=match["reason"],
        share=match["coverage"],
        question_id=str(match["id"]),
        question=match["question"][:_LETTERS],
        benchmark_id=str(match["benchmark_id"]),
        benchmark_question=match["benchmark_question"][:_LETTERS],
    )
