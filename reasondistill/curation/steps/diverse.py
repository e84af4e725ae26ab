"""Keep a subset of rollouts that best covers all (facility location); see `lookup.facility`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from ..curation_step import Context, Reason
from ..lookup.embedding import TFIDF, embed
from .choosing import ChoosingStep, SizedKey, all_but


@dataclass(frozen=True, slots=True, kw_only=True)
class DiverseOptions:
    """Options of the step."""

    count: Annotated[int, Ge(1)] = 1000
    """Rollouts to keep; the recipe's `curate.diverse`."""
    embedding: str = TFIDF
    """Vectors of the texts: `tfidf`, or a model whose hidden states are averaged."""


class Diverse(ChoosingStep):
    """Keep `count` rollouts by facility location over vectors of question and completion.

    The ids decide among equals, so the order of the rollouts does not matter. Raises RecipeError and ModelError as
    `embed` does.
    """

    name = "diversity"
    Options = DiverseOptions
    options: DiverseOptions

    def refuse(self, keys: Sequence[SizedKey], context: Context) -> Mapping[str, Reason]:
        """Leave out the rollouts that are near to a chosen one."""
        count, embedding = self.options.count, self.options.embedding
        if len(keys) <= count:
            return {}
        from ..lookup.facility import choose_near_all  # loads numpy, which most runs need not wait for

        ids = [key.rollout_id for key in keys]
        texts = (f"{one.problem.question}\n{one.completion_text}" for one in context.source.only(set(ids)))
        vectors = embed(texts, embedding)
        order = sorted(range(len(ids)), key=ids.__getitem__)
        chosen = {ids[order[row]] for row in choose_near_all(vectors[order], count, seed=context.seed)}
        return all_but(chosen, keys, "near_another", f"{len(chosen)} of {len(ids)} kept, vectors by {embedding}")
