"""`evaluate --rollouts` behind the command line: from parsed arguments to a printed result."""

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from ..errors import RecipeError
from ..evaluation.read import read_measured, read_problems
from ..problems import get_problems, load_problems
from ..problems.benchmarks.benchmark import Benchmark, find_benchmark
from ..progress import say
from ..records import Estimate, Problem, Rollout, Row
from ..rows.completion import ReadOptions
from ..rows.layouts import to_evalplus, to_lm_eval
from ..run.score_folder import ScoringRun
from ..store import Table, write_atomic
from ..verification.judging import VerifyOptions


def score_rollouts(given: Namespace) -> int:
    """Score completions made elsewhere; DIR keeps them, their verdicts and report.json."""
    benchmark = find_benchmark(given.benchmark) if given.benchmark else None
    run = ScoringRun(
        path=Path(given.rollouts),
        folder=given.out,
        references=_references(given, benchmark),
        benchmark=given.benchmark or "",
        read=ReadOptions(
            format=given.format,
            where=_where(given.where),
            skip_bad=given.skip_bad,
            score=given.score,
            label=given.label_key,
            by_label=given.by_label,
        ),
        verify=VerifyOptions(
            strict=given.strict or bool(benchmark and benchmark.strict),
            policy=benchmark.policy if benchmark else "default",
        ),
    )
    return measured(given, run.run(given.k))


def measured(given: Namespace, report: Row) -> int:
    """Print a report, say what to beware of, and write what --export asks for."""
    for line in report["warnings"]:
        say(f"warning: {line}")
    written = [f"written {export(given.out, name)}" for name in given.export]
    print(json.dumps(report) if given.json else "\n".join([*report_lines(report), *written]))
    return 0


def report_lines(report: Row) -> list[str]:
    """Return the metrics of a report as lines, and what stands beside them."""
    lines = [f"{name}: {Estimate.from_row(row)}" for name, row in report["metrics"].items()]
    outcomes = ", ".join(f"{name} {n}" for name, n in report["outcomes"].items())
    lines.append(f"{report['rollouts']} rollouts of {report['problems']} problems: {outcomes}")
    if labels := report.get("labels"):
        lines.append(
            f"labels of the file: {labels['agree']} of {labels['rows']} agree, {labels['right_here_only']} right here "
            f"only, {labels['right_there_only']} there only"
        )
    return lines


def export(folder: Path, name: str) -> Path:
    """Write an evaluation's rollouts as another harness keeps them; return the file."""
    problems = read_problems(folder)
    rollouts: list[Rollout] = list(read_measured(folder))
    if name == "evalplus":
        path, rows = folder / "samples.jsonl", to_evalplus(rollouts, problems)
    else:
        right = {row["rollout_id"]: row["outcome"] == "correct" for row in Table(folder / "verdicts", key="rollout_id")}
        path, rows = folder / "samples_lm_eval.jsonl", to_lm_eval(rollouts, problems, right)
    write_atomic(path, "".join(json.dumps(row) + "\n" for row in rows))
    return path


def _references(given: Namespace, benchmark: Benchmark | None) -> dict[str, Problem]:
    """Return the problems by id that --problems or --benchmark names."""
    if given.problems:
        found = load_problems(given.problems, skip_bad=given.skip_bad)
    elif benchmark:
        found = benchmark.load(folder=given.benchmarks_dir, skip_bad=given.skip_bad)
    else:
        found = get_problems(given.benchmark, skip_bad=given.skip_bad) if given.benchmark else []
    return {problem.id: problem for problem in found}


def _where(words: Sequence[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise RecipeError(f"--where takes key=value, such as model=NAME; got {word!r}")
    return dict(word.split("=", 1) for word in words)
