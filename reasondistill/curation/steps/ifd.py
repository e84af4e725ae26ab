"""Instruction-following difficulty: keep what a small model finds hard to say after its question (Superfiltering).

After Li et al. 2024: `IFD = exp(mean NLL(A | Q)) / exp(mean NLL(A))` of the first tokens of the answer A by a model of
GPT-2's class. At 1 and above the question does not help, so that the answer hardly belongs to it; of the rest the top
share by IFD is kept (the authors: 5, 10 and 15 %).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from ..candidates import Candidate
from ..ledger import Ledger
from ..two_pass import Again, Key, Reason, two_passes


@dataclass(frozen=True, slots=True, kw_only=True)
class IfdOptions:
    """Options of instruction-following difficulty; the recipe's `curate.ifd`."""

    model: str | None = None
    """Small model that scores: catalogue name, hub id or directory. None turns the step off."""
    engine: Literal["auto", "vllm", "transformers"] = "auto"
    """Engine that can score."""
    share: Annotated[float, Gt(0), Le(1)] = 0.1
    """Share of the rollouts that is kept: those with the highest IFD below 1."""
    max_tokens: Annotated[int, Ge(1)] = 1024
    """Tokens of a completion that are scored; the rest is ignored (Li et al. 2024)."""


def ifd(after_question: float, alone: float) -> float:
    """Return the IFD of an answer from its two mean negative log-likelihoods, in nats a token.

    >>> round(ifd(1.0, 1.5), 4)
    0.6065
    """
    return math.exp(after_question - alone)


def keep_ifd(
    candidates: Iterable[Candidate],
    scores: Mapping[str, float | None],
    share: float,
    ledger: Ledger,
    *,
    again: Again | None = None,
) -> Iterator[Candidate]:
    """Keep the `share` of the rollouts with the highest IFD below 1; `scores` has it by rollout, None for no number.

    A share of n rollouts is rounded up to whole ones. Among equals the ids decide.
    """

    def refuse(keys: Sequence[Key], _again: Again) -> Mapping[str, Reason]:
        refused: dict[str, Reason] = {}
        ranked: list[tuple[float, str]] = []
        for key in keys:
            score = scores.get(key.id)
            if score is None or not math.isfinite(score):
                refused[key.id] = Reason("no_ifd")
            elif score >= 1:
                refused[key.id] = Reason("question_does_not_help", f"{score:.4f}")
            else:
                ranked.append((-score, key.id))
        most = math.ceil(round(share * len(keys), 9))
        for score, identifier in sorted(ranked)[most:]:
            refused[identifier] = Reason("low_ifd", f"{-score:.4f}; the top {most} of {len(keys)} stay")
        return refused

    return two_passes(candidates, Key.of, refuse, ledger, "ifd", again)
