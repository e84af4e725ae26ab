"""What a worker runs to judge mathematics: `python worker.py grading_program.py`.

A case is `[COMPLETION, ANSWER]`, its options are those of `grade` with the policy as an object; its answer is the row
of the verdict.
"""

import sys
from pathlib import Path
from typing import Any

MEMORY_BYTES = None


def load() -> str:
    """Import the verifier and return its version."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from verifiers.math import grading, numeric

    numeric.load()
    return grading.VERSION


def answer(case: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """Judge one completion."""
    from verifiers.math.grading import grade
    from verifiers.math.policy import Policy

    completion, reference = case
    if not isinstance(options["policy"], Policy):
        options["policy"] = Policy(**options["policy"])  # once a request
    return grade(completion, reference, **options).to_row()
