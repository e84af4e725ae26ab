"""Fetching from small wheels made here: by the real pip where its behaviour counts, else by a stand-in that copies."""

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reasondistill.errors import ModelError
from reasondistill.models.catalogue import CatalogueEntry, Wheel
from reasondistill.models.fetch import cached, fetch

PARTS = 3
PART_SIZE = 300_000
CONTENT = random.Random(7).randbytes(PARTS * PART_SIZE)


def make_wheel(folder: Path, number: int, content: bytes) -> Wheel:
    package, version = f"tiny_model_part{number}", "1.0"
    info = f"{package}-{version}.dist-info"
    member = f"{package}/data/part{number:02}.bin"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{package}-{version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return Wheel(distribution=package.replace("_", "-"), version=version, member=member)


def make_entry(folder: Path, content: bytes = CONTENT) -> CatalogueEntry:
    size = len(content) // PARTS
    wheels = [make_wheel(folder, i + 1, content[i * size : (i + 1) * size]) for i in range(PARTS)]
    return CatalogueEntry(
        name="tiny-model",
        hub_id="nobody/tiny-model",
        licence="Apache-2.0",
        terms="none",
        wheels=tuple(wheels),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        gguf_file="Tiny.Q4_0.gguf",
        parameters=10_000_000,
    )


COPYING_PIP = """
import os, pathlib, shutil, sys
name, _, version = sys.argv[-1].partition("==")
wheel = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
shutil.copy(pathlib.Path(os.environ["PIP_FIND_LINKS"], wheel), sys.argv[sys.argv.index("--dest") + 1])
"""


@pytest.fixture
def copying_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for pip before the real one, which takes ten times as long to start."""
    place = tmp_path / "stand-in" / "pip"
    place.mkdir(parents=True)
    (place / "__init__.py").touch()
    (place / "__main__.py").write_text(COPYING_PIP)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place.parent), *os.environ.get("PYTHONPATH", "").split()]))


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip finds anything; the hub is switched off."""
    folder = tmp_path / "links"
    folder.mkdir()
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return folder


@pytest.fixture
def entry(links: Path) -> CatalogueEntry:
    return make_entry(links)


class Steps(list[str]):
    """A progress callback that keeps what it was told."""

    def __call__(self, done: int, total: int, what: str) -> None:
        self.append(f"{what} {done}/{total}")


def test_parts_are_joined_checked_and_put_in_place(entry: CatalogueEntry, tmp_path: Path) -> None:
    steps = Steps()
    path = fetch(entry, cache=tmp_path / "cache", progress=steps)
    assert path == tmp_path / "cache" / "models" / "tiny-model" / "Tiny.Q4_0.gguf"
    assert path.read_bytes() == CONTENT
    assert steps[0] == f"tiny-model: tiny-model-part1==1.0 0/{len(CONTENT)}"
    assert steps[-1] == f"tiny-model: done {len(CONTENT)}/{len(CONTENT)}"
    found = cached(entry, cache=tmp_path / "cache")
    assert found is not None
    assert (found.path, found.source, found.sha256) == (path, "wheels", entry.sha256)
    assert sorted(p.name for p in path.parent.iterdir()) == [".lock", "Tiny.Q4_0.gguf", "source.json"]


@pytest.mark.usefixtures("copying_pip")
def test_second_call_downloads_nothing(entry: CatalogueEntry, links: Path, tmp_path: Path) -> None:
    first = fetch(entry, cache=tmp_path)
    shutil.rmtree(links)
    steps = Steps()
    assert fetch(entry, cache=tmp_path, progress=steps) == first
    assert steps == []


def test_no_network_is_one_line_with_a_way_out(entry: CatalogueEntry, links: Path, tmp_path: Path) -> None:
    shutil.rmtree(links)
    links.mkdir()
    with pytest.raises(ModelError, match=r"tiny-model-part1==1\.0: ERROR: No matching.*put Tiny\.Q4_0\.gguf") as caught:
        fetch(entry, cache=tmp_path)
    assert "\n" not in str(caught.value)


def test_offline_asks_nobody(entry: CatalogueEntry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not in .*models fetch tiny-model"):
        fetch(entry, cache=tmp_path, offline=True)


@pytest.mark.usefixtures("copying_pip")
def test_wrong_hash_is_refused_and_nothing_stays(entry: CatalogueEntry, links: Path, tmp_path: Path) -> None:
    make_wheel(links, 2, b"something else")
    with pytest.raises(ModelError, match=r"has sha256 .*, not .*deleted"):
        fetch(entry, cache=tmp_path)
    assert [p.name for p in (tmp_path / "models" / "tiny-model").iterdir()] == [".lock"]
    make_entry(links)
    assert fetch(entry, cache=tmp_path).read_bytes() == CONTENT


def test_damaged_wheel_is_named(entry: CatalogueEntry, links: Path, tmp_path: Path) -> None:
    wheel = links / "tiny_model_part2-1.0-py3-none-any.whl"
    data = bytearray(wheel.read_bytes())
    data[len(data) // 3] ^= 0xFF
    wheel.write_bytes(data)
    with pytest.raises(ModelError, match=r"tiny-model-part2==1\.0: the wheel .* does not hold"):
        fetch(entry, cache=tmp_path)


def test_truncated_wheel_is_one_line(entry: CatalogueEntry, links: Path, tmp_path: Path) -> None:
    wheel = links / "tiny_model_part3-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:-200])
    with pytest.raises(ModelError, match=r"tiny-model-part3==1\.0") as caught:
        fetch(entry, cache=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("copying_pip")
def test_cached_file_that_changed_is_fetched_again(entry: CatalogueEntry, tmp_path: Path) -> None:
    path = fetch(entry, cache=tmp_path)
    path.write_bytes(CONTENT[:100])
    assert cached(entry, cache=tmp_path) is None
    assert fetch(entry, cache=tmp_path).read_bytes() == CONTENT


def test_file_put_by_hand_is_taken(entry: CatalogueEntry, links: Path, tmp_path: Path) -> None:
    shutil.rmtree(links)
    path = tmp_path / "models" / "tiny-model" / "Tiny.Q4_0.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert fetch(entry, cache=tmp_path, offline=True) == path


@pytest.mark.usefixtures("copying_pip")
def test_broken_sidecar_is_not_trusted(entry: CatalogueEntry, tmp_path: Path) -> None:
    path = fetch(entry, cache=tmp_path)
    (path.parent / "source.json").write_text('{"path": ')
    assert cached(entry, cache=tmp_path) is None
    assert fetch(entry, cache=tmp_path, offline=True) == path


FETCH_IN_CHILD = """
import sys, json
from pathlib import Path
from reasondistill.models.catalogue import CatalogueEntry, Wheel
from reasondistill.models.fetch import fetch
from reasondistill.errors import ModelError
row = json.loads(sys.argv[1])
entry = CatalogueEntry(**{**row, "wheels": tuple(Wheel(**w) for w in row["wheels"])})
try:
    fetch(entry, cache=Path(sys.argv[2]), progress=lambda done, total, what: print(what, flush=True))
except ModelError as error:
    print("ModelError:", error)
"""


def child_command(entry: CatalogueEntry, cache: Path) -> list[str]:
    from dataclasses import asdict

    return [sys.executable, "-c", FETCH_IN_CHILD, json.dumps(asdict(entry)), str(cache)]


@pytest.mark.usefixtures("copying_pip")
@pytest.mark.parametrize("killed_at", ["part1", "part2", "part3", "checking"])
def test_killed_fetch_goes_on_where_it_was(entry: CatalogueEntry, tmp_path: Path, killed_at: str) -> None:
    cache = tmp_path / "cache"
    child = subprocess.Popen(child_command(entry, cache), stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if killed_at in line:
            break
    child.send_signal(signal.SIGKILL)
    child.stdout.close()
    child.wait()
    steps = Steps()
    path = fetch(entry, cache=cache, progress=steps)
    assert path.read_bytes() == CONTENT
    assert not any("part1" in step for step in steps) or killed_at == "part1"
    assert not list(path.parent.glob("*.part*"))


@pytest.mark.usefixtures("copying_pip")
@pytest.mark.parametrize("journal", [b"", b"30", b"300000\n6000", b"x\n", b"900000\n300000\n", b"99999999\n"])
def test_torn_journal_never_gives_a_wrong_file(entry: CatalogueEntry, tmp_path: Path, journal: bytes) -> None:
    folder = tmp_path / "models" / "tiny-model"
    folder.mkdir(parents=True)
    (folder / "Tiny.Q4_0.gguf.partial").write_bytes(CONTENT[:PART_SIZE] + b"torn")
    (folder / "Tiny.Q4_0.gguf.parts").write_bytes(journal)
    assert fetch(entry, cache=tmp_path).read_bytes() == CONTENT


@pytest.mark.usefixtures("copying_pip")
def test_two_at_once_download_once(entry: CatalogueEntry, tmp_path: Path) -> None:
    reports = [Steps(), Steps()]
    threads = [
        threading.Thread(target=fetch, args=(entry,), kwargs={"cache": tmp_path, "progress": steps})
        for steps in reports
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("part2" in step for steps in reports for step in steps) == 1
    assert (tmp_path / "models" / "tiny-model" / "Tiny.Q4_0.gguf").read_bytes() == CONTENT


def test_pip_that_is_missing_is_said(entry: CatalogueEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(ModelError, match=r"pip is missing.*-m ensurepip"):
        fetch(entry, cache=tmp_path / "cache")


def test_folder_that_cannot_be_made_is_one_line(entry: CatalogueEntry, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="set REASONDISTILL_CACHE"):
        fetch(entry, cache=tmp_path / "file")


def limit_file_size(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.usefixtures("copying_pip")
def test_disk_that_fills_up_is_one_line(links: Path, tmp_path: Path) -> None:
    # Zeros: the wheels stay small, so that it is the joined file that meets the limit.
    zeros = make_entry(links, bytes(PARTS * PART_SIZE))
    command = child_command(zeros, tmp_path / "cache")
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit_file_size(400_000), check=True)
    assert done.stdout.splitlines()[-1].startswith("ModelError: tiny-model: no space left in ")
    assert done.stderr == ""
    assert fetch(zeros, cache=tmp_path / "cache").read_bytes() == bytes(PARTS * PART_SIZE)


def test_small_disk_is_seen_before_the_download(entry: CatalogueEntry, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(disk), *child_command(entry, disk)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root and unshare")
    assert done.stdout.splitlines()[-1].startswith(f"ModelError: tiny-model: no space left in {disk}")
    assert "MB needed" in done.stdout
    assert "part1" not in done.stdout


@pytest.mark.usefixtures("copying_pip")
def test_entry_of_another_hash_does_not_take_the_old_file(entry: CatalogueEntry, tmp_path: Path) -> None:
    fetch(entry, cache=tmp_path)
    assert cached(replace(entry, sha256="0" * 64), cache=tmp_path) is None
