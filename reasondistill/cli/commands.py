"""The commands behind the command line: each takes the parsed arguments, prints its result and returns a status."""

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..errors import RecipeError, StoreError
from ..records import Row, Sampling
from ..store import RunFolder


def run(given: Namespace) -> int:
    """Run a recipe; print the closing table, or with --json the report."""
    from ..recipe.read import load_recipe
    from ..run.pipeline import Pipeline

    recipe = load_recipe(given.recipe, given.overrides)
    if given.skip_bad:
        for source in (recipe.problems, *recipe.held_out.values()):
            source.skip_bad = True
    pipeline = Pipeline(recipe, recipe_folder=given.recipe.parent, command=_command_line())
    if given.dry_run:
        from ..run.dry_run import dry_run

        return _print(given, *dry_run(pipeline.plan))
    report, page = pipeline.run()
    if given.json:
        print(json.dumps(report))
    else:
        _summary(page, pipeline.folder.path / "report.html")
    return 0


def step(given: Namespace) -> int:
    """Run one step of a run folder again, with overrides if any, and the quick steps that it rests on.

    `report` of an evaluation's folder writes that evaluation's page.
    """
    from ..report.evaluation_page import is_evaluation

    if given.step == "report" and is_evaluation(given.recipe):
        from .compare import write_evaluation_page

        return write_evaluation_page(given)
    from .export import finish, words

    pipeline = _pipeline_of(given.recipe, [*given.overrides, *words(given)])
    with pipeline.writing():
        if given.step == "report":
            report, page = pipeline.report()
        else:
            for name in ("verify", "curate", "export")[: 2 if given.step == "curate" else 3]:
                getattr(pipeline, name)()
            result, lines = _curated(pipeline)
            if given.step == "export":
                more, said = finish(given, pipeline.folder.path / "dataset")
                result, lines = {**result, **more}, [*lines, *said]
            return _print(given, result, lines)
    if given.json:
        print(json.dumps(report))
    else:
        _summary(page, pipeline.folder.path / "report.html")
    return 0


def _pipeline_of(place: Path, overrides: Sequence[str]) -> Any:
    """Return the pipeline of a run folder, wherever it was moved to, or of a recipe."""
    from ..recipe.read import load_recipe
    from ..run.pipeline import Pipeline

    if not place.is_dir():
        return Pipeline(load_recipe(place, overrides), recipe_folder=place.parent, command=_command_line())
    if not (place / "recipe.yaml").is_file():
        raise RecipeError(f"{place}: holds no run (no recipe.yaml); name a run folder, such as runs/quickstart")
    recipe = load_recipe(place / "recipe.yaml", overrides)
    recipe.out = str(place)
    manifest = RunFolder(place).read_json("manifest.json") or {}
    return Pipeline(recipe, recipe_folder=Path(manifest.get("recipe_folder", place)), command=_command_line())


def _curated(pipeline: Any) -> tuple[Row, list[str]]:
    from ..run.report_assembly import count_rows

    counts = count_rows(pipeline.plan, pipeline.folder)
    dropped = [
        f"dropped {n}: {step}, {reason}" for step, reasons in counts["drops"].items() for reason, n in reasons.items()
    ]
    folder = str(pipeline.folder.path)
    kept = f"{counts['examples']} of {counts['rollouts']} rollouts of {folder} become examples"
    return {"folder": folder, "counts": counts}, [*dropped, kept]


def problems(given: Namespace) -> int:
    """Write a problem file."""
    from ..problems import get_problems, write_problems

    if given.out.exists() and not given.out.is_file():
        # It would be replaced, even a device: nobody means that.
        raise StoreError(f"{given.out}: is no regular file; name a file to write")
    found = get_problems(
        given.source,
        count=given.count,
        seed=given.seed,
        split=given.split,
        skip_bad=given.skip_bad,
        require_reference=False,
    )
    write_problems(given.out, found)
    return _print(given, {"problems": len(found), "out": str(given.out)}, [f"{len(found)} problems in {given.out}"])


def generate(given: Namespace) -> int:
    """Sample a model on a file of problems into DIR/rollouts and judge what comes back into DIR/verdicts."""
    from ..run.sample_folder import SamplingRun

    sampling = Sampling(temperature=given.temperature, top_p=given.top_p, max_tokens=given.max_tokens, seed=given.seed)
    run = SamplingRun(
        folder=given.out,
        source=given.problems,
        engine=_engine(given),
        template=given.template,
        sampling=sampling,
        strategy=_strategy(given),
        budget=_budget(given),
        max_failed_share=given.max_failed_share,
    )
    result = run.sample(limit=given.limit, samples=given.samples, skip_bad=given.skip_bad, judged=not given.no_verify)
    return _print(given, result, [_sampled_line(result, given.out)])


def evaluate(given: Namespace) -> int:
    """Measure a model on a benchmark, or score rollouts; DIR keeps the rollouts, the verdicts and report.json."""
    from ..problems.benchmarks.benchmark import find_benchmark
    from ..run.sample_folder import SamplingRun
    from .score import measured, score_rollouts

    if given.rollouts:
        return score_rollouts(given)
    if not (given.model and given.benchmark):
        raise RecipeError(
            "evaluate: give --model and --benchmark, or --rollouts FILE to score completions made elsewhere"
        )

    benchmark = find_benchmark(given.benchmark)
    if benchmark and given.strategy == "cot":
        given.strategy, given.template = benchmark.strategy, benchmark.prompt(given.template)
    temperature = given.temperature
    if given.decode == "greedy" or (given.decode == "budget" and temperature is None):
        temperature = 0.0
    sampling = Sampling(temperature=temperature, top_p=given.top_p, max_tokens=given.max_tokens, seed=given.seed)
    run = SamplingRun(
        folder=given.out,
        source=given.benchmark,
        split=given.split,
        benchmark=benchmark,
        benchmarks_dir=given.benchmarks_dir,
        engine=_engine(given),
        template=given.template,
        sampling=sampling,
        strategy=_strategy(given),
        strict=given.strict,
    )
    run.sample(limit=given.limit, samples=given.samples, skip_bad=given.skip_bad)
    return measured(given, run.report(given.k))


def compare(given: Namespace) -> int:
    """Say what can be concluded about two or more systems."""
    from .compare import compare

    return compare(given)


def scale(given: Namespace) -> int:
    """Sweep a grid of budgets, waits and samples; print the closing table, or with --json the report."""
    from ..scaling.recipe import load_scaling
    from ..scaling.sweep import Sweep

    recipe = load_scaling(given.recipe, given.overrides)
    sweep = Sweep(recipe=recipe, recipe_folder=given.recipe.parent, command=_command_line())
    report, page = sweep.report_only() if given.report_only else sweep.run()
    if given.json:
        print(json.dumps(report))
    else:
        _summary(page, recipe.folder / "report.html")
    return 0


def verify(given: Namespace) -> int:
    """Judge rollouts made anywhere; DIR/verdicts holds a row for each."""
    from ..verification.judging import VerifyOptions
    from ..verification.rescoring import verify_file

    options = VerifyOptions(strict=given.strict, timeout=given.timeout)
    result = verify_file(given.rollouts, given.out, problems=given.problems, options=options)
    outcomes = ", ".join(f"{name} {n}" for name, n in result["outcomes"].items())
    return _print(
        given, result, [f"{result['rollouts']} rollouts: {outcomes}", f"verdicts in {given.out / 'verdicts'}"]
    )


def train(given: Namespace) -> int:
    """Fine-tune a student on a dataset folder."""
    from ..models.resolve import resolve
    from ..recipe.read import parse_options
    from ..run.child_process import run_job
    from ..training.train_stage import TrainStage

    options = parse_options(given.overrides)
    resolve(given.student)
    _refuse_foreign(given.out)
    label = given.out.name
    stage = TrainStage(
        label=f"train {label}", student=given.student, dataset=given.dataset, out=given.out, options=options
    )
    with RunFolder(given.out.parent / f".{label}-training") as folder:
        result = run_job(stage, lock_fd=folder.lock_fd)
    return _print(
        given, result, [f"trained {given.out}: {result['steps']} steps, {result['trained_tokens']} trained tokens"]
    )


def _refuse_foreign(out: Path) -> None:
    """Raise StoreError for a folder with other things in it: a model is not saved among somebody's files."""
    own = ("training.json", "checkpoints")
    if out.is_dir() and any(out.iterdir()) and not any((out / name).exists() for name in own):
        raise StoreError(f"{out}: is not empty and holds no training; choose another folder")


def models(given: Namespace) -> int:
    """List the catalogue, fetch a model, or print where it is."""
    from ..models.fetch_progress import fetch_progress
    from ..models.resolve import list_models, resolve, weights_directory

    if given.action == "list":
        rows = [{**asdict(m), "path": str(m.path) if m.path else None} for m in list_models()]
        lines = [
            f"{m['name']:32} {m['size'] / 2**20:7.0f} MB  {m['licence']:12} {m['path'] or 'not fetched'}" for m in rows
        ]
        return _print(given, {"models": rows}, lines)
    if not given.name:
        raise RecipeError(f"models {given.action}: name a model, for instance smollm2-135m-instruct")
    if given.action == "fetch":
        with fetch_progress() as progress:
            weights_directory(given.name, progress=progress)
    files = resolve(given.name, fetch_missing=False)
    if files.path is None:
        raise RecipeError(f"{given.name}: not in the cache; run `reasondistill models fetch {given.name}`")
    return _print(given, {"name": files.name, "path": str(files.path)}, [str(files.path)])


def decontaminate(given: Namespace) -> int:
    """Compare a dataset with benchmarks; status 0 whatever is found."""
    from .decontaminate import decontaminate_dataset, summary

    row = decontaminate_dataset(given)
    return _print(given, row, summary(row))


def doctor(given: Namespace) -> int:
    """Print what this machine can run; status 1 when the quickstart cannot."""
    from .doctor import examine

    findings = examine()
    able = all(f.ok for f in findings)
    lines = [f"{'ok ' if f.ok else 'NO '} {f.name}: {f.value}" for f in findings]
    verdict = "the quickstart can run here" if able else "the quickstart cannot run here: mend the lines marked NO"
    _print(given, {"quickstart": able, "findings": [f.to_row() for f in findings]}, [*lines, verdict])
    return 0 if able else 1


def _engine(given: Namespace) -> Any:
    from ..engines import EngineOptions

    return EngineOptions(**{f.name: getattr(given, f.name) for f in fields(EngineOptions) if hasattr(given, f.name)})


def _budget(given: Namespace) -> Any:
    from ..generation.spending import BudgetOptions

    if given.max_cost is not None and not (given.prompt_price or given.completion_price):
        raise RecipeError("--max-cost needs prices: give --prompt-price and --completion-price, of a million tokens")
    names = ("until_correct", "max_tokens_total", "max_cost", "prompt_price", "completion_price")
    return BudgetOptions(**{name: getattr(given, name) for name in names})


def _strategy(given: Namespace) -> Any:
    from ..generation.strategies.registry import StrategyOptions
    from ..recipe.read import parse_tir
    from .forcing import forcing

    name = "budget" if getattr(given, "decode", None) == "budget" else given.strategy
    return StrategyOptions(name=name, thinking=given.thinking, tir=parse_tir(given.tir), forcing=forcing(given, name))


def _print(given: Namespace, result: Row, lines: Sequence[str]) -> int:
    print(json.dumps(result) if given.json else "\n".join(lines))
    return 0


def _summary(page: Any, path: Path) -> None:
    from rich.console import Console

    from ..report.terminal import print_summary

    print_summary(page, Console(), page=path)


def _sampled_line(result: Row, out: Path) -> str:
    accuracy = f", {_estimate(result['accuracy'])} right" if result.get("accuracy") else ""
    stopped = f"; stopped by {result['stopped']}" if result.get("stopped") else ""
    failed = "".join(f", {n} failed ({reason})" for reason, n in result["failed"].items())
    used = f", {_estimate(result['tool_use']['executed'])} ran code" if result.get("tool_use") else ""
    return f"{result['rollouts']} of {result['wanted']} rollouts in {out / 'rollouts'}{accuracy}{used}{failed}{stopped}"


def _estimate(row: Row) -> str:
    from ..records import Estimate

    return str(Estimate.from_row(row))


def _command_line() -> str:
    return shlex.join(["reasondistill", *sys.argv[1:]])
