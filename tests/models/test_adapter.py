"""A LoRA adapter is a model: it is merged into its base once; without a base it is refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from reasondistill.errors import ModelError
from reasondistill.models.resolve import weights_directory


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return the folder of a tiny model."""
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    sizes: dict[str, Any] = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "vocab_size": 16}
    config = transformers.LlamaConfig(**sizes, num_attention_heads=2, num_key_value_heads=2)
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "base")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a"))
    transformers.PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    """Return an adapter of that model that changes it."""
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    made = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    made.save_pretrained(tmp_path / "run" / "adapter")
    return tmp_path / "run" / "adapter"


def weights(directory: Path) -> Any:
    from safetensors.numpy import load_file

    return load_file(next(directory.glob("*.safetensors")))


def test_an_adapter_is_merged_once(adapter: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REASONDISTILL_CACHE", str(tmp_path / "cache"))
    merged = weights_directory(str(adapter))
    assert merged.is_relative_to(tmp_path / "cache")
    before, after = weights(base), weights(merged)
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {"model.layers.0.self_attn.q_proj.weight"}
    assert (merged / "tokenizer_config.json").is_file()
    assert weights_directory(str(adapter)) == merged


@pytest.mark.parametrize(
    ("named", "message"),
    [(None, "names no base model"), ("none/such/base", "base model is not there.*no such model directory")],
)
def test_an_adapter_without_its_base_is_one_line(tmp_path: Path, named: str | None, message: str) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": named}))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=message):
        weights_directory(str(tmp_path))
