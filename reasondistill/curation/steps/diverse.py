"""Keep a subset of rollouts that best covers all (facility location); see `lookup.facility`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from annotated_types import Ge

from ..candidate_source import Candidate, Key, full_text
from ..curation_step import Context
from ..lookup.embedding import TFIDF, embed
from ..two_pass import Reason, two_passes

if TYPE_CHECKING:
    from ..options import CurateOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class DiverseOptions:
    """Options of the step."""

    count: Annotated[int, Ge(1)] = 1000
    """Rollouts to keep; the recipe's `curate.diverse`."""
    embedding: str = TFIDF
    """Vectors of the texts: `tfidf`, or a model whose hidden states are averaged."""


@dataclass(frozen=True, slots=True)
class Diverse:
    """Keep `count` rollouts by facility location over vectors of question and completion.

    The ids decide among equals, so the order of the rollouts does not matter. Raises RecipeError and ModelError as
    `embed` does.
    """

    options: DiverseOptions
    name: ClassVar[str] = "diversity"
    Options: ClassVar[type[DiverseOptions]] = DiverseOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self | None:
        """Return the step where a number is set."""
        if curate.diverse is None:
            return None
        return cls(DiverseOptions(count=curate.diverse, embedding=curate.embedding))

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        count, embedding = self.options.count, self.options.embedding

        def refuse(keys: Sequence[Key]) -> Mapping[str, Reason]:
            if len(keys) <= count:
                return {}
            from ..lookup.facility import choose_near_all  # loads numpy, which most runs need not wait for

            ids = [key.rollout_id for key in keys]
            vectors = embed(map(_text, context.source.only(set(ids))), embedding)
            order = sorted(range(len(ids)), key=ids.__getitem__)
            chosen = {ids[order[row]] for row in choose_near_all(vectors[order], count, seed=context.seed)}
            why = Reason("near_another", f"{len(chosen)} of {len(ids)} kept, vectors by {embedding}")
            return {identifier: why for identifier in ids if identifier not in chosen}

        return two_passes(candidates, Key.of, refuse, context, self.name)


def _text(candidate: Candidate) -> str:
    return "\n".join((candidate.problem.question, *map(full_text, candidate.rollout.completion)))
