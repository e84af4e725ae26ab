"""Supervised fine-tuning: its loss and its options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reasondistill.errors import RecipeError
from reasondistill.store.options import Choice
from reasondistill.training.fit import fit
from reasondistill.training.options import TrainOptions
from reasondistill.training.preflight.preflight import preflight
from reasondistill.training.preflight.token_file import open_tokens

Rows = list[dict[str, Any]]


@pytest.mark.parametrize("loss_type", ["nll", "dft"])
def test_the_loss_on_a_cpu_is_trls_own(
    toy_student: Path, toy_tokenizer: Any, sums: Rows, tmp_path: Path, loss_type: str
) -> None:
    import torch
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig, SFTTrainer

    from reasondistill.training.methods.completion_trainer import CompletionTrainer

    preflight(toy_tokenizer, sums, options=TrainOptions(), out=tmp_path / "tokens.arrow")
    rows = open_tokens(tmp_path / "tokens.arrow").select_columns(["input_ids", "labels"])
    keys: dict[str, Any] = {"use_cpu": True, "bf16": False, "report_to": "none", "max_length": None}
    config = SFTConfig(output_dir=str(tmp_path), loss_type=loss_type, **keys)
    losses = []
    for kind in (SFTTrainer, CompletionTrainer):
        model = AutoModelForCausalLM.from_pretrained(toy_student)
        trainer = kind(model=model, args=config, train_dataset=rows, processing_class=toy_tokenizer)
        batch = trainer.data_collator([rows[i] for i in range(5)])
        losses.append(trainer.compute_loss(trainer.model, batch, num_items_in_batch=torch.tensor(40)).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_dft_learns_otherwise_than_nll(
    toy_student: Path, save_dataset: Callable[..., Path], sums: Rows, tmp_path: Path
) -> None:
    keys: dict[str, Any] = {"student": str(toy_student), "dataset": save_dataset(sums)}
    keys["options"] = TrainOptions(max_steps=2, batch_size=4, dtype="float32")
    nll = fit(**keys, out=tmp_path / "nll")
    dft = fit(**keys, out=tmp_path / "dft", method=Choice(name="sft", options={"loss_type": "dft"}))
    assert dft.method_options == {"loss_type": "dft", "packing": False}
    assert dft.identity != nll.identity
    assert 0 < dft.log[0]["loss"] < nll.log[0]["loss"] / 10


def test_packing_without_a_gpu_is_refused(
    toy_student: Path, save_dataset: Callable[..., Path], sums: Rows, tmp_path: Path
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(RecipeError, match=r"train.method: packing needs a CUDA GPU and flash-attention"):
        fit(
            student=str(toy_student),
            dataset=save_dataset(sums),
            out=tmp_path / "model",
            options=TrainOptions(),
            method=Choice(name="sft", options={"packing": True}),
        )
