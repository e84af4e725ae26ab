"""A candidate's program: the readings of its text, and loading the first one that compiles.

Runs inside the sandbox, because parsing hostile text may hang or exhaust memory.
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

_MAX_CUTS = 40


class ProgramError(Exception):
    """No reading of the program's text compiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read a program's text."""

    source: str
    preamble: str = ""
    """Code that runs before the source, statement by statement; failing statements are skipped."""
    trim: bool = False
    """Whether to cut the text before a line that does not compile, until the rest compiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program as a list of readings to try, best first.

    >>> program = Program(readings=(Reading(source="x = List"),))
    >>> Program.from_row(program.to_row()) == program
    True
    """

    readings: tuple[Reading, ...]
    main: bool = False
    """Whether it runs as a script or is loaded as a module."""

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
    for statement in parse_prompt(reading.preamble) if reading.preamble else ():
        with contextlib.suppress(Exception):
            exec(compile(ast.Module([statement], []), "prompt", "exec", dont_inherit=True, optimize=0), module.__dict__)
    exec(code, module.__dict__)
    return module


def find_name(module: types.ModuleType, name: str) -> tuple[Any] | None:
    """Return the program's value of a name, in a tuple; None for an unknown name.

    >>> find_name(types.ModuleType("m"), "nothing") is None
    True
    """
    if name in vars(module):
        return (vars(module)[name],)
    return next(((value,) for value in usual_names([name]).values()), None)


def _first_that_compiles(program: Program) -> tuple[Reading, types.CodeType]:
    first_error: Exception | None = None
    for reading in program.readings:
        source, cuts = reading.source, _MAX_CUTS if reading.trim else 0
        while source.strip():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return reading, compile(source, FILE, "exec", dont_inherit=True, optimize=0)
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
                first_error = first_error or error
                if cuts == 0:
                    break
                lines, cuts = source.split("\n"), cuts - 1
                source = "\n".join(lines[: min(getattr(error, "lineno", None) or 1, len(lines)) - 1])
    raise ProgramError("there is no text" if first_error is None else f"{type(first_error).__name__}: {first_error}")
