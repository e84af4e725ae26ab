"""How strong the tests of a code problem are: which wrong variants of a right program pass them.

    python -m verifiers strength PROBLEMS.jsonl[.gz] [--most 40] [--seed 0] [--isolation auto]

A problem row holds `tests` and a right program under one of `SOLUTION_FIELDS`. Answers one JSON object a line: `id`,
`solution` (the verdict on the right program itself), `mutants`, `killed`, `survivors` and `cheats_alive`. A survivor
may mean the same as the right program does; a cheat (no-op, constant, early exit, output cut short) never does.
"""

import argparse
import ast
import json
import os
import sys
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sandbox import Limits
from sandbox.testing import Reading

from ..audit import read_rows
from ..verdict import Outcome, Verdict
from .forms import BadTests, CodeProblem, StdioTests, code_problem
from .grading import judge_program
from .mutants import Mutant, cheats, mutants
from .program_text import FoundProgram, find_program

SOLUTION_FIELDS = ("canonical_solution", "solution", "reference_solution", "reference", "code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """Result of running the tests of one problem on wrong variants of its solution."""

    solution: Outcome
    """Verdict on the right program; unless it is correct, nothing else was tried."""
    reason: str
    mutants: int = 0
    killed: int = 0
    survivors: tuple[dict[str, Any], ...] = ()
    """Mutants that passed the tests: `kind`, `line`, `change`."""
    cheats_alive: tuple[str, ...] = ()


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
        return Strength(solution=Outcome.ERROR, reason=f"bad_gold: {error}")
    found, source, first_line = _readable(solution, given)
    if found is None:
        return Strength(solution=Outcome.NO_ANSWER, reason="the solution does not parse")
    right = judge_program(found, given.tests, prompt=given.prompt, isolation=isolation).verdict
    if right.outcome is not Outcome.CORRECT:
        return Strength(solution=right.outcome, reason=right.reason)
    tried = mutants(source, first_line=first_line, most=most, seed=seed)
    tried += cheats(source, found.method or found.entry_point, main=found.program.main)
    limits = Limits(wall_seconds=min(5.0, 1.0 + 4 * right.seconds))

    def judge(mutant: Mutant) -> Verdict:
        changed = replace(found, program=replace(found.program, readings=(Reading(source=mutant.source),)))
        options: dict[str, Any] = {"prompt": given.prompt, "limits": limits, "isolation": isolation, "fail_fast": True}
        return judge_program(changed, given.tests, **options).verdict

    with ThreadPoolExecutor(os.cpu_count() or 1) as executor:
        verdicts = list(executor.map(judge, tried))
    alive = [one for one, verdict in zip(tried, verdicts, strict=True) if verdict.outcome is Outcome.CORRECT]
    survivors = tuple({"kind": one.kind, "line": one.line, "change": one.change} for one in alive if not one.cheat)
    count = sum(not one.cheat for one in tried)
    return Strength(
        solution=right.outcome,
        reason="",
        mutants=count,
        killed=count - len(survivors),
        survivors=survivors,
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
        rows = list(read_rows(options.problems))
    except OSError as error:
        print(f"strength: {options.problems}: {error.strerror or error}; name a file of problems", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"strength: {error}", file=sys.stderr)
        return 2
    tried = killed = 0
    for row in rows:
        solution = next((row[name] for name in SOLUTION_FIELDS if isinstance(row.get(name), str)), "")
        found = strength(row, solution, most=options.most, seed=options.seed, isolation=options.isolation)
        tried, killed = tried + found.mutants, killed + found.killed
        print(json.dumps({"id": row.get("id"), **asdict(found)}), flush=True)
    print(f"{killed} of {tried} mutants refused", file=sys.stderr)
    return 0


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
