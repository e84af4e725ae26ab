"""A laboratory for whole runs in seconds: a tiny student with random weights, and a teacher whose answers are recorded.

The recordings are made from the problems' own `working`: most are right, some wrong, without an answer, truncated or
equal to another. Each carries the seed of the rollout that it answers, so that a resumed run asks for the same one.
"""

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reasondistill.export.dataset import iter_rows
from reasondistill.problems import get_problems
from reasondistill.records import Problem, Row
from reasondistill.store import read_rows

TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
GENERATION = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

RECIPE = """
name: tiny
seed: 0
problems: {source: procedural, split: train, count: 150}
held_out:
  seen: {source: procedural, split: seen, count: 6}
  unseen: {source: procedural, split: unseen, count: 6}
teacher: {model: recorded, engine: replay, concurrency: 8}
student: {model: '', engine: transformers, dtype: float32, concurrency: 1, max_context: 512}
generate:
  template: math-zero-shot
  samples: 2
  sampling: {temperature: 0.7, max_tokens: 64}
train: {dtype: float32, epochs: 1, batch_size: 16, learning_rate: 1.0e-3, save_steps: 1}
evaluate: {few_shot: false, sampling: {temperature: 0.0, max_tokens: 12}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """Runs the tiny recipe, each time in a real process, and reads what a run leaves behind."""

    recipe: Path
    words: tuple[str, ...]
    """The overrides that name the student and the recordings."""

    def command(self, out: Path, *words: str) -> list[str]:
        return [sys.executable, "-m", "reasondistill", "run", str(self.recipe), *self.words, f"out={out}", *words]

    def run(self, out: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run to the end, however it ends."""
        return subprocess.run(self.command(out, *words), capture_output=True, text=True, timeout=110, check=False)

    def finish(self, out: Path, *words: str) -> Row:
        """Run to the end, which must be good; return report.json."""
        done = self.run(out, *words)
        assert done.returncode == 0, done.stderr
        return dict(json.loads((out / "report.json").read_text()))

    def start(self, out: Path, *words: str) -> "Started":
        """Start a run in a session of its own."""
        log = out.with_name(f"{out.name}.err")
        with log.open("w") as errors:
            process = subprocess.Popen(
                self.command(out, *words), start_new_session=True, stdout=subprocess.DEVNULL, stderr=errors
            )
        return Started(process=process, errors=log)

    def tables(self, out: Path) -> Row:
        """Return everything that a run's result is made of, without what depends on time and order."""
        names = sorted(p for p in (out, *(out / "evaluations").iterdir()) if (p / "rollouts").is_dir())
        found: Row = {}
        for folder in names:
            for table, key in (("rollouts", "id"), ("verdicts", "rollout_id")):
                found[f"{folder.relative_to(out)}/{table}"] = self.rows(folder / table, key)
        training = json.loads((out / "models" / "student" / "training.json").read_text())
        report = json.loads((out / "report.json").read_text())
        return {
            **found,
            "drops": self.rows(out / "drops", "rollout_id"),
            "dataset": list(iter_rows(out / "dataset" / "data")),
            "loss": [(point["step"], point["loss"], point["tokens"]) for point in training["log"]],
            "weights": (out / "models" / "student" / "model.safetensors").read_bytes(),
            "report": {
                k: report[k] for k in ("student_before", "paired", "paired_by_set", "counts", "tokens", "teacher")
            },
            "after": {k: v for k, v in report["student_after"].items() if k != "model"},
        }

    def rows(self, folder: Path, key: str) -> list[Row]:
        """Return the rows of a table by id, without the seconds; every id must be there once."""
        rows = [row for path in sorted(folder.glob("*.jsonl*")) for row in read_rows(path)]
        assert len({row[key] for row in rows}) == len(rows), f"an id stands twice in {folder}"
        return sorted(({k: v for k, v in row.items() if k != "seconds"} for row in rows), key=lambda row: str(row[key]))

    def files(self, out: Path) -> dict[str, int]:
        """Return the time of the last change of every file that holds results."""
        parts = ("problems", "rollouts", "verdicts", "drops", "dataset", "models", "evaluations")
        return {
            str(path.relative_to(out)): path.stat().st_mtime_ns
            for part in parts
            for path in (out / part).rglob("*")
            if path.is_file()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A run that is under way."""

    process: subprocess.Popen[bytes]
    errors: Path

    def wait_until(self, reached: Callable[[], bool]) -> bool:
        """Wait until the run has come so far; False when it ended before."""
        while not reached():
            if self.process.poll() is not None:
                return False
            time.sleep(0.001)
        return True

    def kill(self) -> None:
        """Kill the parent alone, with what cannot be caught."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def interrupt(self) -> int:
        """Do what Ctrl-C in a terminal does: interrupt the whole process group. Return the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def left_behind(self, seconds: float = 10.0) -> list[str]:
        """Return the command lines of the session's processes that are alive after so long."""
        until = time.monotonic() + seconds
        while (alive := list(_session(self.process.pid))) and time.monotonic() < until:
            time.sleep(0.02)
        return alive


def _session(leader: int) -> Iterator[str]:
    """Yield the command lines of the living processes of a session."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            command = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(session) == leader and state not in "ZX":
            yield command


@pytest.fixture(scope="session")
def lab(
    student: Path,
    record_teacher: Callable[..., Path],
    teacher_answer: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Lab:
    """The recipe, the student and the teacher's recordings."""
    folder = tmp_path_factory.mktemp("lab")
    recipe, recordings = folder / "tiny.yaml", folder / "teacher.jsonl"
    recipe.write_text(RECIPE)
    words = (f"student.model={student}", f"teacher.replay={recordings}")
    record_teacher(recordings, recipe, words, teacher_answer)
    return Lab(recipe=recipe, words=words)


@pytest.fixture(scope="session")
def undisturbed(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody interrupted. Read it, copy it, do not change it."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    lab.finish(out)
    return out


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights, and a tokenizer that knows word problems and ChatML."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    folder = tmp_path_factory.mktemp("models") / "toy"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    texts = [right_answer(p) + p.question for p in get_problems("procedural", count=200)]
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>")
    wrapped.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    wrapped.chat_template = TEMPLATE + GENERATION
    return wrapped


def right_answer(problem: Problem) -> str:
    """Return what a good teacher writes."""
    return f"{problem.metadata['working']} = {problem.answer}\nThe answer is \\boxed{{{problem.answer}}}."


def _teacher_answer(problem: Problem, index: int) -> tuple[str, str]:
    """Return (text, finish reason) of one recorded rollout: a draw by problem and index decides how good it is."""
    right, draw = right_answer(problem), zlib.crc32(f"{problem.id} {index}".encode())
    match draw % 10:
        case 0 | 1:
            return right.replace(f"{{{problem.answer}}}", "{-1}"), "stop"
        case 2:
            return f"{problem.metadata['working']} is what I would compute.", "stop"
        case 3:
            return right, "length"
        case _:
            return f"Attempt {draw % 7}.\n{right}", "stop"


@pytest.fixture(scope="session")
def teacher_answer() -> Callable[[Problem, int], tuple[str, str]]:
    """Return the function that gives the recorded teacher's answers."""
    return _teacher_answer
