"""What the steps that choose a subset share: keys with numbers to choose by, and the drops of the rest.

A choice depends on ids, texts and the seed alone, not on the order of the rollouts; the chosen ones keep their order.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...records import Problem
from ..candidate_source import Candidate, Key, full_text
from ..curation_step import Context
from ..lookup.normalise import words
from ..two_pass import Reason, two_passes


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedKey(Key):
    """A key with the numbers that a choice compares."""

    tokens: int = 0
    characters: int = 0
    domain: str = ""
    shingles: int = 0
    """Number of the completion's 3-grams in a `Shingles` file."""


Choice = Callable[[Sequence[SizedKey]], tuple[set[str], str]]
"""Returns the chosen rollout ids, and the evidence for leaving out the others."""


def choose(
    candidates: Iterable[Candidate],
    describe: Callable[[Candidate], SizedKey],
    choice: Choice,
    context: Context,
    *,
    step: str,
    reason: str,
) -> Iterator[Candidate]:
    """Yield the candidates that the choice names; the others become drops with this step and reason."""

    def refuse(keys: Sequence[SizedKey]) -> dict[str, Reason]:
        chosen, evidence = choice(keys)
        why = Reason(reason, evidence)
        return {key.rollout_id: why for key in keys if key.rollout_id not in chosen}

    return two_passes(candidates, describe, refuse, context, step)


def tokens_of(candidate: Candidate) -> int:
    """Return the completion's tokens; where no engine counted them, its words and signs."""
    tokens = candidate.rollout.usage.completion_tokens
    return tokens or sum(len(words(full_text(message))) for message in candidate.rollout.completion)


def domain_of(problem: Problem, key: str) -> str:
    """Return a problem's domain: a key of its metadata, or its source where the key is missing.

    >>> domain_of(Problem(id="p", question="?", source="s", metadata={"subject": "Algebra"}), "subject")
    'Algebra'
    """
    return str(problem.metadata.get(key) or problem.source)


def longest_first(keys: Iterable[SizedKey]) -> list[SizedKey]:
    """Return the keys by falling length; among equals the ids decide."""
    return sorted(keys, key=lambda key: (-key.tokens, key.rollout_id))
