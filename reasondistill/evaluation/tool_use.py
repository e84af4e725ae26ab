"""How tool-integrated rollouts used their interpreter, counted from the marks that the strategy left on them."""

from collections import Counter
from collections.abc import Iterable

from ..records import Rollout, Row
from .statistics import wilson

_COUNTED = ("executions", "failed_executions", "invented_outputs", "unexecuted_blocks")
_FLAGS = ("unexecuted_answer", "pruned")


def tool_use(rollouts: Iterable[Rollout]) -> Row | None:
    """Return sums over the rollouts and the share that executed a block; None where none is tool-integrated.

    >>> from ..records import FinishReason, Sampling
    >>> given = dict(problem_id="p", index=0, strategy="tir", messages=(), finish_reason=FinishReason.STOP, model="m")
    >>> given |= dict(engine="e", sampling=Sampling(), prompt_hash="h")
    >>> marks = {"executions": 2, "failed_executions": 1}, {"executions": 0, "unexecuted_answer": True}
    >>> row = tool_use(Rollout(id=str(i), marks=m, **given) for i, m in enumerate(marks))
    >>> row["executed"]["value"], row["executions"], row["failed_executions"], row["unexecuted_answer"]
    (0.5, 2, 1, 1)
    """
    rollouts = [rollout for rollout in rollouts if rollout.strategy == "tir"]
    if not rollouts:
        return None
    marks = [rollout.marks for rollout in rollouts]
    row: Row = {"executed": wilson(sum(m.get("executions", 0) > 0 for m in marks), len(marks)).to_row()}
    row |= {name: sum(m.get(name, 0) for m in marks) for name in _COUNTED}
    row |= {name: sum(bool(m.get(name)) for m in marks) for name in _FLAGS}
    return {**row, "stopped": dict(Counter(m["stopped"] for m in marks if m.get("stopped")))}
