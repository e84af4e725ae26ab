"""A toy student is trained, with everything that fit does around the method."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reasondistill.errors import DataError, RecipeError, StoreError
from reasondistill.store.options import Choice
from reasondistill.training.fit import fit
from reasondistill.training.options import TrainOptions
from reasondistill.training.result import TrainResult

Row = dict[str, Any]
Rows = list[Row]
STEPS = TrainOptions(max_steps=3, batch_size=4, learning_rate=1e-2, dtype="float32")


@pytest.fixture
def train(
    toy_student: Path, save_dataset: Callable[..., Path], sums: Rows, tmp_path: Path
) -> Callable[..., TrainResult]:
    """Return a training of the toy student on the sums."""
    dataset = save_dataset(sums)

    def run(out: str = "model", options: TrainOptions = STEPS, **keys: Any) -> TrainResult:
        return fit(student=str(toy_student), dataset=dataset, out=tmp_path / out, options=options, **keys)

    return run


def test_training_without_its_libraries_is_one_line(train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reasondistill.training.fit.find_spec", lambda name: None if name in ("torch", "trl") else name)
    with pytest.raises(RecipeError, match=r"training needs torch, trl, not installed here; run pip install") as raised:
        train()
    assert "\n" not in str(raised.value)


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
    reported: Rows = []
    result = train(progress=reported.append)
    assert json.loads((result.directory / "training.json").read_text()) == json.loads(json.dumps(result.to_row()))
    assert [line["step"] for line in result.log] == [1, 2, 3]
    assert result.log[-1]["tokens"] == result.trained_tokens == result.preflight["trained_tokens"]
    assert result.total_tokens == result.preflight["total_tokens"]
    assert [(t["step"], t["total"], t["tokens"]) for t in reported] == [(s["step"], 3, s["tokens"]) for s in result.log]
    assert set(reported[0]) == {"step", "total", "loss", "tokens", "seconds"}


def test_nothing_is_printed(train: Callable[..., TrainResult], capfd: pytest.CaptureFixture[str]) -> None:
    train()
    assert capfd.readouterr() == ("", "")


def test_a_finished_model_is_returned_at_once(train: Callable[..., TrainResult]) -> None:
    first = train()
    reported: Rows = []
    assert train(progress=reported.append) == first
    assert reported == []


def test_a_folder_with_another_training_is_refused(train: Callable[..., TrainResult]) -> None:
    train()
    with pytest.raises(StoreError, match="holds a model trained from another student, dataset or options"):
        train(options=TrainOptions(max_steps=2, batch_size=4, dtype="float32"))


def test_the_seed_decides_the_weights(train: Callable[..., TrainResult]) -> None:
    first, again, second = train("a"), train("b"), train("c", seed=1)
    assert same_weights(first.directory, again.directory)
    assert not same_weights(first.directory, second.directory)


def test_a_token_budget_decides_the_steps(train: Callable[..., TrainResult]) -> None:
    result = train(options=TrainOptions(batch_size=4, dtype="float32"), tokens=300)
    rows = 300 / (result.preflight["trained_tokens"] / result.preflight["rows"])
    assert 300 <= result.trained_tokens < 300 + 20
    assert result.steps == len(result.log) == -(-rows // 4)


def test_gradient_accumulation_takes_the_steps_of_a_larger_batch(train: Callable[..., TrainResult]) -> None:
    whole = train("a")
    parts = train("b", options=replace(STEPS, batch_size=2, gradient_accumulation=2))
    assert parts.log[-1]["tokens"] == whole.log[-1]["tokens"]
    assert [p["loss"] for p in parts.log] == pytest.approx([w["loss"] for w in whole.log], rel=1e-3)


def test_the_learning_rate_warms_up_and_falls_as_asked(train: Callable[..., TrainResult]) -> None:
    options = replace(STEPS, max_steps=4, warmup_ratio=0.5, scheduler="linear")
    assert [line["lr"] for line in train(options=options).log] == pytest.approx([0, 0.005, 0.01, 0.005])


def test_weight_decay_reaches_the_optimizer(train: Callable[..., TrainResult]) -> None:
    decayed = train("b", options=replace(STEPS, weight_decay=0.5))
    assert not same_weights(train("a").directory, decayed.directory)


def test_bfloat16_arithmetic_follows_float32(train: Callable[..., TrainResult]) -> None:
    half = train("b", options=replace(STEPS, dtype="bfloat16"))
    assert [h["loss"] for h in half.log] == pytest.approx([f["loss"] for f in train("a").log], rel=0.02)


def test_lora_is_merged_and_its_adapter_kept(train: Callable[..., TrainResult], toy_student: Path) -> None:
    lora = replace(STEPS, mode="lora", lora_rank=4, lora_alpha=8)
    result = train(options=lora)
    adapter = json.loads((result.directory / "adapter" / "adapter_config.json").read_text())
    assert (adapter["r"], adapter["lora_alpha"]) == (4, 8)
    assert weights(result.directory).keys() == weights(toy_student).keys()
    assert not same_weights(result.directory, toy_student)


def test_preflight_stops_the_training(toy_student: Path, save_dataset: Callable[..., Path], tmp_path: Path) -> None:
    rows = [{"prompt": [{"role": "user", "content": "?"}], "completion": [{"role": "assistant", "content": ""}]}]
    with pytest.raises(DataError, match="row 0: no token would be trained on"):
        fit(student=str(toy_student), dataset=save_dataset(rows), out=tmp_path / "out", options=STEPS)


@pytest.mark.parametrize("content", [None, b"no parquet"], ids=["absent", "broken"])
def test_a_dataset_that_cannot_be_read_is_named(toy_student: Path, tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "dataset"
    (folder / "data").mkdir(parents=True)
    if content:
        (folder / "data" / "train-0.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"no data/train-\*.parquet in it|cannot be read as Parquet"):
        fit(student=str(toy_student), dataset=folder, out=tmp_path / "out", options=STEPS)


def test_a_dataset_without_completions_is_named(
    toy_student: Path, save_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="has no column completion"):
        fit(student=str(toy_student), dataset=save_dataset([{"prompt": []}]), out=tmp_path / "out", options=STEPS)


RUN = """
import sys
from pathlib import Path
from reasondistill.training.options import TrainOptions
from reasondistill.store.options import Choice
from reasondistill.training.fit import fit

student, dataset, out, steps = sys.argv[1:]
options = TrainOptions(max_steps=int(steps), batch_size=2, save_steps=2, learning_rate=1e-2, dtype="float32")
show = lambda line: print(line["step"], flush=True)
result = fit(student=student, dataset=Path(dataset), out=Path(out), options=options, progress=show)
print("resumed", result.resumed_from, "steps", [line["step"] for line in result.log] == list(range(1, int(steps) + 1)))
"""


def killed_after(step: int, command: list[str]) -> None:
    """Start a training and kill it without warning once it has printed the step."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.strip() == str(step):
                time.sleep(0.01 * step)
                os.kill(process.pid, signal.SIGKILL)
                return


@pytest.mark.timeout(300)
def test_a_killed_training_resumes_and_ends_like_an_undisturbed_one(
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


def test_a_training_killed_before_its_rows_were_tokenized_starts_again(train: Callable[..., TrainResult]) -> None:
    first = train("a")
    scratch = first.directory.with_name("b") / "checkpoints"
    scratch.mkdir(parents=True)
    (scratch / "tokens.arrow.123").write_bytes(b"torn")
    assert same_weights(train("b").directory, first.directory)


def test_another_seed_number_or_tracker_is_the_same_training(train: Callable[..., TrainResult]) -> None:
    assert train(options=replace(STEPS, seeds=3)) == train()


def test_a_tracker_that_is_not_installed_is_named(train: Callable[..., TrainResult]) -> None:
    with pytest.raises(RecipeError, match=r"train.report_to: wandbb is not installed, or transformers does not know"):
        train(options=replace(STEPS, report_to="wandbb"))


def test_every_log_line_reaches_the_tracker(train: Callable[..., TrainResult], monkeypatch: Any) -> None:
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    losses = []

    class Tracker(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Row, **kwargs: Any) -> None:
            losses.extend([logs["loss"]] if "loss" in logs else [])

    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "trackio", Tracker)
    monkeypatch.setattr(integration_utils, "is_trackio_available", lambda: True)
    result = train(options=replace(STEPS, report_to="trackio"))
    assert losses == [line["loss"] for line in result.log]


TOY = """
from dataclasses import dataclass

from reasondistill.training.method import Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    decay: float = 0.5


class Toy(Method):
    Options = Options
    DATA = "messages"
    COLUMNS = ("messages",)
    LOGGED = ("entropy",)
    EXPERIMENTAL = True

    def trainer(self, model, tokenizer, data, arguments):
        from trl import SFTConfig, SFTTrainer

        config = SFTConfig(**arguments.config | {"weight_decay": self.options.decay}, loss_type="nll")
        return SFTTrainer(
            model=model, args=config, train_dataset=data, processing_class=tokenizer, peft_config=arguments.peft_config
        )

    def measure(self, trainer):
        return {"trained_tokens": 7 * trainer.state.global_step, "questions": trainer.state.global_step}
"""


@pytest.fixture
def toy_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Choice:
    """Return a user's method: TRL tokenizes whole conversations of an export format by itself."""
    (tmp_path / "toy_method.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_method", raising=False)
    return Choice(name="toy_method:Toy", options={"decay": 0.25})


def test_a_users_method_reads_its_format_and_leaves_its_counts(
    toy_method: Choice, toy_student: Path, save_dataset: Callable[..., Path], sums: Rows, tmp_path: Path
) -> None:
    place = save_dataset([{"messages": row["prompt"] + row["completion"]} for row in sums], "dataset/formats/messages")
    keys: Row = {"student": str(toy_student), "dataset": place.parents[1], "method": toy_method}
    result = fit(**keys, out=tmp_path / "model", options=STEPS)
    assert (result.method, result.method_options, result.experimental) == ("toy_method:Toy", {"decay": 0.25}, True)
    assert (result.steps, result.trained_tokens, result.counts) == (3, 21, {"questions": 3})
    assert all(line["entropy"] > 0 for line in result.log)
    assert same_weights(fit(**keys, out=tmp_path / "again", options=STEPS).directory, result.directory)
    with pytest.raises(RecipeError, match="toy_method:Toy does not know its trained tokens beforehand"):
        fit(**keys, out=tmp_path / "capped", options=STEPS, tokens=10)
