"""An evaluation's rollouts in the files of other harnesses."""

import json
from pathlib import Path

from ..evaluation.read import read_measured, read_problems
from ..rows.layouts.evalplus import to_evalplus
from ..rows.layouts.lm_eval import to_lm_eval
from ..store import Table, write_atomic


def write_samples(folder: Path, name: str) -> Path:
    """Write the folder's rollouts as `evalplus` or `lm-eval` stores samples; return the file."""
    problems, rollouts = read_problems(folder), list(read_measured(folder))
    if name == "evalplus":
        path, rows = folder / "samples.jsonl", to_evalplus(rollouts, problems)
    else:
        right = {row["rollout_id"]: row["outcome"] == "correct" for row in Table(folder / "verdicts", key="rollout_id")}
        path, rows = folder / "samples_lm_eval.jsonl", to_lm_eval(rollouts, problems, right)
    write_atomic(path, "".join(json.dumps(row) + "\n" for row in rows))
    return path
