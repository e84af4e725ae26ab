"""The sandbox of an installed package, which stands among the libraries that its children use."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sandbox
from sandbox import Pool, SandboxUnavailable

INSTALLED = """
import json, sys
from sandbox import Limits, Pool
with Pool(isolation=sys.argv[1], prewarm=["mine_alone", "json"]) as pool:
    found = pool.run("import mine_alone; print(mine_alone.VALUE)", limits=Limits(wall_seconds=20))
print(json.dumps([found.status, found.stdout, found.stderr]))
"""


@pytest.mark.parametrize("isolation", ["full", "flat"])
def test_an_installed_package_leaves_the_libraries_beside_it_to_children(tmp_path, isolation):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    libraries = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    shutil.copytree(Path(sandbox.__file__).parent, libraries / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    (libraries / "mine_alone.py").write_text("VALUE = 42\n")
    program = tmp_path / "program.py"
    program.write_text(INSTALLED)
    with Pool(isolation=isolation, prewarm=()) as pool:
        try:
            pool.zygote()
        except SandboxUnavailable as problem:
            pytest.skip(str(problem))
    done = subprocess.run([python, "-I", program, isolation], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == ["ok", "42\n", ""]
