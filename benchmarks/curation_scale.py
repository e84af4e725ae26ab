"""The whole way from stored rollouts to a dataset on a million synthetic rows: rows/s and peak memory of each step.

    python benchmarks/curation_scale.py [--rows 1000000] [--samples 4] [--benchmarks DIR] [--keep FOLDER]

Makes a run folder whose rollouts and verdicts are there (rows of about 2 KB; `--trace-words 3600` makes them 22 KB),
then runs problems, verify, and curate with export of its recipe, each in a process of its own: deduplication,
near-duplicates of problems and of traces, n per problem, a token budget, decontamination against every .jsonl.gz in
DIR, and the Parquet dataset. `open` is `generate` finding that nothing is missing. Nothing here asserts a figure.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from reasondistill.problems import write_problems
from reasondistill.recipe.read import load_recipe
from reasondistill.records import FinishReason, Message, Problem, Rollout, Usage
from reasondistill.run.recipe_run import RecipeRun
from reasondistill.store import Table
from reasondistill.store.rollout_table import open_rollouts
from reasondistill.verification.judging import verdict_row
from verifiers import Outcome, Verdict

WORDS = [
    f"{a}{b}" for a in ("ta", "re", "mi", "so", "lu", "ne", "ka") for b in ("bor", "tel", "vin", "sam", "dor", "pis")
]
QUESTION_WORDS = 40
STEPS = ("problems", "fill", "open", "verify", "curate")
RECIPE = """
name: scale
until: export
problems: {{source: {problems}}}
teacher: {{model: recorded, engine: replay, replay: {recordings}}}
generate: {{template: math-zero-shot, samples: {samples}, sampling: {{temperature: 0.7, max_tokens: 4096}}}}
curate:
  near_duplicates: {{problems: 0.9, traces: 0.9}}
  max_per_problem: 2
  choose: shortest
  max_tokens: {tokens}
  against: {against}
"""


def main() -> None:
    """Make the folder and run the steps; a child of it runs one step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, default=4, help="rollouts of a problem")
    parser.add_argument("--trace-words", type=int, default=330)
    parser.add_argument("--benchmarks", type=Path)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work there and leave it")
    parser.add_argument("--child", choices=STEPS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        run_step(given.child, given)
        return
    if given.keep:
        run_steps(given, given.keep)
        return
    with tempfile.TemporaryDirectory() as folder:
        run_steps(given, Path(folder))


def run_steps(given: argparse.Namespace, folder: Path) -> None:
    """Run each step in a process of its own and print what it took."""
    folder.mkdir(parents=True, exist_ok=True)
    benchmarks = sorted(given.benchmarks.glob("*.jsonl.gz")) if given.benchmarks else []
    recipe = RECIPE.format(
        problems=folder / "problems.jsonl",
        recordings=folder / "none.jsonl",
        samples=given.samples,
        tokens=given.rows * given.trace_words // 4,
        against=json.dumps([str(path) for path in benchmarks]),
    )
    (folder / "scale.yaml").write_text(recipe)
    (folder / "none.jsonl").touch()
    print(f"{given.rows:,} rows, {given.samples} a problem, against {len(benchmarks)} benchmarks")
    words = ["--rows", str(given.rows), "--samples", str(given.samples), "--trace-words", str(given.trace_words)]
    for step in given.steps:
        command = [sys.executable, __file__, "--child", step, "--keep", str(folder), *words]
        began = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - began
        print(f"{step:10}{given.rows / seconds:12,.0f} rows/s{seconds:9.1f} s with its start", flush=True)


def run_step(step: str, given: argparse.Namespace) -> None:
    """Run one step and print the peak of this process's memory."""
    recipe = load_recipe(given.keep / "scale.yaml", [f"out={given.keep / 'run'}"])
    run = RecipeRun(recipe, recipe_folder=given.keep)
    if step == "problems":
        write_problems(given.keep / "problems.jsonl", problems(given.rows // given.samples))
        run.run_steps("problems")
    elif step == "fill":
        fill(run, given)
    else:
        for name in {"open": ("generate",), "curate": ("curate", "export")}.get(step, (step,)):
            began = time.perf_counter()
            run.run_steps(name)
            seconds = time.perf_counter() - began
            print(f"{name:10}{given.rows / seconds:12,.0f} rows/s{seconds:9.1f} s", flush=True)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(f"{step:10}{int(peak.split()[1]) / 1e6:12.2f} GB at most", flush=True)


def problems(count: int) -> Iterator[Problem]:
    """Yield problems, of which every tenth nearly repeats the one before."""
    draw, question = random.Random(0), ""
    for number in range(count):
        question = f"{question} Why?" if number % 10 == 9 else f"{number} {text(draw, QUESTION_WORDS)}?"
        yield Problem(id=f"p{number}", question=question, answer="7", source="synthetic", metadata={"level": 1})


def fill(run: RecipeRun, given: argparse.Namespace) -> None:
    """Store a rollout for everything that the recipe wants, a few of them wrong, truncated or alike."""
    stage, draw, same = run.steps["generate"].stage(None), random.Random(1), ""
    plan, options = stage.sets[0].plan(stage.model), stage.verify
    folder = run.path
    with (
        open_rollouts(folder, writable=True) as rollouts,
        Table(folder / "verdicts", key="rollout_id", writable=True) as verdicts,
    ):
        for number, (identifier, problem, index) in enumerate(plan.wanted()):
            if number % 9:
                same = f"{text(draw, given.trace_words)} \\boxed{{7}}"
            rollout = Rollout(
                id=identifier,
                problem_id=problem.id,
                index=index,
                strategy="cot",
                messages=(*plan.template.messages(problem), Message(role="assistant", content=same)),
                finish_reason=FinishReason.LENGTH if number % 23 == 0 else FinishReason.STOP,
                model=stage.model,
                engine="replay",
                sampling=plan.sampling,
                prompt_hash=plan.template.hash,
                usage=Usage(prompt_tokens=80, completion_tokens=given.trace_words + number % 7),
            )
            rollouts.append(rollout.to_row())
            outcome = Outcome.INCORRECT if number % 6 == 0 else Outcome.CORRECT
            verdict = Verdict(outcome=outcome, extracted="7", expected="7", method="boxed:text", verifier="rules")
            verdicts.append(verdict_row(rollout, verdict, options))


def text(draw: random.Random, count: int) -> str:
    """Return so many random words."""
    return " ".join(draw.choices(WORDS, k=count))


if __name__ == "__main__":
    main()
