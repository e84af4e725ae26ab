"""What the code verifier says about programs whose verdict is known: canonical solutions, mutants, labelled traces.

    python -P benchmarks/code_verdicts.py [DATA] [--isolation auto|full|flat] [--only PART ...] [--limit N]

DATA holds `benchmarks/` and `traces/`; without it `../shared/data` beside the checkout is read. Prints a line for every
program that is judged otherwise than known, and a line per part at the end. Nothing here is a measurement of time.
"""

import argparse
import gzip
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sandbox import Limits, Status, shared_pool
from verifiers import Verdict
from verifiers.code import code_problem, judge_code
from verifiers.code.mutants import mutants

Row = dict[str, Any]
SECONDS = 60.0
"""Wall clock for canonical solutions of the `+` benchmarks, whose inputs are large; a busy machine wants it for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One program and what is known of it."""

    name: str
    completion: str
    row: Row
    right: bool


def rows(data: Path, name: str) -> list[Row]:
    with gzip.open(data / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def judge(case: Case, isolation: str, limits: Limits | None = None) -> Verdict:
    given = code_problem(case.row)
    return judge_code(case.completion, given.tests, prompt=given.prompt, isolation=isolation, limits=limits).verdict


def canonical(data: Path, name: str) -> Iterator[Case]:
    for row in rows(data, f"benchmarks/{name}"):
        yield Case(name=row["id"], completion=row["canonical_solution"], row=row, right=True)


def mutated(data: Path, name: str, count: int = 100) -> Iterator[Case]:
    """One changed program for each of `count` problems; some mean the same as the right one."""
    chosen = random.Random(0).sample(rows(data, f"benchmarks/{name}"), count)
    for number, row in enumerate(chosen):
        head = row["prompt"] if name == "humaneval" else ""
        found = mutants(head + row["canonical_solution"], first_line=head.count("\n") + 1, seed=number)
        if found:
            mutant = random.Random(number).choice(found)
            yield Case(name=f"{row['id']} {mutant.change}", completion=mutant.source, row=row, right=False)


def labelled(data: Path, name: str) -> Iterator[Case]:
    for row in rows(data, f"traces/{name}"):
        label = f"{row['problem_id']} {row['model']}"
        yield Case(name=label, completion=row["completion"], row=row, right=row["is_correct"])


def report(name: str, cases: list[Case], run: Callable[[Case], Verdict], threads: int) -> None:
    outcomes: Counter[tuple[bool, str]] = Counter()
    with ThreadPoolExecutor(threads) as executor:
        for case, verdict in zip(cases, executor.map(run, cases), strict=True):
            outcomes[case.right, str(verdict.outcome)] += 1
            if (verdict.correct or False) is not case.right:
                print(json.dumps([name, case.name, case.right, verdict.outcome, verdict.reason[:300]]), flush=True)
    agree = sum(n for (right, outcome), n in outcomes.items() if right is (outcome == "correct"))
    shown = ", ".join(f"{'right' if right else 'wrong'} -> {o}: {n}" for (right, o), n in sorted(outcomes.items()))
    print(f"{name}: {agree} of {len(cases)} as known ({shown})", flush=True)


def survivors(data: Path, isolation: str, count: int, threads: int, limits: Limits | None) -> None:
    """Run programs labelled correct and report those that the sandbox ends by force."""
    problems = {row["id"]: row for row in rows(data, "benchmarks/humaneval")}
    for name in ("code_llmdebugger", "humaneval_codegen16b_x100", "pot_codex"):
        right = [row for row in rows(data, f"traces/{name}") if row["is_correct"]]
        chosen = random.Random(1).sample(right, min(count, len(right)))
        if "codegen" in name:
            chosen = [{**problems[row["problem_id"]], "completion": _cut(row["completion"])} for row in chosen]
        with ThreadPoolExecutor(threads) as executor:
            found = Counter(executor.map(partial(_ended_by_force, isolation=isolation, limits=limits), chosen))
        print(f"{name}: of {len(chosen)} programs labelled correct: {dict(found)}", flush=True)


def _cut(completion: str) -> str:
    """Cut a base model's completion where its labels were made: at the stop words that `label_kind` names."""
    ends = [completion.find(word) for word in ("\nclass", "\ndef", "\n#", "\nif", "\nprint")]
    return completion[: min([end for end in ends if end >= 0], default=len(completion))]


def _ended_by_force(row: Row, isolation: str, limits: Limits | None) -> str:
    """Say how a program that is known to be right fares: as a script, or against its tests where it has some."""
    if "tests" in row:
        verdict = judge(Case(name="", completion=row["completion"], row=row, right=True), isolation, limits)
        if not verdict.correct:
            print(row.get("problem_id", row.get("id")), verdict.outcome, verdict.reason[:300])
        return str(verdict.outcome)
    ran = shared_pool(isolation).run(row["completion"], limits=limits)
    if ran.status is not Status.OK:
        print(row["problem_id"], ran.status, ran.reason, ran.stderr[-200:])
    return str(ran.status)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--isolation", default="auto")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=10**9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, help="wall clock of one program; without it what the tests say")
    options = parser.parse_args()
    patient = Limits(wall_seconds=SECONDS)
    given = Limits(wall_seconds=options.seconds) if options.seconds else None
    parts: dict[str, tuple[Iterator[Case], Limits | None]] = {
        **{name: (canonical(options.data, name), given) for name in ("humaneval", "mbpp_full", "mbpp_sanitized")},
        **{name: (canonical(options.data, name), patient) for name in ("humanevalplus", "mbppplus")},
        "humaneval_mutants": (mutated(options.data, "humaneval"), None),
        "mbpp_mutants": (mutated(options.data, "mbpp_sanitized"), None),
        "code_llmdebugger": (labelled(options.data, "code_llmdebugger"), given),
    }
    for name, (cases, limits) in parts.items():
        if not options.only or name in options.only:
            run = partial(judge, isolation=options.isolation, limits=limits)
            report(name, list(cases)[: options.limit], run, options.threads)
    if not options.only or "survivors" in options.only:
        survivors(options.data, options.isolation, min(options.limit, 2000), options.threads, given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
