"""The command line: what can be typed, and how errors and interrupts leave. The work is in `commands`."""

import argparse
import difflib
import errno
import importlib
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..engines import ENGINES
from ..generation.effort import EFFORTS
from ..generation.strategies.registry import STRATEGIES
from .export import add_options as add_export
from .forcing import add_forcing

Run = Callable[[argparse.Namespace], int]

DONE, REFUSED, INTERRUPTED = 0, 2, 130
MASKED_LENGTH = 8
"""A shorter key, such as `none` for a local server, is no secret but a word that an error may need."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 the answer is no, 2 a mistake to mend, 130 interrupted."""
    try:
        return _guarded(arguments)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second one must not change the answer
        print("stopped; what is finished is kept, the same command goes on where it was", file=sys.stderr)
        return INTERRUPTED


def _guarded(arguments: Sequence[str] | None) -> int:
    """Run the command and turn what people can mend into one line."""
    given = _parse(arguments)
    from ..errors import UserError

    try:
        status = int(given.run(given))
        print(end="", flush=True)
        return status
    except UserError as error:
        print(f"error: {_error_line(error)}", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:
        # The reader of our output is gone (`| head`): nothing to tell anybody.
        _drop_output()
        return DONE
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _drop_output()
        where = error.filename or "standard output"
        print(f"error: {where}: no space left; free some and run the same command again", file=sys.stderr)
        return REFUSED


def _drop_output() -> None:
    """Send what is still to be printed nowhere, or the interpreter fails on it once more while it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _error_line(error: Exception) -> str:
    """Return the error on one line that is safe to show: no secret, no terminal codes from a file or a server."""
    from ..report.text import one_line
    from ..store import mask_secrets

    text, key = str(mask_secrets(str(error))), os.environ.get("OPENAI_API_KEY", "")
    return one_line(text.replace(key, "***") if len(key) >= MASKED_LENGTH else text, limit=2000)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse; key=value words may stand before and after options, which argparse alone does not allow."""
    parser = build_parser()
    given, rest = parser.parse_known_args(arguments)
    words: list[str] | None = getattr(given, "overrides", None)
    if rest and (words is None or any(word.startswith("-") or "=" not in word for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if words is not None:
        words.extend(rest)
    return given


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="reasondistill", description="Distil math and code reasoning: sample, verify, train, measure."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (
        _add_run,
        _add_steps,
        _add_problems,
        _add_generate,
        _add_verify,
        _add_train,
        _add_evaluate,
        _add_compare,
        _add_scale,
        _add_decontaminate,
        _add_audit,
        _add_stats,
        _add_models,
    ):
        add(commands)
    _command(commands, "doctor", "say what this machine can run; status 1 if not the quickstart")
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose refusals are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(REFUSED, f"error: {message}{_meant(message)}; see `{self.prog} --help`\n")


def _meant(message: str) -> str:
    """Return the nearest of the choices that argparse lists, as a question."""
    _, _, listed = message.partition("invalid choice: ")
    word, *choices = [part.strip(" '()") for part in listed.replace("(choose from", ",").split(",")]
    close = difflib.get_close_matches(word, choices, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _add_run(commands: Any) -> None:
    run = _command(commands, "run", "do everything a recipe says, from problems to the report")
    run.add_argument("recipe", type=Path, metavar="RECIPE.yaml")
    _overrides(run)
    run.add_argument("--skip-bad", action="store_true", help="leave out problems that cannot be read, in every set")
    run.add_argument("--dry-run", action="store_true", help="print what would be done, what is there, and the tokens")


def _add_steps(commands: Any) -> None:
    texts = {
        "curate": "choose the rollouts of a run that become examples, and say why the others do not",
        "export": "write the dataset of a run",
        "report": "write report.json and report.html of a run",
    }
    for step, text in texts.items():
        parser = _command(commands, step, text, run="step")
        parser.set_defaults(step=step)
        parser.add_argument(
            "recipe", type=Path, metavar="RUN", help="a run folder, or its recipe; of report also a folder of evaluate"
        )
        if step == "export":
            add_export(parser)
        _overrides(parser)


def _add_problems(commands: Any) -> None:
    problems = _command(commands, "problems", "write a problem file from any source")
    problems.add_argument("source", help="procedural, gym:NAME, a .jsonl/.parquet file, or a dataset's hub id")
    problems.add_argument("--count", type=_positive)
    problems.add_argument("--split", help="procedural: train, seen or unseen; else the name the problems get")
    problems.add_argument("--seed", type=int, default=0)
    problems.add_argument("--skip-bad", action="store_true", help="leave out rows that cannot be read")
    problems.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")


def _add_generate(commands: Any) -> None:
    generate = _command(commands, "generate", "sample a teacher on a file of problems; the same command again resumes")
    generate.add_argument("--problems", required=True, metavar="FILE.jsonl")
    generate.add_argument("--limit", type=_positive, help="first problems only")
    generate.add_argument("--skip-bad", action="store_true", help="leave out rows that cannot be read")
    generate.add_argument("--samples", type=_positive, default=1, help="rollouts of each problem")
    generate.add_argument("--until-correct", type=_positive, metavar="K", help="stop a problem at K right rollouts")
    generate.add_argument(
        "--max-tokens-total", type=_positive, metavar="N", help="prompts and completions of the folder"
    )
    generate.add_argument("--max-cost", type=_above_zero, metavar="MONEY", help="by the two prices")
    generate.add_argument("--prompt-price", type=_above_zero, default=0.0, help="of a million tokens")
    generate.add_argument("--completion-price", type=_above_zero, default=0.0, help="of a million tokens")
    generate.add_argument("--max-failed-share", type=_share, default=0.02, help="of requests; above it: status 2")
    generate.add_argument("--no-verify", action="store_true", help="judge nothing; problems need no reference then")
    _model(generate, max_tokens=1024)
    generate.add_argument("--temperature", type=_temperature, help="default: the model's own")
    _out(generate)


def _add_verify(commands: Any) -> None:
    verify = _command(commands, "verify", "judge the rollouts of a file or a run folder")
    verify.add_argument("rollouts", type=Path, metavar="FILE.jsonl|DIR", help="rows with `messages` or `completion`")
    verify.add_argument("--problems", type=Path, metavar="FILE", help="supplies answers by problem_id")
    verify.add_argument("--strict", action="store_true", help="only a marked answer counts")
    verify.add_argument("--timeout", type=_above_zero, default=2.0, help="processor seconds of a comparison")
    _out(verify)


def _add_train(commands: Any) -> None:
    train = _command(commands, "train", "fine-tune a student on a dataset folder; the same command again resumes")
    train.add_argument("--dataset", type=Path, required=True, metavar="DIR", help="holds data/train-*.parquet")
    train.add_argument("--student", required=True, metavar="MODEL")
    train.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="such as epochs=2 mode=lora")
    _out(train)


def _add_evaluate(commands: Any) -> None:
    evaluate = _command(commands, "evaluate", "measure a model on a benchmark, or score completions made elsewhere")
    evaluate.add_argument("--benchmark", metavar="NAME|FILE.jsonl", help="or any other source of problems")
    evaluate.add_argument("--benchmarks-dir", type=Path, metavar="DIR", help="local files of the named benchmarks")
    evaluate.add_argument("--split", help="procedural: seen or unseen")
    evaluate.add_argument("--limit", type=_positive, help="first problems only")
    evaluate.add_argument("--skip-bad", action="store_true", help="leave out rows that cannot be read")
    evaluate.add_argument("--samples", type=_positive, default=1)
    evaluate.add_argument("--k", type=_ks, metavar="1,2,5", help="default: 1 and the number of rollouts a problem")
    evaluate.add_argument("--decode", choices=("greedy", "sample", "budget"), default="greedy")
    evaluate.add_argument("--temperature", type=_temperature, help="default: the model's own for sample, 0 for budget")
    evaluate.add_argument("--strict", action="store_true", help="only a marked answer counts")
    evaluate.add_argument("--export", nargs="+", default=[], choices=("evalplus", "lm-eval"), help="also write these")
    made = evaluate.add_argument_group("completions made elsewhere")
    made.add_argument("--rollouts", type=Path, metavar="FILE.jsonl|DIR", help="score these; no model is asked")
    made.add_argument("--problems", type=Path, metavar="FILE", help="supplies answers by problem_id")
    made.add_argument("--format", default="auto", choices=("auto", "rollouts", "evalplus", "lm-eval"))
    made.add_argument("--where", nargs="+", default=[], metavar="key=value", help="rows with these values only")
    made.add_argument(
        "--score", metavar="KEY", help="key of a reward model's score; default: rm_score, score or reward"
    )
    made.add_argument("--by-label", action="store_true", help="the rows' own labels stand for verdicts")
    made.add_argument(
        "--label-key", metavar="KEY", help="key of the label; default: is_correct, correct, label, passed"
    )
    _model(evaluate, max_tokens=1024, required=False)
    evaluate.add_argument("--prompt", dest="template", help="the same as --template: a prompt by name")
    _out(evaluate)


def _add_compare(commands: Any) -> None:
    compare = _command(commands, "compare", "say what can be concluded about two or more systems on the same problems")
    compare.add_argument("places", nargs="+", metavar="RUN", help="run folders, RUN:WHO, or folders of `evaluate`")
    compare.add_argument("--metric", default="pass@1", help="of evaluations, such as maj@8; default: pass@1")
    compare.add_argument("--page", type=Path, metavar="FILE.html", help="also write a page with every rollout")
    compare.add_argument("--all-pairs", action="store_true", help="not only each against the first")


def _add_scale(commands: Any) -> None:
    scale = _command(commands, "scale", "sweep thinking budgets, waits and samples: how accuracy grows with tokens")
    scale.add_argument("recipe", type=Path, metavar="RECIPE.yaml", help="such as configs/scaling.yaml")
    scale.add_argument("--report-only", action="store_true", help="sample nothing; report what is there")
    _overrides(scale)


def _add_decontaminate(commands: Any) -> None:
    clean = _command(commands, "decontaminate", "say which questions of a dataset repeat a benchmark's problem")
    clean.add_argument("dataset", type=Path, metavar="FILE|DIR", help="rows with a question, or a dataset folder")
    clean.add_argument("--against", action="append", required=True, metavar="FILE", help="a benchmark; several times")
    clean.add_argument("--ngram", type=_positive, default=8, help="words of an n-gram")
    clean.add_argument("--coverage", type=_share, default=0.5, help="share of n-grams in one problem that flags")
    clean.add_argument("--similarity", type=_share, default=0.75, help="of texts with the same numbers, that flags")
    clean.add_argument("--boilerplate", type=_positive, default=5, help="problems that make an n-gram a phrase")
    clean.add_argument("--skip-bad", action="store_true", help="leave out rows that cannot be read")
    clean.add_argument("--report", type=Path, metavar="FILE.md", help="every match, both texts side by side")
    clean.add_argument("--out", type=Path, metavar="FILE.jsonl", help="the problems that repeat none")


def _add_audit(commands: Any) -> None:
    text = "check a dataset again: receipts, verdicts and code; status 1 if something disagrees"
    audit = _command(commands, "audit", text, run="audit:audit")
    audit.add_argument(
        "dataset",
        metavar="DATASET",
        help="a dataset folder; or anybody's: a file or folder of .parquet or .jsonl, or a hub id ORG/NAME[:CONFIG] "
        "(open-r1, OpenMathReasoning, NuminaMath, OpenThoughts, s1K, ShareGPT, messages, prompt/completion)",
    )
    audit.add_argument("--share", type=_share, default=1.0, help="of the rows, judged again; hashes are always checked")
    audit.add_argument("--seed", type=int, default=0, help="which rows a share is")
    audit.add_argument("--split", help="main or a control's name; default: all")
    audit.add_argument("--limit", type=_positive, help="first rows only, of a dataset without receipts")
    audit.add_argument("--against", action="append", metavar="BENCHMARK", help="file or hub id; may be given again")
    audit.add_argument("--foreign", action="store_true", help="look at the rows as at anybody's, receipts left aside")
    audit.add_argument("--no-run", action="store_true", help="run no code")
    audit.add_argument("--isolation", default="auto", help="where code runs: auto, full, flat, bubblewrap or a URL")
    audit.add_argument("--diff", type=Path, metavar="EARLIER", help="compare two --out folders instead of auditing")
    audit.add_argument("--out", type=Path, metavar="DIR", help="write rows.jsonl, audit.json and audit.html")


def _add_stats(commands: Any) -> None:
    text = "say what is in a dataset: lengths, sources, verdicts, tool use, diversity, duplicates"
    stats = _command(commands, "stats", text, run="stats:stats")
    stats.add_argument("dataset", metavar="DIR|FILE", help="a dataset folder, a .parquet or .jsonl file, or a hub id")
    stats.add_argument("--against", action="append", metavar="OTHER", help="a dataset whose questions are looked for")
    stats.add_argument("--limit", type=_positive, help="first rows only")
    stats.add_argument("--seed", type=int, default=0, help="of the sample that diversity is measured on")


def _add_models(commands: Any) -> None:
    models = _command(commands, "models", "list, fetch and find the models of the catalogue")
    models.add_argument("action", choices=("list", "fetch", "path"))
    models.add_argument("name", nargs="?", help="a model reference, for fetch and path")


def _command(commands: Any, name: str, text: str, *, run: str | None = None) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=_lazy(run or name))
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object on standard output")
    return parser


def _lazy(name: str) -> Run:
    """Import a command's module, `commands` unless it names another, only when it runs: `--help` stays fast."""

    module, _, function = name.rpartition(":")

    def run(given: argparse.Namespace) -> int:
        return int(getattr(importlib.import_module(f".{module or 'commands'}", __package__), function)(given))

    return run


def _overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="values that win over the recipe's"
    )


def _model(parser: argparse.ArgumentParser, *, max_tokens: int, required: bool = True) -> None:
    parser.add_argument(
        "--model", required=required, help="catalogue name, hub id, directory, .gguf file, or a server's name"
    )
    parser.add_argument("--model-id", help="name to record instead; tells models of one name apart")
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="default: auto, the fastest one here")
    parser.add_argument(
        "--base-url",
        action="append",
        help="address of an OpenAI-compatible server; may be given several times; the key comes from OPENAI_API_KEY",
    )
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--concurrency", type=_positive, default=64, help="requests in flight at once")
    parser.add_argument("--request-timeout", type=_above_zero, default=600.0, metavar="SECONDS")
    parser.add_argument("--requests-per-minute", type=_above_zero, metavar="N", help="a server's bound, if it has one")
    parser.add_argument("--tokens-per-minute", type=_above_zero, metavar="N", help="prompt and completion together")
    parser.add_argument(
        "--stream", default="auto", choices=("auto", "always", "never"), help="default: auto, caps from 2000 tokens"
    )
    parser.add_argument(
        "--continuation",
        default="auto",
        choices=("auto", "prefix", "turns"),
        help="how a server goes on in a begun answer; turns for one that starts anew after a last assistant message",
    )
    parser.add_argument("--max-context", type=_positive, default=4096, help="tokens of prompt and completion together")
    parser.add_argument("--replay", metavar="DIR", help="recorded rollouts, for the replay engine")
    parser.add_argument("--strategy", default="cot", choices=STRATEGIES, help="tir runs the code that the model writes")
    parser.add_argument("--thinking", default="default", choices=EFFORTS, help="effort asked of the model")
    parser.add_argument("--tir", nargs="+", default=[], metavar="key=value", help="such as executions=4 syntax=fenced")
    add_forcing(parser)
    parser.add_argument("--template", help="prompt template: a built-in name or a YAML file; default: the strategy's")
    parser.add_argument("--max-tokens", type=_positive, default=max_tokens, help="cap of one completion")
    parser.add_argument("--top-p", type=_share)
    parser.add_argument("--seed", type=int, default=0)


def _out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def _ks(text: str) -> list[int]:
    try:
        ks = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be numbers such as 1,2,5, got {text!r}") from None
    if ks[0] < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {ks[0]}")
    return ks


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


def _temperature(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {text}")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, got {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
