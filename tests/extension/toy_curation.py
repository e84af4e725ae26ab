"""A curation step of one's own: keep traces that mention a word."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionsOptions:
    """Options of the step."""

    word: str = "so"
    """Word that a kept trace contains."""


class Mentions:
    """Drop the rollouts whose text lacks the word."""

    name = "mentions"
    Options = MentionsOptions

    def __init__(self, options):
        self._word = options.word

    def __call__(self, candidates, context):
        """Yield the candidates whose text has the word; the others go to the ledger."""
        for candidate in candidates:
            if self._word in candidate.rollout.text:
                yield candidate
            else:
                context.ledger.add(candidate.drop(self.name, f"no {self._word!r}"))
