"""Confidence of a model in a trace, from the log-probabilities of its tokens: used as weights in weighted voting.

After DeepConf (Fu et al. 2025): a token's confidence, its mean over groups of neighbouring tokens, and the weakest
group of a trace. DeepConf averages the top k log-probabilities of a position; ours takes the sampled token's, which
every engine with log-probabilities returns.
"""

from collections.abc import Sequence
from itertools import accumulate

from ..records import Row

GROUP = 16
"""Tokens of a group. DeepConf takes 2,048 for traces of tens of thousands of tokens; ours are short."""
TAIL = 0.1
"""Share of the trace that counts as its end, where the answer is."""


def confidence(logprobs: Sequence[float], *, group: int = GROUP) -> Row:
    """Return `{mean, lowest, tail}`: mean log-probability of the trace, of its weakest group and of its end.

    >>> confidence([-1.0, -1.0, -3.0, -3.0], group=2)
    {'mean': -2.0, 'lowest': -3.0, 'tail': -3.0}
    """
    sums = [0.0, *accumulate(logprobs)]
    size = min(group, len(logprobs))
    groups = [(sums[i + size] - sums[i]) / size for i in range(len(logprobs) - size + 1)]
    last = max(1, round(TAIL * len(logprobs)))
    return {
        "mean": round(sums[-1] / len(logprobs), 6),
        "lowest": round(min(groups), 6),
        "tail": round(sum(logprobs[-last:]) / last, 6),
    }
