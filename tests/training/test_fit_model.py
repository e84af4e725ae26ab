"""Two steps of the real student, killed and resumed."""

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

from reasondistill.errors import ModelError

STUDENT = "smollm2-135m-instruct"
RUN = """
import sys
from pathlib import Path
from reasondistill.training.options import TrainOptions
from reasondistill.training.fit import fit

student, dataset, out, mode = sys.argv[1:]
options = TrainOptions(max_steps=2, batch_size=2, save_steps=1, mode=mode)
tell = lambda line: print(line["step"], flush=True)
result = fit(student=student, dataset=Path(dataset), out=Path(out), options=options, progress=tell)
print("resumed from", result.resumed_from, "trained", result.preflight["sample"])
"""


@pytest.fixture
def student() -> str:
    from reasondistill.models.resolve import weights_directory

    try:
        weights_directory(STUDENT)
    except ModelError as error:
        pytest.skip(f"the model cannot be had: {error}")
    return STUDENT


def is_whole(state: Path) -> bool:
    """Return whether the file that the trainer writes last can be read: killed before that, it starts anew."""
    try:
        return bool(json.loads(state.read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError):
        return False


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["full", "lora"])
def test_the_real_student_is_trained_killed_and_resumed(
    student: str, save_dataset: Callable[..., Path], sums: list[dict[str, Any]], tmp_path: Path, mode: str
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "model"
    command = [sys.executable, "-c", RUN, student, str(save_dataset(sums)), str(out), mode]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}  # busy threads starve each other on a shared machine
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline() == "1\n"
        while process.poll() is None and not is_whole(out / "checkpoints" / "checkpoint-1" / "trainer_state.json"):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "2\nresumed from 1 trained 0+0 is 0.<|im_end|>\n"
    assert done.stderr == ""
    model = AutoModelForCausalLM.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert model.num_parameters() == 134_515_008
    assert tokenizer.decode(tokenizer.eos_token_id) == "<|im_end|>"
