"""Emptying what hostile programs leave, the watch over a flat directory, and what is left by zygotes long dead."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from sandbox import Limits, Pool, Status
from sandbox.box import _delete_if_unused, empty_directory, make_base
from sandbox.errors import SandboxUnavailable
from sandbox.layers import cgroup
from sandbox.pool import bubblewrap
from sandbox.watch import Process, directory_over_limit, over_limit


def test_a_hostile_tree_is_emptied(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    box = tmp_path / "box"
    box.mkdir()
    (box / "link").symlink_to(outside)
    (box / "\x7flifted1").mkdir()
    os.mkfifo(box / "pipe")
    here = os.open(box, os.O_RDONLY)
    for depth in range(60):  # longer than any path may be
        os.mkdir("d" * 100, dir_fd=here)
        inner = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
        os.close(os.open(f"f{depth}", os.O_CREAT | os.O_WRONLY, 0, dir_fd=inner))
        os.close(here)
        here = inner
    os.close(here)
    (box / "closed").mkdir()
    (box / "closed" / "file").write_text("x")
    (box / "closed").chmod(0)
    box.chmod(0o500)
    empty_directory(str(box))
    assert list(box.iterdir()) == []
    assert (outside / "kept").read_text() == "x"


def test_directories_of_dead_zygotes_are_deleted_and_living_ones_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, lock = make_base()
    second, other = make_base()
    assert os.path.isdir(first) and os.path.isdir(second)  # noqa: PTH112
    os.close(lock)
    third, last = make_base()
    assert not os.path.isdir(first) and os.path.isdir(second)  # noqa: PTH112
    for one in (other, last):
        os.close(one)
    assert stat.S_IMODE(os.stat(third).st_mode) == 0o711  # noqa: PTH116


def test_a_directory_in_use_is_left_alone(tmp_path):
    lock = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    _delete_if_unused(tmp_path)
    os.close(lock)
    assert tmp_path.is_dir()


def test_control_groups_are_joined_where_they_may_be_and_left_empty():
    with Pool(prewarm=()) as pool:
        zygote = pool.zygote()
        groups = [Path(group) for group in zygote.details["cgroups"]]
        if not groups:
            pytest.skip("no control group can be written here")
        assert all(any((group / name).exists() for name in ("pids.max", "memory.limit_in_bytes")) for group in groups)
        assert all((group / "cgroup.procs").read_text() for group in groups)
        assert pool.run("print(1)").ok
    assert not any(group.exists() for group in groups)


def test_control_groups_that_cannot_be_made_are_done_without(tmp_path):
    membership = tmp_path / "cgroup"
    membership.write_text("0::/\n5:memory:/none\n")
    assert cgroup.join(tmp_path / "absent", membership) == []
    assert cgroup.join(tmp_path, membership) == [], "a plain directory is no control group"
    assert list(tmp_path.iterdir()) == [membership]
    assert cgroup.join(tmp_path, tmp_path / "missing") == []


LIMITS = Limits(files=20, disk_bytes=1 << 20, processes=3, threads=10, memory_bytes=1 << 30)


def test_the_watch_counts_files_and_bytes(tmp_path):
    directory = str(tmp_path)
    assert directory_over_limit(directory, [], LIMITS) == ""
    (tmp_path / "large").write_bytes(b"x" * (3 << 20))
    assert "disk" in directory_over_limit(directory, [], LIMITS)
    (tmp_path / "large").unlink()
    for number in range(30):
        (tmp_path / str(number)).touch()
    assert "files" in directory_over_limit(directory, [], LIMITS)


def test_the_watch_does_not_follow_links_and_forces_doors(tmp_path):
    (tmp_path / "link").symlink_to("/usr")
    (tmp_path / "closed").mkdir(0)
    assert directory_over_limit(str(tmp_path), [], LIMITS) == ""


def test_the_watch_sees_files_without_names(tmp_path):
    with open(tmp_path / "f", "wb") as file:  # noqa: PTH123
        (tmp_path / "f").unlink()
        file.write(b"x" * (3 << 20))
        file.flush()
        me = Process(os.getpid(), 0, 1, 0)
        assert "disk" in directory_over_limit(str(tmp_path), [me], LIMITS)


@pytest.mark.parametrize(
    ("processes", "reason"),
    [
        ([(1, 1, 100)], ""),
        ([(1, 1, 100)] * 4, ""),
        ([(1, 1, 100)] * 5, "processes"),
        ([(1, 14, 100)], "threads"),
        ([(2**22 + 1, 1, 3 << 30)], ""),
        ([(2**22 + 1, 1, 1 << 30), (2**22 + 2, 1, 1 << 29)], "memory"),
    ],
)
def test_the_watch_judges_a_whole_tree(processes, reason):
    tree = [Process(pid, 1, threads, resident) for pid, threads, resident in processes]
    found = over_limit(tree, LIMITS, base=0)
    assert found.startswith(reason) and bool(found) == bool(reason)


@pytest.mark.installed
def test_programs_in_bubblewrap():
    try:
        bubblewrap()
    except SandboxUnavailable as missing:
        pytest.skip(str(missing))
    with Pool(isolation="bubblewrap", prewarm=()) as pool:
        try:
            found = pool.run("import os; print(sorted(os.listdir('.')), os.getuid())\nopen('/etc/passwd')")
        except SandboxUnavailable as problem:
            pytest.skip(str(problem))
        assert (found.status, found.isolation, found.stdout) == (Status.EXCEPTION, "bubblewrap", "[] 1000\n")
        assert pool.run("import os\nif os.fork(): os.wait()\nprint(1)").stdout == "1\n1\n"
