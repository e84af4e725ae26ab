"""Argument parsing, error reporting and exit codes. Every command is a file of this package."""

import argparse
import difflib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__
from ..errors import UserError
from . import audit, compare, curate, decontaminate, doctor, evaluate, export, generate, models, problems, report

from . import run, scale, stats, train, verify  # isort: skip

# fmt: off
COMMANDS = {
    "run": run, "curate": curate, "export": export, "report": report, "problems": problems, "generate": generate,
    "verify": verify, "train": train, "evaluate": evaluate, "compare": compare, "scale": scale,
    "decontaminate": decontaminate, "audit": audit, "stats": stats, "models": models, "doctor": doctor,
}
# fmt: on
"""Every command, in the order of `--help`. Importing them is cheap: libraries are imported when a command runs."""

RESUMABLE = frozenset(("run", "curate", "export", "generate", "verify", "train", "evaluate", "scale"))
"""Commands that store finished work; the others start again."""
DONE, REFUSED, INTERRUPTED = 0, 2, 130
MIN_KEY_LENGTH = 8
"""Shortest API key that is masked in errors. Local servers take keys such as `none`, an ordinary word."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0: done. 1: done, and the answer is no (`audit`, `doctor`). 2: a mistake, explained in one line. 130: interrupted.
    """
    try:
        return _guarded(arguments)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second interrupt must not change the exit status
        resumes = not RESUMABLE.isdisjoint((sys.argv[1:] if arguments is None else arguments)[:1])
        print("stopped" + "; finished work is kept, the same command resumes" * resumes, file=sys.stderr)
        return INTERRUPTED


def _guarded(arguments: Sequence[str] | None) -> int:
    """Run the command; report user errors, a full disk and a closed pipe without a traceback."""
    args = _parse(arguments)
    try:
        status = int(args.run(args))
        print(end="", flush=True)
        return status
    except UserError as error:
        print(f"error: {_error_line(error)}", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:
        # The reader of our output has left (`| head`): that is no error.
        _discard_output()
        return DONE
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _discard_output()
        where = error.filename or "standard output"
        print(f"error: {where}: no space left; free some and run the same command again", file=sys.stderr)
        return REFUSED


def _discard_output() -> None:
    """Discard buffered output, or the interpreter fails on it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _error_line(error: Exception) -> str:
    """Return the error on one line that is safe to show: no secret, no terminal codes from a file or a server."""
    from ..report.text import one_line
    from ..store import mask_secrets

    text, key = str(mask_secrets(str(error))), os.environ.get("OPENAI_API_KEY", "")
    return one_line(text.replace(key, "***") if len(key) >= MIN_KEY_LENGTH else text, limit=2000)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse; key=value words may stand before and after options, which argparse alone does not allow."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = build_parser(arguments)
    args, rest = parser.parse_known_args(arguments)
    words: list[str] | None = getattr(args, "overrides", None)
    if rest and (words is None or any(word.startswith("-") or "=" not in word for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if words is not None:
        words.extend(rest)
    return args


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the arguments of the one that is typed."""
    parser = _Parser(
        prog="reasondistill", description="Distil math and code reasoning: sample, verify, train, measure."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    typed = next((word for word in arguments if not word.startswith("-")), None)
    for name, command in COMMANDS.items():
        text = command.HELP
        subparser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        subparser.add_argument("--json", action="store_true", help="print the result as one JSON object on stdout")
        if name == typed:
            command.add(subparser)
            subparser.set_defaults(run=command.run)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(REFUSED, f"error: {message}{_suggestion(message)}; see `{self.prog} --help`\n")


def _suggestion(message: str) -> str:
    """Return the nearest of the choices that argparse lists, as a question."""
    _, _, listed = message.partition("invalid choice: ")
    word, *choices = [part.strip(" '()") for part in listed.replace("(choose from", ",").split(",")]
    close = difflib.get_close_matches(word, choices, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


if __name__ == "__main__":
    sys.exit(main())
