"""How strong the tests of a code problem are: which wrong variants of a right program pass them.

    python -m verifiers strength PROBLEMS.jsonl[.gz] [--most 40] [--seed 0] [--isolation auto]

A problem row holds `tests` and a right program under one of `SOLUTION_FIELDS`. Answers one JSON object a line: `id`,
`solution` (the verdict on the right program itself), `mutants`, `killed`, `survivors` and `cheats_alive`. A survivor
may mean the same as the right program does; a cheat (no-op, constant, early exit, output cut short) never does.
"""

import argparse
import ast
import gzip
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sandbox import Limits
from sandbox.testing import Program, Reading

from ..verdict import Outcome, Verdict
from .forms import BadTests, StdioTests, Tests
from .grading import judge_program
from .mutants import Mutant, cheats, mutants
from .problem import CodeProblem, code_problem
from .program_text import FoundProgram, find_program

SOLUTION_FIELDS = ("canonical_solution", "solution", "reference_solution", "reference", "code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """Result of running the tests of one problem on wrong variants of its solution."""

    solution: Outcome
    """Verdict on the right program; unless it is correct, nothing else was tried."""
    reason: str
    mutants: int
    killed: int
    survivors: tuple[dict[str, Any], ...]
    """Mutants that passed the tests: `kind`, `line`, `change`."""
    cheats_alive: tuple[str, ...]


def strength(
    problem: Mapping[str, Any], solution: str, *, most: int = 40, seed: int = 0, isolation: str = "auto"
) -> Strength:
    """Try up to `most` mutants and all cheats against the tests of a problem (a row as `verify` takes it).

    >>> strength({"tests": ["assert f(2) == 4"]}, "def f(x):\\n    return x * x").survivors[0]["change"]
    'x * x -> x + x'
    """
    try:
        given = code_problem(problem)
    except BadTests as error:
        return _untried(Outcome.ERROR, f"bad_gold: {error}")
    found, source, first_line = _readable(solution, given)
    if found is None:
        return _untried(Outcome.NO_ANSWER, "the solution does not parse")
    right = judge_program(found, given.tests, prompt=given.prompt, isolation=isolation).verdict
    if right.outcome is not Outcome.CORRECT:
        return _untried(right.outcome, right.reason)
    tried = mutants(source, first_line=first_line, most=most, seed=seed)
    tried += cheats(source, found.method or found.entry_point, main=found.program.main)
    limits = Limits(wall_seconds=min(5.0, 1.0 + 4 * right.seconds))
    with ThreadPoolExecutor(os.cpu_count() or 1) as executor:
        verdicts = list(executor.map(lambda one: _judge(one, found, given, limits, isolation), tried))
    alive = [one for one, verdict in zip(tried, verdicts, strict=True) if verdict.outcome is Outcome.CORRECT]
    return Strength(
        solution=right.outcome,
        reason="",
        mutants=sum(not one.cheat for one in tried),
        killed=sum(not one.cheat for one in tried) - sum(not one.cheat for one in alive),
        survivors=tuple({"kind": m.kind, "line": m.line, "change": m.change} for m in alive if not m.cheat),
        cheats_alive=tuple(one.kind for one in alive if one.cheat),
    )


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m verifiers strength", description=__doc__.splitlines()[0])
    parser.add_argument("problems", type=Path)
    parser.add_argument("--most", type=int, default=40, help="mutants of one problem")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--isolation", choices=("auto", "full", "flat"), default="auto")
    options = parser.parse_args(argv)
    try:
        rows = list(_rows(options.problems))
    except OSError as error:
        print(f"strength: {options.problems}: {error.strerror or error}; name a file of problems", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"strength: {options.problems}{error}", file=sys.stderr)
        return 2
    tried = killed = 0
    for row in rows:
        solution = next((row[name] for name in SOLUTION_FIELDS if isinstance(row.get(name), str)), "")
        found = strength(row, solution, most=options.most, seed=options.seed, isolation=options.isolation)
        tried, killed = tried + found.mutants, killed + found.killed
        print(json.dumps({"id": row.get("id"), **asdict(found)}), flush=True)
    print(f"{killed} of {tried} mutants refused", file=sys.stderr)
    return 0


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the problems; ValueError, starting with the line's number, for a line that holds none."""
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f":{number}: not JSON ({error}); correct or remove the line") from None
            if not isinstance(row, dict):
                raise ValueError(f":{number}: not a JSON object; correct or remove the line")
            yield row


def _readable(solution: str, given: CodeProblem) -> tuple[FoundProgram | None, str, int]:
    """Return the solution, its first reading that parses, and the line where that is no longer the prompt's."""
    main = isinstance(given.tests.body, StdioTests)
    found = find_program(solution, prompt=given.prompt, entry_point=given.entry_point, main=main)
    for reading in found.program.readings if found is not None else ():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(reading.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        head = reading.source.removesuffix(found.text) if found is not None else ""
        lines = head.count("\n") if len(head) < len(reading.source) else 0
        return found, reading.source, lines + 1
    return None, "", 1


def _judge(mutant: Mutant, found: FoundProgram, given: CodeProblem, limits: Limits, isolation: str) -> Verdict:
    program = Program(readings=(Reading(source=mutant.source),), main=found.program.main)
    changed = replace(found, program=program)
    tests: Tests = given.tests
    return judge_program(
        changed, tests, prompt=given.prompt, limits=limits, isolation=isolation, fail_fast=True
    ).verdict


def _untried(outcome: Outcome, reason: str) -> Strength:
    return Strength(solution=outcome, reason=reason, mutants=0, killed=0, survivors=(), cheats_alive=())
