"""Supervised fine-tuning with TRL: from a data set folder to a model directory, resumable.

Preflight tokenizes the rows and checks them, TRL trains on exactly those, the result appears when it is whole. Several
GPUs work through accelerate's launcher.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...engines.auto import cuda, fast_bfloat16
from ...engines.rendering import configured_end_ids
from ...errors import DataError, RecipeError, StoreError
from ...models.resolve import weights_directory
from ...records import Row, content_id
from ..checkpoints import claim, newest_checkpoint
from ..options import TrainOptions
from ..ordering import training_order
from ..preflight.preflight import PreflightReport, preflight
from ..result import TrainResult, finished, publish

_COLUMNS = ("prompt", "completion", "tools")
"""What training reads of a row; the rest is provenance."""


def train_sft(
    *,
    student: str,
    dataset: Path,
    out: Path,
    options: TrainOptions,
    progress: Callable[[Row], None] | None = None,
) -> TrainResult:
    """Train the student on the data set's rows and save it in `out`; a finished model there is returned at once.

    `progress` is called after every optimizer step with {step, total, loss, tokens, seconds}. Raises DataError when
    preflight refuses the rows, StoreError when `out` holds another training or cannot be written.
    """
    _check_packing(options)
    rows = read_rows(dataset)
    identity = content_id("sft", student, options.to_row(), rows)
    done = finished(out, identity)
    if done:
        return done
    with _disk_full_in_one_line(out), _quiet_libraries():
        claim(out / "checkpoints", identity)
        source = weights_directory(student)
        tokenizer = _load_tokenizer(source)
        report = preflight(tokenizer, rows, options=options, end_ids=configured_end_ids(source))
        trainer = _make_trainer(source, tokenizer, report, out, options, progress)
        checkpoint = newest_checkpoint(out / "checkpoints")
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        result = _result(trainer, report, out=out, identity=identity, student=student, options=options)
        if trainer.is_world_process_zero():
            _save(trainer, tokenizer, source, result)
        trainer.accelerator.wait_for_everyone()
    return result


def read_rows(dataset: Path) -> list[Row]:
    """Read prompt, completion and tools of a data set's train split, as Parquet under `data/`."""
    import pyarrow
    from pyarrow import parquet

    files = sorted((dataset / "data").glob("train-*.parquet"))
    if not files:
        raise DataError(f"{dataset}: no data/train-*.parquet in it; name the folder that export writes")
    rows: list[Row] = []
    for file in files:
        try:
            table = parquet.read_table(file)
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise DataError(f"{file}: cannot be read as Parquet ({error}); export it again") from error
        missing = {"prompt", "completion"} - set(table.column_names)
        if missing:
            raise DataError(f"{file}: has no column {' or '.join(sorted(missing))}; export it again")
        rows += table.select([c for c in _COLUMNS if c in table.column_names]).to_pylist()
    return rows


def _check_packing(options: TrainOptions) -> None:
    """Refuse packing where rows in one sequence would see each other: only flash-attention keeps them apart."""
    from transformers.utils import is_flash_attn_2_available

    if options.packing and not (cuda() and is_flash_attn_2_available()):
        raise RecipeError("train.packing needs a CUDA GPU and flash-attention; set it to false")


def _load_tokenizer(source: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(source), trust_remote_code=False)


def _make_trainer(
    source: Path,
    tokenizer: Any,
    report: PreflightReport,
    out: Path,
    options: TrainOptions,
    progress: Callable[[Row], None] | None,
) -> Any:
    from datasets import Dataset

    from ..trainer import CompletionTrainer

    rows = Dataset.from_list([{"input_ids": row.input_ids, "labels": row.labels} for row in report.examples])
    lengths = [len(row.input_ids) for row in report.examples]
    order = training_order(lengths, [row.trained for row in report.examples], options)
    return CompletionTrainer(
        model=_load_model(source, options),
        args=_trl_config(out, options),
        train_dataset=rows.select(order),
        processing_class=tokenizer,
        peft_config=_lora(options) if options.mode == "lora" else None,
        progress=progress,
    )


def _load_model(source: Path, options: TrainOptions) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        str(source),
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation="flash_attention_2" if options.packing else None,
    )


def _trl_config(out: Path, options: TrainOptions) -> Any:
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(out / "checkpoints"),
        num_train_epochs=1,
        max_steps=options.max_steps if options.tokens is None else -1,
        per_device_train_batch_size=options.batch_size,
        gradient_accumulation_steps=options.gradient_accumulation,
        learning_rate=options.learning_rate,
        warmup_steps=options.warmup_ratio,
        lr_scheduler_type=options.scheduler,
        weight_decay=options.weight_decay,
        max_length=options.max_length if options.packing else None,
        packing=options.packing,
        train_sampling_strategy="random" if options.packing else "sequential",
        optim="adamw_torch_fused",
        bf16=_in_bfloat16(options),
        use_cpu=not cuda(),
        gradient_checkpointing=cuda(),
        seed=options.seed,
        data_seed=options.seed,
        save_steps=options.save_steps,
        save_total_limit=1,
        logging_steps=1,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=cuda(),
    )


def _in_bfloat16(options: TrainOptions) -> bool:
    if options.dtype == "auto":
        return cuda() or fast_bfloat16()
    return options.dtype == "bfloat16"


def _lora(options: TrainOptions) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=options.lora_rank, lora_alpha=options.lora_alpha, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def _result(
    trainer: Any, report: PreflightReport, *, out: Path, identity: str, student: str, options: TrainOptions
) -> TrainResult:
    from ..trainer import loss_log

    log = loss_log(trainer.state)
    return TrainResult(
        directory=out,
        identity=identity,
        student=student,
        options=options,
        preflight=report.to_row(),
        steps=trainer.state.global_step,
        trained_tokens=trainer.trained_tokens,
        total_tokens=sum(len(row["input_ids"]) for row in trainer.train_dataset),
        seconds=log[-1]["seconds"] if log else 0.0,
        resumed_from=trainer.clock.resumed_from,
        log=tuple(log),
        versions={name: version(name) for name in ("torch", "transformers", "trl", "peft", "datasets", "accelerate")},
    )


def _save(trainer: Any, tokenizer: Any, source: Path, result: TrainResult) -> None:
    """Save the model in the precision that the student came in, then clear the checkpoints away."""
    import torch
    from transformers import AutoConfig

    part = result.directory / "saving"
    shutil.rmtree(part, ignore_errors=True)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if result.options.mode == "lora":
        model.save_pretrained(str(part / "adapter"))
        model = model.merge_and_unload()
    dtype = AutoConfig.from_pretrained(str(source), trust_remote_code=False).dtype
    model.to(dtype or torch.float32).save_pretrained(str(part))
    tokenizer.save_pretrained(str(part))
    publish(part, result)
    shutil.rmtree(result.directory / "checkpoints")


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Hold back the libraries' progress bars and notices; a warning still comes through."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def _disk_full_in_one_line(out: Path) -> Iterator[None]:
    """Turn a full disk, which torch and safetensors report in their own ways, into one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if isinstance(error, StoreError) or not _is_disk_full(error, out):
            raise
        message = f"{out}: no space left on the disk; free some and run the same command again, nothing is lost"
        raise StoreError(message) from error


def _is_disk_full(error: Exception, out: Path) -> bool:
    return "No space left" in str(error) or (out.exists() and shutil.disk_usage(out).free < 1 << 20)
