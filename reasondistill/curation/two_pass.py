"""Choosing in two passes: the first looks at all candidates and holds keys, the second reads the chosen ones."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .candidate_source import Candidate, Key
from .curation_step import Context
from .ledger import Drop

K = TypeVar("K", bound=Key)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a candidate is left out."""

    name: str
    evidence: str = ""


def two_passes(
    candidates: Iterable[Candidate],
    describe: Callable[[Candidate], K],
    refuse: Callable[[Sequence[K]], Mapping[str, Reason]],
    context: Context,
    step: str,
) -> Iterator[Candidate]:
    """Yield the candidates that `refuse` accepts; the others become drops of this step.

    `refuse` sees the keys of all candidates and returns its reasons by rollout id.
    """
    keys = [describe(candidate) for candidate in candidates]
    refused = refuse(keys)
    for key in keys:
        if (why := refused.get(key.rollout_id)) is not None:
            context.ledger.add(
                Drop(
                    rollout_id=key.rollout_id,
                    problem_id=key.problem_id,
                    step=step,
                    reason=why.name,
                    evidence=why.evidence,
                )
            )
    kept = {key.rollout_id for key in keys if key.rollout_id not in refused}
    del keys
    yield from context.source.only(kept)
