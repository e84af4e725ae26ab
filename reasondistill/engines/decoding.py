"""Batched decoding of a transformers model: rows join and leave a running batch, each with its own sampling.

Twice to three times the speed of `model.generate` on a CPU: the key-value cache is written in place, grouped-query
attention reads it without repeating it, a prompt start that rows share is computed once, and a finished row leaves at
once. Models whose cache is more than keys and values (state-space, linear attention) are not supported.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from ..errors import EngineError

_GROWTH = 64
"""Columns that a full cache grows by."""
_SHARED_MINIMUM = 16
"""Tokens that prompts must have in common before computing them apart pays."""
_NUCLEUS_CANDIDATES = 256
"""Likeliest tokens that top-p looks at first; all are sorted only where these hold too little probability."""
ATTENTION = "reasondistill_grouped"


@dataclass(slots=True, kw_only=True, eq=False)
class Row:
    """One sequence in the batch."""

    prompt: list[int]
    temperature: float
    """0 is greedy."""
    top_p: float
    top_k: int
    """0 is no limit."""
    repetition_penalty: float
    max_tokens: int
    seed: int
    end_ids: frozenset[int]
    stopped: Callable[[list[int]], bool]
    """Whether the ids generated so far hold a stop string."""
    dropped: Callable[[], bool]
    """Whether nobody waits for this row any more."""
    ids: list[int] = field(default_factory=list)
    """The generated ids, the end token included."""
    cached_tokens: int = 0
    """Prompt tokens that an earlier batch had computed."""
    ended: bool = False
    """Whether the row stopped by itself rather than at its cap."""

    def take(self, token: int) -> bool:
        """Append a token and return whether the row is finished."""
        self.ids.append(token)
        self.ended = token in self.end_ids or self.stopped(self.ids)
        return self.ended or len(self.ids) >= self.max_tokens or self.dropped()


class Decoder:
    """The running batch of one model. Not thread-safe: one thread owns it."""

    def __init__(self, model: Any, *, slots: int) -> None:
        from transformers.cache_utils import CacheLayerMixin

        CacheLayerMixin.register(_SlotLayer)
        self.rows: list[Row] = []
        self._model, self._slots = model, slots
        self._layers = [_SlotLayer(slots) for _ in _layer_types(model)]
        self._random: dict[int, random.Random] = {}
        # A sliding window counts columns, so padding inside a row would shorten it.
        self._may_share = "sliding_attention" not in _layer_types(model)
        self._prefix_ids: list[int] = []
        self._prefix: list[tuple[Any, Any]] = []
        self._logits: Any = None

    @property
    def free(self) -> int:
        """Return how many rows may join."""
        return self._slots - len(self.rows)

    def admit(self, rows: Sequence[Row]) -> None:
        """Compute the prompts of new rows and add them to the batch; equal prompts are computed once."""
        import torch

        prompts = list(dict.fromkeys(tuple(row.prompt) for row in rows))
        with torch.inference_mode():
            shared, reused = self._share(prompts)
            logits, cache, mask = self._prefill(prompts, shared)
            which = [prompts.index(tuple(row.prompt)) for row in rows]
            self._reserve(max(len(p) for p in prompts))
            for layer, (keys, values) in zip(self._layers, cache, strict=True):
                layer.add(keys, values, mask, which)
            joined = logits[which]
            self._logits = joined if not self.rows else torch.cat([self._logits, joined])
        for row in rows:
            row.cached_tokens = reused
            self._random[id(row)] = random.Random(row.seed)
        self.rows.extend(rows)

    def step(self) -> list[Row]:
        """Draw one token for every row and return the rows that are finished; those have left the batch."""
        import torch

        with torch.inference_mode():
            tokens = _draw(self._logits, self.rows, [self._random[id(row)].random() for row in self.rows])
            finished = [i for i, (row, token) in enumerate(zip(self.rows, tokens, strict=True)) if row.take(token)]
            gone = [self._remove(i) for i in reversed(finished)]
            if self.rows:
                self._forward()
        return gone

    def _remove(self, index: int) -> Row:
        """Take a row out; the last row moves into its slot."""
        row, last = self.rows[index], self.rows.pop()
        if row is not last:
            self.rows[index] = last
        for layer in self._layers:
            layer.remove(index)
        del self._random[id(row)]
        return row

    def _forward(self) -> None:
        import torch

        device = self._model.device
        lengths = [len(row.prompt) + len(row.ids) for row in self.rows]
        self._reserve(max(lengths) - 1)
        width = self._layers[0].width + 1
        mask = torch.arange(width, device=device) >= width - torch.tensor(lengths, device=device)[:, None]
        answer = self._model(
            input_ids=torch.tensor([[row.ids[-1]] for row in self.rows], device=device),
            attention_mask=mask.long(),
            position_ids=torch.tensor([[length - 1] for length in lengths], device=device),
            past_key_values=_cache(self._layers),
            use_cache=True,
        )
        self._logits = answer.logits[:, -1].float()

    def _reserve(self, width: int) -> None:
        for layer in self._layers:
            layer.rows = len(self.rows)
            layer.fit(width)

    def _share(self, prompts: Sequence[tuple[int, ...]]) -> tuple[int, int]:
        """Return how long a prompt start to take from the stored one, and how much of that was there already."""
        if not self._may_share:
            return 0, 0
        kept = _common([*prompts, [*self._prefix_ids, -1]]) if self._prefix_ids else 0
        fresh = _common(prompts) if len(prompts) > 1 else 0
        if kept >= _SHARED_MINIMUM and kept >= fresh // 2:
            return kept, kept
        if fresh < _SHARED_MINIMUM:
            return 0, 0
        self._prefix_ids = list(prompts[0][:fresh])
        _, self._prefix, _ = self._prefill([self._prefix_ids], 0)
        return fresh, 0

    def _prefill(self, prompts: Sequence[Sequence[int]], shared: int) -> tuple[Any, list[tuple[Any, Any]], Any]:
        """Return the last logits, each layer's keys and values, and the mask of their columns that are real.

        The first `shared` columns are the stored prompt start; each row's padding stands between it and the rest.
        """
        import torch
        from transformers import DynamicCache

        device, many = self._model.device, len(prompts)
        longest = max(len(p) for p in prompts) - shared
        padded = [[0] * (longest + shared - len(p)) + list(p[shared:]) for p in prompts]
        starts = torch.tensor([longest + shared - len(p) for p in prompts], device=device)
        real = torch.arange(longest, device=device) >= starts[:, None]
        mask = torch.cat([real.new_ones(many, shared), real], dim=1)
        cache = DynamicCache()
        for i, stored in enumerate(self._prefix if shared else ()):
            keys, values = (part[:, :, :shared].expand(many, -1, -1, -1) for part in stored)
            cache.update(keys, values, i)
        answer = self._model(
            input_ids=torch.tensor(padded, device=device),
            attention_mask=mask.long(),
            position_ids=(mask.long().cumsum(dim=1) - 1).clamp(min=0)[:, shared:],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return answer.logits[:, -1].float(), [(layer.keys, layer.values) for layer in cache.layers], mask


class _SlotLayer:
    """One layer's keys and values: a slot per row, all rows ending at the same column, written in place.

    Has the methods that a transformers cache asks of its layers, without inheriting: that would import transformers.
    """

    is_sliding = False
    is_compileable = False
    is_initialized = True
    is_croppable = False

    def __init__(self, slots: int) -> None:
        self.rows = 0
        self._slots = slots
        self._start = self._end = 0
        self._keys: Any = None
        self._values: Any = None

    @property
    def width(self) -> int:
        """Return the columns in use."""
        return self._end - self._start

    def fit(self, width: int) -> None:
        """Use exactly so many columns, which must be enough for the longest row."""
        if self._keys is None:
            self._end = width
        elif width > self._end:
            self._grow(width)
        self._start = self._end - width

    def add(self, keys: Any, values: Any, mask: Any, which: Sequence[int]) -> None:
        """Write new rows behind the others: of computed prompt `which[i]` the columns that its mask names."""
        if self._keys is None:
            shape = (self._slots, keys.shape[1], self._end + _GROWTH, keys.shape[3])
            self._keys, self._values = keys.new_zeros(shape), values.new_zeros((*shape[:3], values.shape[3]))
        for prompt in which:
            real_keys, real_values = keys[prompt][:, mask[prompt]], values[prompt][:, mask[prompt]]
            columns = slice(self._end - real_keys.shape[1], self._end)
            self._keys[self.rows, :, columns] = real_keys
            self._values[self.rows, :, columns] = real_values
            self.rows += 1

    def remove(self, index: int) -> None:
        """Move the last row into this slot."""
        self.rows -= 1
        if index != self.rows:
            columns = slice(self._start, self._end)
            self._keys[index, :, columns] = self._keys[self.rows, :, columns]
            self._values[index, :, columns] = self._values[self.rows, :, columns]

    def update(self, keys: Any, values: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Write one column and return all in use."""
        if self._end == self._keys.shape[2]:
            self._grow(self.width)
        self._keys[: self.rows, :, self._end] = keys[:, :, 0]
        self._values[: self.rows, :, self._end] = values[:, :, 0]
        self._end += 1
        used = slice(self._start, self._end)
        return self._keys[: self.rows, :, used], self._values[: self.rows, :, used]

    def get_seq_length(self) -> int:
        """Return the columns in use."""
        return self.width

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the columns that the next query sees, and the first one's number."""
        return self.width + query_length, 0

    def _grow(self, width: int) -> None:
        """Move what is in use into new storage, to the right end of so many columns."""
        left = max(0, width - self.width)
        used = slice(self._start, self._end)
        self._keys, self._values = (_moved(store, used, left) for store in (self._keys, self._values))
        self._start, self._end = left, left + used.stop - used.start


def _moved(store: Any, used: slice, left: int) -> Any:
    width = used.stop - used.start
    larger = store.new_zeros((store.shape[0], store.shape[1], left + width + _GROWTH, store.shape[3]))
    larger[:, :, left : left + width] = store[:, :, used]
    return larger


def use_grouped_attention(model: Any) -> None:
    """Let a model that attends by torch's scaled dot product read its cache without repeating it per query head."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    if model.config._attn_implementation != "sdpa":
        return
    AttentionInterface.register(ATTENTION, _grouped_attention)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    model.set_attn_implementation(ATTENTION)


def _grouped_attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float | None = None, **rest: Any
) -> tuple[Any, None]:
    """Attend from one new token: its query heads of one group stand where queries of a sequence would."""
    from torch.nn.functional import scaled_dot_product_attention
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    batch, heads, queries, width = query.shape
    if queries > 1:
        answer, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **rest)
        return answer, None
    groups = query.view(batch, key.shape[1], heads // key.shape[1], width)
    mixed = scaled_dot_product_attention(groups, key, value, attn_mask=attention_mask, scale=scaling)
    return mixed.reshape(batch, 1, heads, value.shape[3]), None


def _draw(logits: Any, rows: Sequence[Row], uniforms: Sequence[float]) -> list[int]:
    """Draw one token per row: greedy, or by inverting the row's cumulative distribution at its uniform number."""
    import torch

    for i, row in enumerate(rows):
        if row.repetition_penalty != 1.0:
            seen = torch.tensor(sorted({*row.prompt, *row.ids}), device=logits.device)
            scores = logits[i, seen]
            logits[i, seen] = torch.where(scores > 0, scores / row.repetition_penalty, scores * row.repetition_penalty)
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    drawn = [i for i, row in enumerate(rows) if row.temperature > 0]
    for cut in (False, True):
        chosen = [i for i in drawn if (rows[i].top_p < 1 or rows[i].top_k > 0) is cut]
        if not chosen:
            continue
        column = torch.tensor([[rows[i].temperature] for i in chosen], device=logits.device)
        probabilities = torch.softmax(logits[chosen] / column, dim=-1)
        uniform = torch.tensor([[uniforms[i]] for i in chosen], device=logits.device)
        picked = (
            _draw_cut(probabilities, [rows[i] for i in chosen], uniform) if cut else _invert(probabilities, uniform)
        )
        for i, token in zip(chosen, picked.tolist(), strict=True):
            tokens[i] = token
    return tokens


def _draw_cut(probabilities: Any, rows: Sequence[Row], uniform: Any) -> Any:
    """Draw from each row's top-k tokens, and of those from the fewest that hold top-p of their probability."""
    import torch

    device, size = probabilities.device, probabilities.shape[-1]
    limits = torch.tensor([[row.top_k or size] for row in rows], device=device)
    mass = torch.tensor([[row.top_p] for row in rows], device=device)
    for candidates in (min(max(_NUCLEUS_CANDIDATES, *(row.top_k for row in rows)), size), size):
        best, tokens = probabilities.topk(candidates, dim=-1)
        best = best.masked_fill(torch.arange(candidates, device=device) >= limits, 0.0)
        whole = torch.where(limits < size, best.sum(dim=-1, keepdim=True), 1.0)
        before = best.cumsum(dim=-1) - best
        if bool((before[:, -1:] + best[:, -1:] >= (mass * whole).clamp(max=0.9999)).logical_or(limits < size).all()):
            break
    kept = best.masked_fill(before >= mass * whole, 0.0)
    return tokens.gather(1, _invert(kept, uniform)[:, None])[:, 0]


def _invert(weights: Any, uniform: Any) -> Any:
    """Return per row the first index whose cumulative weight passes the uniform share of the whole."""
    import torch

    cumulative = weights.double().cumsum(dim=-1)
    at = torch.searchsorted(cumulative, uniform.double() * cumulative[:, -1:], right=True)
    return at[:, 0].clamp(max=weights.shape[-1] - 1)


def _common(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all prompts start with, leaving each at least one of its own.

    >>> _common([[1, 2, 3], [1, 2, 4, 5]]), _common([[1, 2], [1, 2]])
    (2, 1)
    """
    equal = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, _columns(prompts)))
    return min(equal, min(len(p) for p in prompts) - 1) if prompts else 0


def _columns(prompts: Sequence[Sequence[int]]) -> Iterator[tuple[int, ...]]:
    return zip(*prompts, strict=False)


def _layer_types(model: Any) -> list[str]:
    """Return each layer's kind; EngineError for a kind whose memory is not keys and values."""
    config = model.config.get_text_config(decoder=True)
    kinds = list(getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers)
    other = set(kinds) - {"full_attention", "sliding_attention"}
    if other:
        raise EngineError(f"the transformers engine cannot decode {', '.join(sorted(other))} layers: use vllm")
    return kinds


def _cache(layers: Sequence[_SlotLayer]) -> Any:
    from transformers import Cache

    return Cache(layers=list(layers))
