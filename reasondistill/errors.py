"""The errors that reasondistill raises on purpose, drawn as a tree.

    ReasondistillError
    ├── UserError               somebody can mend it: one line, exit status 2
    │   ├── RecipeError         a recipe or a command-line option (ValueError)
    │   ├── DataError           a file of problems, rollouts or examples (ValueError)
    │   ├── ModelError          a model that cannot be had, read or used
    │   ├── EngineError         an engine that cannot start or a server that does not answer
    │   └── StoreError          a run folder: locked, of another recipe, no space (OSError)
    └── RequestError            one request failed; the others go on

Every UserError says what is wrong, where, and how to mend it, in one line.
"""


class ReasondistillError(Exception):
    """Base of every error that this package raises on purpose."""


class UserError(ReasondistillError):
    """Something the person at the keyboard can mend; the command line prints it and exits with 2."""


class RecipeError(UserError, ValueError):
    """A recipe or an option holds a value that cannot be used."""


class DataError(UserError, ValueError):
    """An input file cannot be read as what it should hold."""


class ModelError(UserError):
    """A model reference cannot be resolved, fetched, converted or trained."""


class EngineError(UserError):
    """An engine cannot be started, or its server is gone."""


class StoreError(UserError, OSError):
    """A run folder cannot be written: locked, of another recipe, or out of space."""


class RequestError(ReasondistillError):
    """One request to an engine failed for good; `reason` is a short class name for counting."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
