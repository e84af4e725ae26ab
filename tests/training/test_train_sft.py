"""Training a toy student for real, with everything that happens around it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reasondistill.errors import DataError, RecipeError, StoreError
from reasondistill.training.methods.sft import train_sft
from reasondistill.training.options import TrainOptions
from reasondistill.training.result import TrainResult

Rows = list[dict[str, Any]]
STEPS = TrainOptions(max_steps=3, batch_size=4, learning_rate=1e-2, dtype="float32")


@pytest.fixture
def train(
    toy_student: Path, save_dataset: Callable[..., Path], sums: Rows, tmp_path: Path
) -> Callable[..., TrainResult]:
    """Return a training of the toy student on the sums."""
    dataset = save_dataset(sums)

    def run(out: str = "model", options: TrainOptions = STEPS, **keys: Any) -> TrainResult:
        return train_sft(student=str(toy_student), dataset=dataset, out=tmp_path / out, options=options, **keys)

    return run


def weights(directory: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(directory / "model.safetensors"))


def same_weights(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(bool((a[name] == b[name]).all()) for name in a)


def test_training_leaves_a_model_that_loads_and_has_learned(train: Callable[..., TrainResult]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    result = train(options=TrainOptions(epochs=8, batch_size=4, learning_rate=2e-2, dtype="float32"))
    model = AutoModelForCausalLM.from_pretrained(result.directory)
    tokenizer = AutoTokenizer.from_pretrained(result.directory)
    assert result.steps == 24
    assert result.log[-1]["loss"] < result.log[0]["loss"] / 2
    assert tokenizer.eos_token_id in model.generation_config.eos_token_id
    assert tokenizer.chat_template
    assert sorted(p.name for p in result.directory.iterdir() if p.is_dir()) == []


def test_the_record_holds_the_loss_log_and_the_tokens(train: Callable[..., TrainResult]) -> None:
    told: Rows = []
    result = train(progress=told.append)
    assert json.loads((result.directory / "training.json").read_text()) == json.loads(json.dumps(result.to_row()))
    assert [line["step"] for line in result.log] == [1, 2, 3]
    assert result.log[-1]["tokens"] == result.trained_tokens == result.preflight["trained_tokens"]
    assert result.total_tokens == result.preflight["total_tokens"]
    assert [(t["step"], t["total"], t["tokens"]) for t in told] == [(s["step"], 3, s["tokens"]) for s in result.log]
    assert set(told[0]) == {"step", "total", "loss", "tokens", "seconds"}


def test_nothing_is_printed(train: Callable[..., TrainResult], capfd: pytest.CaptureFixture[str]) -> None:
    train()
    assert capfd.readouterr() == ("", "")


def test_a_finished_model_is_returned_at_once(train: Callable[..., TrainResult]) -> None:
    first = train()
    told: Rows = []
    assert train(progress=told.append) == first
    assert told == []


def test_a_folder_with_another_training_is_refused(train: Callable[..., TrainResult]) -> None:
    train()
    with pytest.raises(StoreError, match="holds a model trained from another student, data set or options"):
        train(options=TrainOptions(max_steps=2, batch_size=4, dtype="float32"))


def test_the_seed_decides_the_weights(train: Callable[..., TrainResult]) -> None:
    other = TrainOptions(**{**STEPS.to_row(), "seed": 1})
    first, again, second = train("a"), train("b"), train("c", options=other)
    assert same_weights(first.directory, again.directory)
    assert not same_weights(first.directory, second.directory)


def test_a_token_budget_decides_the_steps(train: Callable[..., TrainResult]) -> None:
    result = train(options=TrainOptions(tokens=300, batch_size=4, dtype="float32"))
    rows = 300 / (result.preflight["trained_tokens"] / result.preflight["rows"])
    assert 300 <= result.trained_tokens < 300 + 20
    assert result.steps == len(result.log) == -(-rows // 4)


def test_gradient_accumulation_takes_the_steps_of_a_larger_batch(train: Callable[..., TrainResult]) -> None:
    whole = train("a")
    parts = train("b", options=TrainOptions(**{**STEPS.to_row(), "batch_size": 2, "gradient_accumulation": 2}))
    assert parts.log[-1]["tokens"] == whole.log[-1]["tokens"]
    assert [p["loss"] for p in parts.log] == pytest.approx([w["loss"] for w in whole.log], rel=1e-3)


def test_the_learning_rate_warms_up_and_falls_as_asked(train: Callable[..., TrainResult]) -> None:
    keys = {**STEPS.to_row(), "max_steps": 4, "warmup_ratio": 0.5, "scheduler": "linear"}
    assert [line["lr"] for line in train(options=TrainOptions(**keys)).log] == pytest.approx([0, 0.005, 0.01, 0.005])


def test_weight_decay_reaches_the_optimizer(train: Callable[..., TrainResult]) -> None:
    decayed = train("b", options=TrainOptions(**{**STEPS.to_row(), "weight_decay": 0.5}))
    assert not same_weights(train("a").directory, decayed.directory)


def test_bfloat16_arithmetic_follows_float32(train: Callable[..., TrainResult]) -> None:
    half = train("b", options=TrainOptions(**{**STEPS.to_row(), "dtype": "bfloat16"}))
    assert [h["loss"] for h in half.log] == pytest.approx([f["loss"] for f in train("a").log], rel=0.02)


def test_the_loss_on_a_cpu_is_trls_own(toy_student: Path, toy_tokenizer: Any, sums: Rows, tmp_path: Path) -> None:
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig, SFTTrainer

    from reasondistill.training.preflight.preflight import preflight
    from reasondistill.training.trainer import CompletionTrainer

    examples = preflight(toy_tokenizer, sums, options=STEPS).examples
    rows = Dataset.from_list([{"input_ids": e.input_ids, "labels": e.labels} for e in examples])
    config = SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to="none", max_length=None)
    losses = []
    for kind in (SFTTrainer, CompletionTrainer):
        model = AutoModelForCausalLM.from_pretrained(toy_student)
        trainer = kind(model=model, args=config, train_dataset=rows, processing_class=toy_tokenizer)
        batch = trainer.data_collator([rows[i] for i in range(5)])
        losses.append(trainer.compute_loss(trainer.model, batch, num_items_in_batch=torch.tensor(40)).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_lora_is_merged_and_its_adapter_kept(train: Callable[..., TrainResult], toy_student: Path) -> None:
    lora = TrainOptions(**{**STEPS.to_row(), "mode": "lora", "lora_rank": 4, "lora_alpha": 8})
    result = train(options=lora)
    adapter = json.loads((result.directory / "adapter" / "adapter_config.json").read_text())
    assert (adapter["r"], adapter["lora_alpha"]) == (4, 8)
    assert weights(result.directory).keys() == weights(toy_student).keys()
    assert not same_weights(result.directory, toy_student)


def test_packing_without_a_gpu_is_refused(train: Callable[..., TrainResult]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(RecipeError, match=r"train.packing needs a CUDA GPU and flash-attention"):
        train(options=TrainOptions(packing=True))


def test_preflight_stops_the_training(toy_student: Path, save_dataset: Callable[..., Path], tmp_path: Path) -> None:
    rows = [{"prompt": [{"role": "user", "content": "?"}], "completion": [{"role": "assistant", "content": ""}]}]
    with pytest.raises(DataError, match="row 0: no token would be trained on"):
        train_sft(student=str(toy_student), dataset=save_dataset(rows), out=tmp_path / "out", options=STEPS)


@pytest.mark.parametrize("content", [None, b"no parquet"], ids=["absent", "broken"])
def test_a_data_set_that_cannot_be_read_is_named(toy_student: Path, tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "dataset"
    (folder / "data").mkdir(parents=True)
    if content:
        (folder / "data" / "train-0.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"no data/train-\*.parquet in it|cannot be read as Parquet"):
        train_sft(student=str(toy_student), dataset=folder, out=tmp_path / "out", options=STEPS)


def test_a_data_set_without_completions_is_named(
    toy_student: Path, save_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="has no column completion"):
        train_sft(student=str(toy_student), dataset=save_dataset([{"prompt": []}]), out=tmp_path / "out", options=STEPS)


RUN = """
import sys
from pathlib import Path
from reasondistill.training.options import TrainOptions
from reasondistill.training.methods.sft import train_sft

student, dataset, out, steps = sys.argv[1:]
options = TrainOptions(max_steps=int(steps), batch_size=2, save_steps=2, learning_rate=1e-2, dtype="float32")
tell = lambda line: print(line["step"], flush=True)
result = train_sft(student=student, dataset=Path(dataset), out=Path(out), options=options, progress=tell)
print("resumed", result.resumed_from, "steps", [line["step"] for line in result.log] == list(range(1, int(steps) + 1)))
"""


def killed_after(step: int, command: list[str]) -> None:
    """Start a training and kill it without warning once it has told of the step."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.strip() == str(step):
                time.sleep(0.01 * step)
                os.kill(process.pid, signal.SIGKILL)
                return


@pytest.mark.timeout(300)
def test_a_killed_training_goes_on_and_ends_like_an_undisturbed_one(
    toy_student: Path, save_dataset: Callable[..., Path], sums: Rows, tmp_path: Path
) -> None:
    dataset = save_dataset(sums)
    command = [sys.executable, "-c", RUN, str(toy_student), str(dataset), str(tmp_path / "model"), "150"]
    killed_after(5, command)
    killed_after(12, command)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    resumed = int(done.stdout.split("resumed ")[1].split()[0])
    assert resumed >= 8
    assert done.stdout.startswith(f"{resumed + 1}\n")
    assert "steps True" in done.stdout
    command[-2] = str(tmp_path / "undisturbed")
    subprocess.run(command, capture_output=True, check=True)
    assert same_weights(tmp_path / "model", tmp_path / "undisturbed")


def test_a_training_killed_while_it_saves_is_saved_again(train: Callable[..., TrainResult], tmp_path: Path) -> None:
    result = train()
    whole = (result.directory / "model.safetensors").read_bytes()
    (result.directory / "training.json").unlink()
    (result.directory / "model.safetensors").write_bytes(whole[:1000])
    (result.directory / "saving").mkdir()
    (result.directory / "saving" / "model.safetensors").write_bytes(whole[:10])
    assert (train().directory / "model.safetensors").read_bytes() == whole
