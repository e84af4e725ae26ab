"""The step that keeps the rollouts which together stand nearest to all: see `facility`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..candidates import Candidate, told
from ..ledger import Ledger
from ..lookup.embedding import TFIDF, embed
from ..two_pass import Again, Key, Reason, two_passes


def choose_diverse(
    candidates: Iterable[Candidate],
    count: int,
    ledger: Ledger,
    *,
    embedding: str = TFIDF,
    seed: int = 0,
    again: Again | None = None,
) -> Iterator[Candidate]:
    """Keep `count` rollouts by facility location over vectors of question and completion.

    The ids decide among equals, so that the order in which rollouts come does not matter. Raises RecipeError and
    ModelError as `embed` does.
    """

    def refuse(keys: Sequence[Key], again: Again) -> Mapping[str, Reason]:
        if len(keys) <= count:
            return {}
        from ..lookup.facility import choose_near_all  # loads numpy, which most runs need not wait for

        vectors = embed(map(_text, again({key.id for key in keys})), embedding)
        order = sorted(range(len(keys)), key=lambda row: keys[row].id)
        chosen = {keys[order[row]].id for row in choose_near_all(vectors[order], count, seed=seed)}
        why = Reason("near_another", f"{len(chosen)} of {len(keys)} kept, vectors by {embedding}")
        return {key.id: why for key in keys if key.id not in chosen}

    return two_passes(candidates, Key.of, refuse, ledger, "diversity", again)


def _text(candidate: Candidate) -> str:
    return "\n".join((candidate.problem.question, *map(told, candidate.rollout.completion)))
