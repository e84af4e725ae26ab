"""Speed and accuracy of our mathematics verifier beside math-verify, on one core, case by case in turn.

Reads the labelled rows in `../shared/data/verifiers`; `--many N` judges N pairs with `grade_many` instead and watches
the memory. math-verify is used as its README shows, on the main thread with its own time limit.
"""

import argparse
import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
if __name__ == "verifiers":  # another script of this folder imports the package: hand over to it
    sys.path.remove(str(Path(__file__).parent))
    del sys.modules["verifiers"]

from verifiers.math import grade, grade_many

DATA = Path(__file__).parents[2] / "shared" / "data" / "verifiers"
SETS = ("realistic_dev", "real_outputs", "cases_dev")


@dataclass(slots=True)
class Measured:
    """What one verifier said and how long it took."""

    seconds: list[float] = field(default_factory=list)
    false_accepts: int = 0
    false_rejects: int = 0
    undecided: int = 0

    def add(self, judge: Callable[[str, str], bool | None], row: dict[str, Any]) -> None:
        """Judge one row."""
        started = perf_counter()
        correct = judge(row["prediction_text"], row["gold"])
        self.seconds.append(perf_counter() - started)
        self.undecided += correct is None
        self.false_accepts += correct is True and not row["expected"]
        self.false_rejects += correct is not True and row["expected"]

    def line(self, name: str) -> str:
        """Return the figures in one line."""
        ordered = sorted(self.seconds)
        p50, p99, most = (1e3 * ordered[int(q * (len(ordered) - 1))] for q in (0.5, 0.99, 1.0))
        rate = len(ordered) / sum(ordered)
        errors = f"{self.false_accepts}/{self.false_rejects}/{self.undecided}"
        return f"  {name:<12}{rate:>9.0f}/s  p50 {p50:8.3f} ms  p99 {p99:9.3f} ms  max {most:9.1f} ms  {errors}"


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--many", type=int, metavar="N", help="judge N pairs with grade_many and watch the memory")
    options = parser.parse_args()
    if options.many:
        _many(options.many)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    theirs = _math_verify()
    ours("\\boxed{\\int_0^1 x dx}", "2")  # starts what is started once: sympy's process, mpmath
    theirs("$1$", "1")
    print(
        "false accepts/false rejects/neither yes nor no stand last; ratio: time of math-verify over ours, rows in turn"
    )
    for name in options.sets:
        _compare(name, theirs)


def ours(completion: str, answer: str) -> bool | None:
    """Judge with ours."""
    return grade(completion, answer).correct


def _math_verify() -> Callable[[str, str], bool | None]:
    import logging

    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)

    def judge(completion: str, answer: str) -> bool | None:
        delimited = any(mark in answer for mark in ("\\boxed", "$", "\\(", "\\["))
        gold = parse(answer if delimited else f"${answer}$")
        return bool(verify(gold, parse(completion)))

    return judge


def _compare(name: str, theirs: Callable[[str, str], bool | None]) -> None:
    rows = [row for row in _rows(name) if "policy" not in row]
    mine, other = Measured(), Measured()
    for row in rows:
        mine.add(ours, row)
        other.add(theirs, row)
    ratio = sum(other.seconds) / sum(mine.seconds)
    print(f"{name} (n {len(rows)}): {ratio:.1f} times")
    print(mine.line("ours"))
    print(other.line("math-verify"))


def _rows(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def _many(n: int) -> None:
    rows = [row for name in ("realistic_dev", "real_outputs") for row in _rows(name)]

    def cases() -> Iterator[tuple[str, str]]:
        for k in range(n):
            row = rows[k % len(rows)]
            yield f"{row['prediction_text']} {' ' * (k % 97)}", row["gold"]

    started, right = perf_counter(), 0
    for k, verdict in enumerate(grade_many(cases()), 1):
        right += verdict.correct is True
        if k % (n // 10) == 0:
            rate = k / (perf_counter() - started)
            print(f"{k:>9} judged, {rate:>7.0f}/s, memory of all processes {_memory():.0f} MiB")
    print(f"{right} of {n} right")


def _memory() -> float:
    """Return the resident memory of this process and its children, in MiB."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(os.getpid()) in (fields["PPid"].strip(), fields["Pid"].strip()):
            total += int(fields.get("VmRSS", "0 kB").split()[0])
    return total / 1024


if __name__ == "__main__":
    main()
