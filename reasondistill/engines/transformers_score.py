"""Log-probabilities of an existing completion under a transformers model. torch is imported when it runs."""

from collections.abc import Sequence
from typing import Any

from .base import Score

_PIECE = 512
"""Positions whose logits are held at once: a vocabulary of 150,000 makes 300 MB of them in float32."""


def score_ids(model: Any, whole: Sequence[int], start: int, top_k: int) -> Score:
    """Return the log-probabilities of `whole[start:]`, each token after all before it.

    The prompt is read with the first piece and stays in the model's cache for the others.
    """
    import torch

    logprobs: list[float] = []
    top: list[dict[int, float]] = []
    cache, read = None, 0
    with torch.inference_mode():
        for first in range(start, len(whole), _PIECE):
            after = min(first + _PIECE, len(whole))
            # Each token is predicted by the one before it; the last one predicts nothing here.
            inputs = torch.tensor([list(whole[read : after - 1])], device=model.device)
            made = model(input_ids=inputs, past_key_values=cache, use_cache=True, logits_to_keep=after - first)
            cache, read = made.past_key_values, after - 1
            table = made.logits[0].float().log_softmax(-1)
            targets = torch.tensor(list(whole[first:after]), device=table.device)
            logprobs += table.gather(1, targets[:, None])[:, 0].tolist()
            top += _likeliest(table, top_k)
    return Score(logprobs=tuple(logprobs), top=tuple(top))


def _likeliest(table: Any, top_k: int) -> list[dict[int, float]]:
    """Return the likeliest tokens of each row; nothing if `top_k` is 0."""
    if not top_k:
        return []
    best = table.topk(min(top_k, table.shape[1]))
    return [dict(zip(*row, strict=True)) for row in zip(best.indices.tolist(), best.values.tolist(), strict=True)]
