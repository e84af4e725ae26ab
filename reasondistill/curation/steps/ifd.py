"""Instruction-following difficulty: keep answers that a small model finds hard to write after their question.

Superfiltering (Li et al. 2024): `IFD = exp(mean NLL(A | Q)) / exp(mean NLL(A))` over the first tokens of the answer A,
under a model of GPT-2's class. At 1 and above the question does not help, so the answer hardly belongs to it; of the
rest the top share by IFD is kept (5, 10 and 15 % in the paper).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from ..curation_step import Context, Reason
from .choosing import ChoosingStep, SizedKey


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


class Ifd(ChoosingStep):
    """Keep the share of the rollouts with the highest IFD below 1.

    A share of n rollouts is rounded up to whole ones. Among equals the ids decide.
    """

    name = "ifd"
    Options = IfdOptions
    options: IfdOptions

    def refuse(self, keys: Sequence[SizedKey], context: Context) -> Mapping[str, Reason]:
        """Leave out all but the top of `context.measured.ifd`."""
        refused: dict[str, Reason] = {}
        ranked: list[tuple[float, str]] = []
        for key in keys:
            score = context.measured.ifd.get(key.rollout_id)
            if score is None or not math.isfinite(score):
                refused[key.rollout_id] = "no_ifd", ""
            elif score >= 1:
                refused[key.rollout_id] = "question_does_not_help", f"{score:.4f}"
            else:
                ranked.append((-score, key.rollout_id))
        top = math.ceil(round(self.options.share * len(keys), 9))
        for score, identifier in sorted(ranked)[top:]:
            refused[identifier] = "low_ifd", f"{-score:.4f}; the top {top} of {len(keys)} stay"
        return refused
