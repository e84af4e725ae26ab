"""Train a student: everything that is the same for every method.

The method prepares the rows and makes the trainer. Here are the model, its precision, LoRA, checkpoints, resuming, a
full disk, progress and the saved result. Several GPUs work through accelerate's launcher.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..engines.auto import cuda, fast_bfloat16
from ..errors import RecipeError, StoreError
from ..models.memory import free_memory, require_memory, weight_bytes
from ..models.resolve import weights_directory
from ..records import Row, content_id
from ..store.options import Choice, dump_options
from .checkpoints import claim, newest_checkpoint
from .method import Arguments, Prepared, Setting
from .methods import open_method
from .options import TrainOptions, deciding_options
from .ordering import training_order
from .result import TrainResult, finished, publish
from .rows import open_rows

_LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")


def fit(
    *,
    student: str,
    dataset: Path,
    out: Path,
    options: TrainOptions,
    method: Choice | None = None,
    seed: int = 0,
    tokens: int | None = None,
    progress: Callable[[Row], None] | None = None,
) -> TrainResult:
    """Train the student on the dataset's rows and save it in `out`; a finished model there is returned at once.

    `method` defaults to `options.method`. `tokens` caps the trained tokens, in place of epochs and steps. `progress`
    is called after every optimizer step with {step, total, loss, tokens, seconds}. Raises DataError when the rows
    cannot be trained on, StoreError when `out` holds another training or cannot be written.
    """
    if missing := [name for name in _LIBRARIES if find_spec(name) is None]:
        raise RecipeError(
            f"training needs {', '.join(missing)}, not installed here; run pip install 'reasondistill[train]'"
        )
    options = replace(options, method=method or options.method)
    teaching = open_method(options.method)
    rows = open_rows(dataset, teaching.DATA, teaching.COLUMNS, teaching.OPTIONAL_COLUMNS)
    decided: Row = {
        "method": options.method.name,
        "method_options": dump_options(teaching.options),
        "experimental": teaching.EXPERIMENTAL,
        "student": student,
        "options": deciding_options(options),
        "seed": seed,
        "tokens": tokens,
    }
    identity = content_id("train", decided, rows.digest())
    done = finished(out, identity)
    if done:
        return done
    from accelerate import PartialState
    from transformers import AutoTokenizer, PrinterCallback

    from .clock import StepClock

    with _disk_full_in_one_line(out), _quiet_libraries():
        checkpoints = out / "checkpoints"
        claim(checkpoints, identity)
        source = weights_directory(student)
        way_out = "choose a smaller student, or train on a larger machine"
        require_memory(student, weight_bytes(source, 4), free=free_memory(), way_out=way_out)
        setting = Setting(options=options, seed=seed, dataset=dataset, source=source, scratch=checkpoints)
        tokenizer = AutoTokenizer.from_pretrained(str(source), trust_remote_code=False)
        # The other processes of a machine find the rows prepared.
        with PartialState(cpu=not cuda()).local_main_process_first():
            prepared = teaching.prepare(tokenizer, rows, setting)
        order = _order(prepared, setting, tokens)
        arguments = Arguments(config=_config(setting, tokens), peft_config=_lora(options), setting=setting)
        model = _load_model(source, **teaching.model_arguments())
        trainer = teaching.trainer(model, tokenizer, prepared.rows.select(order), arguments)
        clock = StepClock(teaching, trainer, progress)
        trainer.remove_callback(PrinterCallback)  # prints every log line to stdout
        trainer.add_callback(clock)
        checkpoint = newest_checkpoint(checkpoints)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        counts, log = clock.counts(), clock.log()
        result = TrainResult(
            directory=out,
            identity=identity,
            **decided,
            preflight=prepared.report,
            steps=trainer.state.global_step,
            trained_tokens=counts.pop("trained_tokens"),
            total_tokens=None if prepared.lengths is None else sum(int(prepared.lengths[row]) for row in order),
            counts=counts,
            seconds=log[-1]["seconds"] if log else 0.0,
            resumed_from=clock.resumed_from,
            log=tuple(log),
            versions={name: version(name) for name in _LIBRARIES},
        )
        if trainer.is_world_process_zero():
            _save(trainer, tokenizer, setting, result)
        trainer.accelerator.wait_for_everyone()
    return result


def _load_model(source: Path, **keys: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        str(source), dtype=torch.float32, use_safetensors=True, trust_remote_code=False, **keys
    )


def _order(prepared: Prepared, setting: Setting, tokens: int | None) -> list[int]:
    if tokens is not None and prepared.trained is None:
        raise RecipeError(
            f"train.method: {setting.options.method.name} does not know its trained tokens beforehand; match students "
            "by problems instead of tokens"
        )
    alike = [1] * len(prepared.rows)
    lengths = alike if prepared.lengths is None else prepared.lengths
    trained = alike if prepared.trained is None else prepared.trained
    return training_order(lengths, trained, setting.options, seed=setting.seed, tokens=tokens)


def _config(setting: Setting, tokens: int | None) -> Row:
    """Return the arguments of transformers' TrainingArguments. The order of the rows holds every epoch already."""
    options, dtype = setting.options, setting.options.dtype
    return {
        "output_dir": str(setting.scratch),
        "num_train_epochs": 1,
        "max_steps": options.max_steps if tokens is None else -1,
        "per_device_train_batch_size": options.batch_size,
        "gradient_accumulation_steps": options.gradient_accumulation,
        "learning_rate": options.learning_rate,
        "warmup_steps": options.warmup_ratio,
        "lr_scheduler_type": options.scheduler,
        "weight_decay": options.weight_decay,
        "train_sampling_strategy": "sequential",
        "optim": "adamw_torch_fused",
        "bf16": cuda() or fast_bfloat16() if dtype == "auto" else dtype == "bfloat16",
        "use_cpu": not cuda(),
        "gradient_checkpointing": cuda(),
        "seed": setting.seed,
        "data_seed": setting.seed,
        "save_steps": options.save_steps,
        "save_total_limit": 1,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": _tracker(options.report_to),
        "dataloader_pin_memory": cuda(),
    }


def _tracker(name: str) -> str:
    """Return the tracker's name. Raises RecipeError for one that transformers does not know or that is missing."""
    from transformers.integrations import get_available_reporting_integrations

    if name in ("none", "all") or name in (installed := get_available_reporting_integrations()):
        return name
    raise RecipeError(
        f"train.report_to: {name} is not installed, or transformers does not know it (installed: "
        f"{', '.join(installed) or 'none'}); install it or set report_to to none"
    )


def _lora(options: TrainOptions) -> Any:
    from peft import LoraConfig

    if options.mode != "lora":
        return None
    return LoraConfig(
        r=options.lora_rank, lora_alpha=options.lora_alpha, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def _save(trainer: Any, tokenizer: Any, setting: Setting, result: TrainResult) -> None:
    """Save the model in the precision that the student came in, then delete the checkpoints."""
    import torch
    from transformers import AutoConfig

    part = result.directory / "saving"
    shutil.rmtree(part, ignore_errors=True)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if setting.options.mode == "lora":
        model.save_pretrained(str(part / "adapter"))
        model = model.merge_and_unload()
    dtype = AutoConfig.from_pretrained(str(setting.source), trust_remote_code=False).dtype
    model.to(dtype or torch.float32).save_pretrained(str(part))
    tokenizer.save_pretrained(str(part))
    if (tracked := setting.scratch / "runs").is_dir():  # TensorBoard writes among the checkpoints
        tracked.replace(part / "runs")
    publish(part, result)
    shutil.rmtree(setting.scratch)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Hold back progress bars, notices and TRL's telemetry; a warning still comes through."""
    import datasets
    from huggingface_hub import constants
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    dataset_bars, telemetry = datasets.are_progress_bars_disabled(), constants.HF_HUB_DISABLE_TELEMETRY
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        constants.HF_HUB_DISABLE_TELEMETRY = telemetry
        if bars:
            logging.enable_progress_bar()
        if not dataset_bars:
            datasets.enable_progress_bars()


@contextmanager
def _disk_full_in_one_line(out: Path) -> Iterator[None]:
    """Turn a full disk, which torch, Arrow and safetensors report in their own ways, into one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        full = "No space left" in str(error) or (out.exists() and shutil.disk_usage(out).free < 1 << 20)
        if isinstance(error, StoreError) or not full:
            raise
        message = f"{out}: no space left on the disk; free some and run the same command again, nothing is lost"
        raise StoreError(message) from error
