"""Recorded tool-integrated traces: the first code block gives the output that was recorded after it.

A seeded slice; the whole is `benchmarks/tir_outputs.py`, and `tir_outputs.md` explains what differs.
"""

import gzip
import json
import random
import re
from pathlib import Path

import pytest

from sandbox import Limits, Session

TRACES = Path(__file__).parents[3] / "shared" / "data" / "traces"
EXPLAINED = (Path(__file__).parent / "tir_outputs.md").read_text()
BLOCKS = re.compile(r"```python\n(.*?)```\s*```output\n(.*?)(?:\n?```|$)", re.S)


@pytest.mark.parametrize(("name", "count"), [("tora_corpus_examples", 8), ("gsm8k_rho1", 30)])
def test_the_first_block_gives_what_was_recorded(name: str, count: int) -> None:
    file = TRACES / f"{name}.jsonl.gz"
    if not file.exists():
        pytest.skip(f"no traces at {file}")
    with gzip.open(file, "rt") as lines:
        rows = [row for row in map(json.loads, lines) if row["style"] == "tir" and BLOCKS.search(row["completion"])]
    rows = [row for row in rows if f"{row['problem_id']} {row['model']}" not in EXPLAINED]
    for row in random.Random(3).sample(rows, count):
        code, output = BLOCKS.search(row["completion"]).groups()  # type: ignore[union-attr]
        with Session(limits=Limits(wall_seconds=30)) as session:
            ran = session.execute(code)
        said = ran.stdout.strip() or ran.stderr.strip().rpartition("\n")[2]
        assert said == output.strip(), (row["problem_id"], ran)
