"""What importing our packages may not drag in: the command line must answer at once."""

import subprocess
import sys

import pytest

from reasondistill.cli.main import COMMANDS

HEAVY = {
    "torch",
    "transformers",
    "vllm",
    "trl",
    "datasets",
    "pyarrow",
    "sympy",
    "numpy",
    "matplotlib",
    "rich",
    "openai",
}
HEAVY |= {
    "yaml",
    "math_verify",
    "accelerate",
    "peft",
    "xllamacpp",
    "huggingface_hub",
    "zstandard",
    "jinja2",
    "pydantic",
}


def _loaded_by(code: str) -> set[str]:
    program = f"{code}\nimport sys; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "module",
    [
        "reasondistill",
        "reasondistill.cli.main",
        "reasondistill.records",
        "reasondistill.recipe.records",
        "reasondistill.store.options",
        "reasondistill.store.table",
        "reasondistill.run.recipe_run",
        "reasondistill.run.child_process",
        "reasondistill.engines",
        "reasondistill.training",
        "verifiers",
        "verifiers.math",
        "sandbox",
    ],
)
def test_import_is_light(module):
    assert not _loaded_by(f"import {module}").intersection(HEAVY)


HELP = """
import contextlib, io
from reasondistill.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({arguments})
"""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["evaluate", "--help"]])
def test_help_is_light(arguments):
    assert not _loaded_by(HELP.format(arguments=arguments)).intersection(HEAVY)


def test_help_of_every_command_is_light():
    every = "".join(HELP.format(arguments=[command, "--help"]) for command in COMMANDS)
    assert not _loaded_by(every).intersection(HEAVY)


def test_importing_the_verifiers_does_not_import_the_pipeline():
    assert "reasondistill" not in _loaded_by("import verifiers, verifiers.math, sandbox")
