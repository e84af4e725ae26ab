"""Instruction-following difficulty: keep what a small model finds hard to say after its question (Superfiltering).

After Li et al. 2024: `IFD = exp(mean NLL(A | Q)) / exp(mean NLL(A))` of the first tokens of the answer A by a model of
GPT-2's class. At 1 and above the question does not help, so that the answer hardly belongs to it; of the rest the top
share by IFD is kept (the authors: 5, 10 and 15 %).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..candidates import Candidate
from ..ledger import Ledger
from ..two_pass import Again, Key, Reason, two_passes


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
