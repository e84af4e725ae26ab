"""A candidate's program: the ways in which its text can be read, and loading the first one that compiles.

Runs inside the sandbox, before and while the program runs; parsing hostile text may hang or exhaust memory.
"""

import ast
import contextlib
import sys
import types
import warnings
from dataclasses import asdict, dataclass
from typing import Any, Self

from .program import FILE
from .prompt_helpers import parse_prompt
from .usual_names import names_of, usual_names

_MOST_CUTS = 40


class ProgramError(Exception):
    """No reading of the program's text compiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read a program."""

    source: str
    preamble: str = ""
    """Run before the source, statement by statement; a statement of it that fails is left out."""
    trim: bool = False
    """Cut the text before the line that does not compile, and again, until the rest does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program as the readings to try, best first.

    >>> program = Program(readings=(Reading(source="x = List"),))
    >>> Program.from_row(program.to_row()) == program
    True
    """

    readings: tuple[Reading, ...]
    main: bool = False
    """Whether it runs as a script does, or is loaded as a module."""

    def to_row(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"readings": [asdict(reading) for reading in self.readings], "main": self.main}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Rebuild from `to_row`'s data."""
        return cls(readings=tuple(Reading(**reading) for reading in row["readings"]), main=row["main"])


def load(program: Program) -> types.ModuleType:
    """Run the program's top level in a new module and return the module.

    Raises ProgramError if nothing compiles, and whatever the program raises.
    """
    reading, code = _first_that_compiles(program)
    module = types.ModuleType("__main__" if program.main else "solution")
    sys.modules[module.__name__] = module
    sys.argv[:] = [FILE]
    module.__dict__["__file__"] = FILE
    module.__dict__.update(usual_names(names_of(code)))
    _run_preamble(reading.preamble, module)
    exec(code, module.__dict__)
    return module


def find_name(module: types.ModuleType, name: str) -> tuple[Any] | None:
    """Return what a name means to the program, in a tuple; None where it means nothing.

    >>> find_name(types.ModuleType("m"), "nothing") is None
    True
    """
    if name in vars(module):
        return (vars(module)[name],)
    return next(((value,) for value in usual_names([name]).values()), None)


def _first_that_compiles(program: Program) -> tuple[Reading, types.CodeType]:
    first_error: Exception | None = None
    for reading in program.readings:
        source, cuts = reading.source, _MOST_CUTS if reading.trim else 0
        while source.strip():
            try:
                return reading, _compiled(source)
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
                first_error = first_error or error
                if cuts == 0:
                    break
                source, cuts = _before_error(source, error), cuts - 1
    raise ProgramError("there is no text" if first_error is None else f"{type(first_error).__name__}: {first_error}")


def _compiled(source: str) -> types.CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(source, FILE, "exec", dont_inherit=True, optimize=0)


def _before_error(source: str, error: Exception) -> str:
    lines = source.split("\n")
    place = getattr(error, "lineno", None) or 1
    return "\n".join(lines[: min(place, len(lines)) - 1])


def _run_preamble(preamble: str, module: types.ModuleType) -> None:
    for statement in parse_prompt(preamble) if preamble else ():
        with contextlib.suppress(Exception):
            exec(compile(ast.Module([statement], []), "prompt", "exec", dont_inherit=True, optimize=0), module.__dict__)
