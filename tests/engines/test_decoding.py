"""The batched decoder against `model.generate`, on random models of a few thousand weights."""

from collections.abc import Sequence
from typing import Any

import pytest

from reasondistill.engines.decoding import Decoder, Row, _draw, use_grouped_attention
from reasondistill.errors import EngineError

SHARED = list(range(3, 23))
PROMPTS = [
    [*SHARED, 30, 31],
    [*SHARED, 30, 31],
    [*SHARED, 40],
    [*SHARED, 41, 42, 43, 44, 45, 46],
    [5, 6, 7],
    [*SHARED[:18], 50, 51, 52],
    [9],
]


def tiny_model(kind: str) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, set_seed

    set_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "initializer_range": 0.6,
        "eos_token_id": None,
    }
    if kind == "sliding":
        model = MistralForCausalLM(MistralConfig(**sizes, sliding_window=8))
    else:
        model = LlamaForCausalLM(LlamaConfig(**sizes))
    return model.to(torch.float32).eval()


def row(prompt: Sequence[int], **changes: Any) -> Row:
    settings: dict[str, Any] = {
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": 0,
        "repetition_penalty": 1.0,
        "max_tokens": 20,
        "seed": 0,
        "end_ids": frozenset(),
        "stopped": lambda _: False,
        "dropped": lambda: False,
    }
    return Row(prompt=list(prompt), **{**settings, **changes})


def decode(model: Any, rows: Sequence[Row], *, slots: int = 8, together: int = 8) -> list[list[int]]:
    """Decode the rows, a few joining at each step."""
    decoder, waiting = Decoder(model, slots=slots), list(rows)
    while waiting or decoder.rows:
        joining = min(decoder.free, together, len(waiting))
        if joining:
            decoder.admit(waiting[:joining])
            waiting = waiting[joining:]
        decoder.step()
    return [r.ids for r in rows]


def generated(model: Any, prompt: Sequence[int], **settings: Any) -> list[int]:
    import torch

    ids = torch.tensor([list(prompt)])
    mask = torch.ones_like(ids)
    whole = model.generate(ids, attention_mask=mask, max_new_tokens=20, do_sample=False, pad_token_id=0, **settings)
    new: list[int] = whole[0, len(prompt) :].tolist()
    return new


@pytest.mark.parametrize("kind", ["full", "sliding"])
@pytest.mark.parametrize(("slots", "together"), [(8, 8), (3, 1), (2, 2)])
def test_greedy_decoding_equals_generate_whoever_shares_the_batch(kind: str, slots: int, together: int) -> None:
    model = tiny_model(kind)
    expected = [generated(model, prompt) for prompt in PROMPTS]
    use_grouped_attention(model)
    caps = [20, 3, 20, 7, 20, 20, 11]
    rows = [row(prompt, max_tokens=cap) for prompt, cap in zip(PROMPTS, caps, strict=True)]
    answers = decode(model, rows, slots=slots, together=together)
    assert answers == [ids[:cap] for ids, cap in zip(expected, caps, strict=True)]


def test_a_long_completion_outgrows_the_first_storage() -> None:
    model = tiny_model("full")
    [short, long] = decode(model, [row([5, 6, 7], max_tokens=150), row(PROMPTS[3], max_tokens=150)], together=1)
    assert decode(model, [row([5, 6, 7], max_tokens=150)]) == [short]
    assert decode(model, [row(PROMPTS[3], max_tokens=150)]) == [long]


def test_the_repetition_penalty_equals_generates() -> None:
    model = tiny_model("full")
    expected = [generated(model, p, repetition_penalty=1.3) for p in PROMPTS]
    assert decode(model, [row(p, repetition_penalty=1.3) for p in PROMPTS]) == expected


def test_a_shared_prompt_start_is_computed_once() -> None:
    model = tiny_model("full")
    first, second = row(PROMPTS[0]), row(PROMPTS[2])
    decode(model, [first, row(PROMPTS[3]), second], together=2)
    assert (first.cached_tokens, second.cached_tokens) == (0, len(SHARED))


def test_a_row_ends_with_its_end_token() -> None:
    model = tiny_model("full")
    [free] = decode(model, [row(PROMPTS[0])])
    ended = row(PROMPTS[0], end_ids=frozenset({free[4]}))
    assert decode(model, [ended]) == [free[: free.index(free[4]) + 1]]
    assert ended.ended


def test_a_row_that_nobody_waits_for_leaves() -> None:
    model = tiny_model("full")
    dropped, other = row(PROMPTS[0], dropped=lambda: True), row(PROMPTS[2])
    decode(model, [dropped, other])
    assert (len(dropped.ids), len(other.ids)) == (1, 20)


def test_a_seed_gives_the_same_sample_whoever_shares_the_batch() -> None:
    model = tiny_model("full")
    alone = decode(model, [row(PROMPTS[0], temperature=1.0, seed=5)])[0]
    crowd = [row(p, temperature=1.3, seed=i) for i, p in enumerate(PROMPTS)]
    assert decode(model, [*crowd, row(PROMPTS[0], temperature=1.0, seed=5)], together=3)[-1] == alone
    assert decode(model, [row(PROMPTS[0], temperature=1.0, seed=6)])[0] != alone


def drawn(probabilities: Sequence[float], **settings: Any) -> list[float]:
    """Return how often each token is drawn when the uniform numbers run through 0 to 1."""
    import torch

    many = 2000
    logits = torch.tensor([list(probabilities)]).log().repeat(many, 1)
    rows = [row([0], temperature=1.0, **settings) for _ in range(many)]
    tokens = _draw(logits, rows, [(i + 0.5) / many for i in range(many)])
    return [tokens.count(t) / many for t in range(len(probabilities))]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [0.1, 0.4, 0.3, 0.2]),
        ({"top_k": 1}, [0, 1, 0, 0]),
        ({"top_k": 2}, [0, 4 / 7, 3 / 7, 0]),
        ({"top_p": 0.01}, [0, 1, 0, 0]),
        ({"top_p": 0.65}, [0, 4 / 7, 3 / 7, 0]),
        ({"top_p": 0.95}, [0.1, 0.4, 0.3, 0.2]),
        ({"top_k": 3, "top_p": 0.5}, [0, 4 / 7, 3 / 7, 0]),
    ],
)
def test_tokens_are_drawn_with_their_probability(settings: dict[str, Any], expected: list[float]) -> None:
    assert drawn([0.1, 0.4, 0.3, 0.2], **settings) == pytest.approx(expected, abs=2e-3)


def test_a_flat_distribution_is_cut_where_the_nucleus_ends() -> None:
    shares = drawn([1 / 1000] * 1000, top_p=0.5)
    assert sum(share > 0 for share in shares) == pytest.approx(500, abs=2)


def test_layers_that_keep_more_than_keys_and_values_are_refused() -> None:
    model = tiny_model("full")
    model.config.layer_types = ["full_attention", "linear_attention"]
    with pytest.raises(EngineError, match="linear_attention"):
        Decoder(model, slots=2)
