"""What is to be sampled: every problem so many times with one strategy, and the ids of those rollouts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..records import Problem, Row, Sampling, rollout_namer
from ..store import Table
from .prompts import PromptTemplate
from .spending import SpendingOptions
from .strategies import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """Problems, a strategy and a model."""

    problems: tuple[Problem, ...]
    strategy: Strategy
    sampling: Sampling
    samples: int = 1
    """Number of rollouts of a problem; with adaptive sampling the maximum."""
    model: str
    weights: str | None = None
    """Suffix that distinguishes the model's weights from others with the same name; part of the ids."""
    budget: SpendingOptions = field(default_factory=SpendingOptions)

    @property
    def template(self) -> PromptTemplate:
        """The strategy's prompt template."""
        return self.strategy.template

    def wanted(self) -> Iterator[tuple[str, Problem, int]]:
        """Yield (rollout id, problem, index), first all problems once, then all a second time.

        Attempts that share a beginning come together, so that it need not be kept for long.
        """
        together, name = self.strategy.group_size, self._namer()
        for start in range(0, self.samples, together):
            for problem in self.problems:
                for index in range(start, min(start + together, self.samples)):
                    yield name(problem, index), problem, index

    def missing(self, table: Table) -> list[tuple[str, Problem, int]]:
        """Return what `wanted` yields and the table lacks, or holds truncated by a smaller cap than the plan's."""
        truncated = self.truncated(table)
        return [task for task in self.wanted() if task[0] not in table or task[0] in truncated]

    def stored_ids(self, table: Table) -> set[str]:
        """Return the ids of wanted rollouts that are stored whole: all that `missing` leaves out."""
        truncated = self.truncated(table)
        return {identifier for identifier, _, _ in self.wanted() if identifier in table and identifier not in truncated}

    def truncated(self, table: Table) -> set[str]:
        """Return the ids of stored rollouts, wanted or not, that a smaller cap than the plan's has truncated."""
        return {head["id"] for head in table.heads() if self.is_truncated(head)}

    def is_truncated(self, row: Row) -> bool:
        """Return whether a stored rollout, or its head, was truncated by a smaller cap than the plan's."""
        return bool(row["finish_reason"] == "length" and row["sampling"]["max_tokens"] < self.sampling.max_tokens)

    def id_of(self, problem: Problem, index: int) -> str:
        """Return a rollout's content id."""
        return self._namer()(problem, index)

    def _namer(self) -> Callable[[Problem, int], str]:
        return rollout_namer(
            strategy=self.strategy.identity(),
            model=self.model,
            weights=self.weights,
            sampling=self.sampling,
            prompt_hash=self.template.hash,
        )
