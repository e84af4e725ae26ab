"""A run with tool-integrated rollouts, from the recipe in `configs/` to the rows that a student would be trained on."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reasondistill.export.dataset import iter_rows
from reasondistill.generation.transcripts import parse, render
from reasondistill.problems import get_problems
from reasondistill.records import Row
from reasondistill.training.options import TrainOptions
from reasondistill.training.preflight.conversation import trained_spans
from reasondistill.training.preflight.preflight import preflight
from reasondistill.training.preflight.token_file import open_tokens

pytestmark = pytest.mark.timeout(300)
RECIPE = Path(__file__).parents[2] / "configs" / "tir.yaml"
COUNT = 24
WORKING = {p.question: str(p.metadata["working"]) for p in get_problems("procedural", count=COUNT, split="train")}
PLACE = {question: number for number, question in enumerate(WORKING)}


def model(messages: list[Row]) -> Row:
    """Compute with code; every fourth problem by heart, and every fourth with an error first."""
    asked = [head for m in messages if (head := m["content"].partition("\n")[0]) in WORKING][-1]
    outputs = [m["content"] for m in messages[-4:] if m["role"] == "user" and m["content"].startswith("```output")]
    kind = PLACE[asked] % 4
    if kind == 0:
        return {"content": f"By heart: \\boxed{{{eval(WORKING[asked])}}}."}
    if kind == 1 and not outputs:
        return {"content": "I try.\n```python\nprint(undefined)\n```\nIt prints the answer."}
    if len(outputs) == (kind == 1):
        return {"content": f"I compute.\n```python\nresult = {WORKING[asked]}\nprint(result)\n```\n"}
    return {"content": f"The answer is \\boxed{{{outputs[-1].splitlines()[1]}}}."}


def test_what_the_tools_said_is_in_the_rows_and_never_trained_on(
    chat_server: Callable[..., Any], student: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "reasondistill", "run", str(RECIPE), f"out={out}", f"problems.count={COUNT}"]
    command += ["teacher.model=m", "teacher.engine=openai", f"teacher.base_url={chat_server(model).url}", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads((out / "report.json").read_text())["counts"]
    assert (counts["rollouts"], counts["outcomes"], counts["examples"]) == (COUNT, {"correct": COUNT}, COUNT * 3 // 4)
    assert counts["drops"] == {"complete": {"hallucinated_output": COUNT // 4}}
    used = counts["tool_use"]
    assert (used["executed"]["value"], used["executed"]["n"]) == (0.75, COUNT)
    assert (used["executions"], used["failed_executions"], used["pruned"]) == (COUNT, COUNT // 4, COUNT // 4)
    assert "NameError" in (out / "report.html").read_text()

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(student)
    rows = list(iter_rows(out / "dataset" / "data"))
    file = out / "tokens.arrow"
    report = preflight(tokenizer, rows, options=TrainOptions(max_length=4096), out=file)
    assert report.rows == COUNT * 3 // 4
    for row, example in zip(rows, open_tokens(file), strict=True):
        read = "".join(tokenizer.decode(example["input_ids"]))
        trained = "".join(tokenizer.decode(example["input_ids"][a:b]) for a, b in trained_spans(example["labels"]))
        outputs = [m["content"] for m in row["completion"] if m["role"] == "tool"]
        assert outputs and all(f"```output\n{output}\n```" in read for output in outputs)
        assert "```output" not in trained and "Traceback" not in trained
        assert trained.count("```python") == len(outputs) and trained.endswith("<|im_end|>")
        whole = read.rpartition("<|im_start|>assistant\n")[2].partition("<|im_end|>")[0]
        assert render(parse(whole)) == whole
