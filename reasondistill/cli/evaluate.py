"""`reasondistill evaluate`: measure a model on a benchmark, or score completions from a file."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import RecipeError
from ..records import Estimate, Problem, Row, Sampling
from .arguments import add_format, add_out, add_skip_bad, positive
from .model_arguments import add_model, strategy_choice
from .option_arguments import read_record, typed_options
from .output import print_result

HELP = "measure a model on a benchmark, or score completions from a file"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--benchmark", metavar="NAME|FILE.jsonl", help="or any other source of problems")
    parser.add_argument("--benchmarks-dir", type=Path, metavar="DIR", help="local files of the named benchmarks")
    parser.add_argument("--split", help="split of procedural: seen or unseen")
    parser.add_argument("--limit", type=positive, help="first problems only")
    add_skip_bad(parser)
    parser.add_argument("--samples", type=positive, default=1, help="rollouts of each problem")
    parser.add_argument("--k", type=_ks, metavar="1,2,5", help="default: 1 and the number of rollouts a problem")
    parser.add_argument("--strict", action="store_true", help="accept marked answers only")
    parser.add_argument("--export", nargs="+", default=[], choices=("evalplus", "lm-eval"), help="also write these")
    file = parser.add_argument_group("completions from a file")
    file.add_argument("--rollouts", type=Path, metavar="FILE.jsonl|DIR", help="score these; no model is asked")
    file.add_argument("--problems", type=Path, metavar="FILE", help="problems whose references rows name by problem_id")
    add_format(file)
    file.add_argument("--where", nargs="+", default=[], metavar="key=value", help="rows with these values only")
    text = "key of a reward model's score; default: rm_score, score or reward"
    file.add_argument("--score", metavar="KEY", help=text)
    file.add_argument("--by-label", action="store_true", help="take the rows' labels as verdicts")
    text = "key of the label; default: is_correct, correct, label, passed, ..."
    file.add_argument("--label-key", metavar="KEY", help=text)
    add_model(parser, decode=("greedy", "sample", "budget"), required=False)
    parser.add_argument("--prompt", dest="template", help="the same as --template")
    add_out(parser)


def run(args: Namespace) -> int:
    """Measure; DIR keeps the rollouts, the verdicts and report.json."""
    from ..engines.options import EngineOptions
    from ..progress import say
    from ..run.harness_files import write_samples

    if args.rollouts:
        report = _score(args)
    elif args.benchmark and "model" in typed_options(args, EngineOptions):
        report = _measure(args)
    else:
        raise RecipeError("evaluate: give --model and --benchmark, or --rollouts FILE to score completions from a file")
    for line in report["warnings"]:
        say(f"warning: {line}")
    written = [f"written {write_samples(args.out, name)}" for name in args.export]
    print_result(args, report, [*_lines(report), *written])
    return 0


def _measure(args: Namespace) -> Row:
    """Sample a model and measure it."""
    from ..engines.options import EngineOptions
    from ..problems.benchmarks.benchmark import find_benchmark
    from ..run.sample_folder import SamplingRun

    benchmark, template = find_benchmark(args.benchmark), args.template
    strategy = strategy_choice(args, benchmark.strategy if benchmark else "cot")
    if benchmark and strategy.strategy.name in (benchmark.strategy, "cot"):
        template = benchmark.prompt(template)
    sampling = read_record(args, Sampling)
    if args.decode == "greedy" or (args.decode == "budget" and sampling.temperature is None):
        sampling = replace(sampling, temperature=0.0)
    folder = SamplingRun(
        folder=args.out,
        source=args.benchmark,
        split=args.split,
        benchmark=benchmark,
        benchmarks_dir=args.benchmarks_dir,
        engine=read_record(args, EngineOptions),
        template=template,
        sampling=sampling,
        strategy=strategy,
        strict=args.strict,
    )
    folder.sample(limit=args.limit, samples=args.samples, skip_bad=args.skip_bad, measured=True)
    return folder.report(args.k)


def _score(args: Namespace) -> Row:
    """Score completions from a file."""
    from ..problems import get_problems, load_problems
    from ..problems.benchmarks.benchmark import find_benchmark
    from ..rows.completion_file import ReadOptions
    from ..run.score_folder import ScoringRun
    from ..verification.judging import VerifyOptions

    benchmark = find_benchmark(args.benchmark) if args.benchmark else None
    strict = args.strict or bool(benchmark and benchmark.strict)
    references: Sequence[Problem] = []
    if args.problems:
        references = load_problems(args.problems, skip_bad=args.skip_bad)
    elif benchmark:
        references = benchmark.load(folder=args.benchmarks_dir, skip_bad=args.skip_bad)
    elif args.benchmark:
        references = get_problems(args.benchmark, skip_bad=args.skip_bad)
    for word in args.where:
        if "=" not in word:
            raise RecipeError(f"--where takes key=value, such as model=NAME; got {word!r}")
    folder = ScoringRun(
        path=args.rollouts,
        folder=args.out,
        references={problem.id: problem for problem in references},
        benchmark=args.benchmark or "",
        read=ReadOptions(
            format=args.format,
            where=dict(word.split("=", 1) for word in args.where),
            skip_bad=args.skip_bad,
            score=args.score,
            label=args.label_key,
            by_label=args.by_label,
        ),
        verify=VerifyOptions(strict=strict, policy=benchmark.policy if benchmark else "default"),
    )
    return folder.run(args.k)


def _lines(report: Row) -> Iterator[str]:
    metrics = report["metrics"]
    for name, row in metrics.items():
        # With one rollout a problem there is nothing to vote on or to choose from.
        if not (name.endswith("@1") and name != "pass@1" and row == metrics.get("pass@1")):
            yield f"{name}: {Estimate.from_row(row)}"
    outcomes = ", ".join(f"{name} {n}" for name, n in report["outcomes"].items())
    yield f"{report['rollouts']} rollouts of {report['problems']} problems: {outcomes}"
    if labels := report.get("labels"):
        yield (
            f"labels of the file: {labels['agree']} of {labels['rows']} agree, {labels['right_here_only']} right here "
            f"only, {labels['right_there_only']} there only"
        )


def _ks(text: str) -> list[int]:
    try:
        ks = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be numbers such as 1,2,5, got {text!r}") from None
    if ks[0] < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {ks[0]}")
    return ks
