"""The other `verifiers` on PyPI: found when installed, and refused when its files lie among ours."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import verifiers
from verifiers.clash import clash

OURS = Path(verifiers.__file__).parent


def run_python(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(OURS, tmp_path / "verifiers", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_an_installed_namesake_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "verifiers-0.1.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: verifiers\nVersion: 0.1.9\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    message = clash()
    assert message is not None
    assert "verifiers 0.1.9" in message
    assert "pip uninstall verifiers" in message


def test_our_files_alone_import(copy: Path) -> None:
    done = run_python("import verifiers.math; print(verifiers.__file__)", copy)
    assert done.stdout.strip() == str(copy / "verifiers" / "__init__.py")


@pytest.mark.parametrize("statement", ["import verifiers", "from verifiers.math import grade"])
def test_ours_installed_over_theirs_is_refused(copy: Path, statement: str) -> None:
    (copy / "verifiers" / "rubrics").mkdir()
    done = run_python(statement, copy)
    assert done.stderr.strip().splitlines()[-1].startswith("ImportError: ")
    assert "pip uninstall verifiers" in done.stderr


def test_theirs_installed_over_ours_is_refused(copy: Path) -> None:
    (copy / "verifiers" / "__init__.py").write_text("__version__ = '0.1.9'\n")
    done = run_python("from verifiers.math import grade", copy)
    assert done.stderr.strip().splitlines()[-1].startswith("ImportError: ")
    assert "pip uninstall verifiers" in done.stderr
