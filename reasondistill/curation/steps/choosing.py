"""Base of the steps that choose among all candidates, and the numbers that they choose by.

A choice depends on ids, texts and the seed alone, not on the order of the rollouts; the chosen ones keep their order.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..candidate_source import Candidate, Key
from ..curation_step import Context, CurationStep, Reason
from ..lookup.normalise import words


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedKey(Key):
    """A key with the numbers that a choice compares."""

    tokens: int = 0
    characters: int = 0
    domain: str = ""


class ChoosingStep(CurationStep):
    """A step of two passes: the first looks at all candidates and holds keys, the second reads the chosen ones."""

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Yield the candidates that `refuse` accepts; the others become drops of this step."""
        keys = [self.describe(candidate) for candidate in candidates]
        refused = self.refuse(keys, context)
        for key in keys:
            if (why := refused.get(key.rollout_id)) is not None:
                context.ledger.add(key.drop(self.name, *why))
        kept = {key.rollout_id for key in keys if key.rollout_id not in refused}
        del keys
        yield from context.source.only(kept)

    def describe(self, candidate: Candidate) -> SizedKey:
        """Return what the choice needs to know of a candidate."""
        return SizedKey(rollout_id=candidate.rollout.id, problem_id=candidate.problem.id)

    def refuse(self, keys: Sequence[SizedKey], context: Context) -> Mapping[str, Reason]:
        """Return the reasons by rollout id; `keys` are those of all candidates."""
        raise NotImplementedError


def all_but(chosen: Collection[str], keys: Iterable[Key], reason: str, evidence: str) -> dict[str, Reason]:
    """Return the same reason for every key whose rollout is not chosen."""
    return {key.rollout_id: (reason, evidence) for key in keys if key.rollout_id not in chosen}


def tokens_of(candidate: Candidate) -> int:
    """Return the completion's tokens; where no engine counted them, its words and signs."""
    return candidate.rollout.usage.completion_tokens or len(words(candidate.completion_text))


def domain_of(candidate: Candidate, key: str) -> str:
    """Return the problem's domain: a key of its metadata, or its source where the key is missing."""
    return str(candidate.problem.metadata.get(key) or candidate.problem.source)


def longest_first(keys: Iterable[SizedKey]) -> list[SizedKey]:
    """Return the keys by falling length; among equals the ids decide."""
    return sorted(keys, key=lambda key: (-key.tokens, key.rollout_id))


def by_domain(keys: Iterable[SizedKey]) -> dict[str, list[SizedKey]]:
    """Return the keys of each domain, in their order."""
    domains: dict[str, list[SizedKey]] = defaultdict(list)
    for key in keys:
        domains[key.domain].append(key)
    return domains
