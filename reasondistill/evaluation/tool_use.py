"""How rollouts used an interpreter, counted from the annotations of their strategy."""

from collections import Counter
from collections.abc import Iterable

from ..records import Rollout, Row
from .statistics import wilson

_COUNTED = ("executions", "failed_executions", "invented_outputs", "unexecuted_blocks")
_FLAGS = ("unexecuted_answer", "pruned")


def tool_use(rollouts: Iterable[Rollout]) -> Row | None:
    """Return sums over the rollouts that had an interpreter, and the share that executed a block; None without any.

    >>> from ..records import FinishReason, Sampling
    >>> fields = dict(problem_id="p", index=0, strategy="tir", messages=(), finish_reason=FinishReason.STOP, model="m")
    >>> fields |= dict(engine="e", sampling=Sampling(), prompt_hash="h")
    >>> notes = {"executions": 2, "failed_executions": 1}, {"executions": 0, "unexecuted_answer": True}
    >>> row = tool_use(Rollout(id=str(i), annotations=n, **fields) for i, n in enumerate(notes))
    >>> row["executed"]["value"], row["executions"], row["failed_executions"], row["unexecuted_answer"]
    (0.5, 2, 1, 1)
    """
    notes = [rollout.annotations for rollout in rollouts if "executions" in rollout.annotations]
    if not notes:
        return None
    row: Row = {"executed": wilson(sum(n["executions"] > 0 for n in notes), len(notes)).to_row()}
    row |= {name: sum(n.get(name, 0) for n in notes) for name in _COUNTED}
    row |= {name: sum(bool(n.get(name)) for n in notes) for name in _FLAGS}
    return {**row, "stopped": dict(Counter(n["stopped"] for n in notes if n.get("stopped")))}
