"""A student small enough to train in seconds, and datasets for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


@pytest.fixture
def toy_tokenizer() -> Any:
    """Return a byte-level tokenizer with ChatML: every byte is a token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={byte: i for i, byte in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(SPECIAL)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token="<|endoftext|>"
    )
    tokenizer.chat_template = CHATML
    return tokenizer


@pytest.fixture
def toy_student(toy_tokenizer: Any, tmp_path: Path) -> Path:
    """Return the directory of a random two-layer model with the toy tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(toy_tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=toy_tokenizer.eos_token_id, pad_token_id=toy_tokenizer.pad_token_id,
    )  # fmt: skip
    directory = tmp_path / "student"
    LlamaForCausalLM(config).save_pretrained(directory)
    toy_tokenizer.save_pretrained(directory)
    return directory


def row(question: str, answer: str, **keys: Any) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer, **keys}],
        "rollout_id": f"r-{question}",
    }


@pytest.fixture
def sums() -> list[dict[str, Any]]:
    """Return twelve rows of sums."""
    return [row(f"What is {a}+{b}?", f"{a}+{b} is {a + b}.") for a in range(3) for b in range(4)]


@pytest.fixture
def save_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of a dataset folder as export makes it."""

    def save(rows: list[dict[str, Any]], name: str = "dataset") -> Path:
        import pyarrow
        from pyarrow import parquet

        folder = tmp_path / name
        (folder / "data").mkdir(parents=True)
        parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "data" / "train-00000-of-00001.parquet")
        return folder

    return save


@pytest.fixture(scope="session")
def real_tokenizer() -> Callable[[str], Any]:
    """Return a loader of a catalogue model's tokenizer, fresh every time; skips where the model is not in the cache."""

    def load(name: str) -> Any:
        from transformers import AutoTokenizer

        from reasondistill.errors import ModelError
        from reasondistill.models.resolve import resolve, weights_directory

        try:
            if resolve(name, fetch_missing=False).path is None:
                pytest.skip(f"{name} is not in the model cache")
            return AutoTokenizer.from_pretrained(str(weights_directory(name)))
        except ModelError as error:
            pytest.skip(f"the tokenizer cannot be had: {error}")

    return load
