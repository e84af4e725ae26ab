"""TRL takes the rows as they are: its trainers prepare them, and train on what they should."""

import pytest

from reasondistill.export.formats import FORMATS
from reasondistill.export.formats.table import load_formats, write_formats
from reasondistill.records import Message
from verifiers import Outcome

CHATML = (
    "{% if tools %}<|im_start|>tools\n{{ tools | length }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<call>{{ call.function.name }} {{ call.function.arguments.code }}</call>"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer():
    """A byte-level tokenizer whose template shows tools and their calls."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={byte: i for i, byte in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(["<|end|>", "<|im_start|>", "<|im_end|>"])
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|end|>")
    made.chat_template = CHATML
    return made


@pytest.fixture
def model(tokenizer, tmp_path):
    """The folder of a random model of one small layer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, max_position_embeddings=1024, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def opened(tmp_path, load, material, candidate, coded):
    """Return a function that opens one format of a few rollouts, with and without code."""
    thought = (
        Message(role="user", content="?"),
        Message(role="assistant", content="\\boxed{1}", reasoning="0 + 1 = 1"),
    )
    given = material(
        [
            candidate(0, 0, messages=thought),
            candidate(0, 1, "\\boxed{9}", Outcome.INCORRECT),
            coded(1, index=0),
            coded(1, index=1, outcome=Outcome.INCORRECT),
        ]
    )
    write_formats(tmp_path / "formats", load_formats(FORMATS), given)
    return lambda name: load(str(tmp_path / "formats" / name / "data"))


def options(kind, folder, **more):
    return kind(
        output_dir=str(folder / "out"), report_to=[], use_cpu=True, bf16=False, max_length=512, max_steps=1,
        per_device_train_batch_size=2, gradient_checkpointing=False, save_strategy="no", disable_tqdm=True, **more,
    )  # fmt: skip


def test_columns_are_what_trl_calls_conversational(opened):
    from trl.data_utils import is_conversational

    assert all(is_conversational(opened(name)[0]) for name in ("messages", "dpo", "kto", "grpo", "kd"))
    assert not is_conversational(opened("prm")[0])


def test_sft_reads_messages_with_tools(opened, model, tokenizer, tmp_path):
    from trl import SFTConfig, SFTTrainer

    trainer = SFTTrainer(
        model, options(SFTConfig, tmp_path), train_dataset=opened("messages"), processing_class=tokenizer
    )
    texts = [tokenizer.decode(row["input_ids"]) for row in trainer.train_dataset]
    assert "<think>0 + 1 = 1</think>\\boxed{1}<|im_end|>" in texts[0]
    assert "<|im_start|>tools\n1<|im_end|>" in texts[1]
    assert "Let me see<call>python 1 + 1</call><|im_end|>\n<|im_start|>tool\n2<|im_end|>" in texts[1]
    assert trainer.train().global_step == 1


def test_dpo_reads_pairs(opened, model, tokenizer, tmp_path):
    from trl import DPOConfig, DPOTrainer

    trainer = DPOTrainer(
        model, args=options(DPOConfig, tmp_path), train_dataset=opened("dpo"), processing_class=tokenizer
    )
    row = trainer.train_dataset[0]
    assert tokenizer.decode(row["prompt_ids"]).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(row["chosen_ids"]).startswith("<think>0 + 1 = 1</think>\\boxed{1}")
    assert tokenizer.decode(row["rejected_ids"]).startswith("\\boxed{9}")
    assert trainer.train().global_step == 1


def test_kto_reads_labels(opened, model, tokenizer, tmp_path):
    from trl import KTOConfig, KTOTrainer

    trainer = KTOTrainer(
        model, args=options(KTOConfig, tmp_path), train_dataset=opened("kto"), processing_class=tokenizer
    )
    assert sorted(trainer.train_dataset["label"]) == [False, False, True, True]
    assert trainer.train().global_step == 1
