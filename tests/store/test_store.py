"""Tables and run folders: what they hold after kills, full disks and second writers, and what they refuse."""

import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.errors import DataError, StoreError
from reasondistill.store import RunFolder, Table, disk_error, mask_secrets, mask_url, read_rows, write_atomic

SMALL = 200
"""Bytes of a shard in these tests: a few rows."""


def _table(folder, **options):
    return Table(folder, key="id", **{"shard_bytes": SMALL, **options})


def _fill(folder, numbers, **options):
    with _table(folder, writable=True, **options) as table:
        for number in numbers:
            table.append({"id": f"r{number}", "n": number})


def _numbers(folder):
    return [row["n"] for row in _table(folder)]


# --- tables ---------------------------------------------------------------------------------------------------------


def test_rows_come_back_in_order_over_many_shards(tmp_path):
    _fill(tmp_path, range(50))
    assert _numbers(tmp_path) == list(range(50))
    assert len(list(tmp_path.glob("*.jsonl.zst"))) > 3
    assert len(list(tmp_path.glob("*.jsonl"))) == 1


def test_a_reopened_table_goes_on_where_it_was(tmp_path):
    for start in range(0, 30, 3):
        _fill(tmp_path, range(start, start + 3))
    assert _numbers(tmp_path) == list(range(30))


def test_the_newest_row_of_an_id_counts(tmp_path):
    _fill(tmp_path, range(20))
    with _table(tmp_path, writable=True) as table:
        table.append({"id": "r3", "n": -3})
        assert len(table) == 20
        assert table.ids() == {f"r{i}" for i in range(20)}
    assert _numbers(tmp_path) == [*(n for n in range(20) if n != 3), -3]


def test_membership_needs_no_rows(tmp_path):
    _fill(tmp_path, range(20))
    table = _table(tmp_path)
    assert ("r0" in table, "r19" in table, "r20" in table) == (True, True, False)


def test_a_missing_folder_reads_as_an_empty_table_and_is_not_made(tmp_path):
    table = _table(tmp_path / "none")
    assert (len(table), list(table)) == (0, [])
    assert not (tmp_path / "none").exists()


def test_a_table_opened_for_reading_refuses_rows(tmp_path):
    with pytest.raises(StoreError, match="opened for reading"):
        _table(tmp_path).append({"id": "a"})


@pytest.mark.parametrize(
    "text",
    ["\ud800 alone", "line\u2028separator\u2029\x85\x0b\x0c", "nul \x00", 'quote " and \\ and \n and \r', "你好 🎉"],
)
def test_any_text_survives_as_value_and_as_id(tmp_path, text):
    with _table(tmp_path, writable=True) as table:
        for number in range(9):
            table.append({"id": f"{text}{number}", "text": text})
    assert list(tmp_path.glob("*.zst"))
    table = _table(tmp_path)
    assert table.ids() == {f"{text}{n}" for n in range(9)}
    assert [row["text"] for row in table] == [text] * 9


STEPS = st.lists(
    st.tuples(st.sampled_from("abcde"), st.integers()) | st.just("reopen") | st.binary(min_size=1, max_size=9),
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_a_table_is_a_dict_that_survives_reopening_and_torn_lines(steps):
    expected: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = _table(folder, writable=True, shard_bytes=60)
        for step in steps:
            if isinstance(step, tuple):
                identifier, number = step
                expected.pop(identifier, None)
                expected[identifier] = number
                table.append({"id": identifier, "n": number})
                continue
            table.close()
            if isinstance(step, bytes):
                [shard] = folder.glob("*.jsonl")
                with shard.open("ab") as file:
                    file.write(step.replace(b"\n", b"{"))
            table = _table(folder, writable=True, shard_bytes=60)
        assert [(row["id"], row["n"]) for row in table] == list(expected.items())
        table.close()
        assert [(row["id"], row["n"]) for row in _table(folder)] == list(expected.items())


def test_a_torn_last_line_is_dropped_with_a_warning_and_done_again(tmp_path):
    _fill(tmp_path, range(3), shard_bytes=1 << 20)
    [shard] = tmp_path.glob("*.jsonl")
    shard.write_bytes(shard.read_bytes()[:-4])
    assert _numbers(tmp_path) == [0, 1]
    said: list[str] = []
    with _table(tmp_path, writable=True, warn=said.append) as table:
        assert len(said) == 1 and "torn last line" in said[0] and str(shard) in said[0]
        assert "r2" not in table
        table.append({"id": "r2", "n": 2})
    assert _numbers(tmp_path) == [0, 1, 2]


def test_a_torn_line_longer_than_a_block_is_dropped(tmp_path):
    _fill(tmp_path, range(2), shard_bytes=1 << 20)
    [shard] = tmp_path.glob("*.jsonl")
    with shard.open("ab") as file:
        file.write(b'{"id": "' + b"x" * 200_000)
    with _table(tmp_path, writable=True) as table:
        assert len(table) == 2
    assert shard.stat().st_size < 100


def test_damage_in_the_middle_is_refused_with_file_and_line(tmp_path):
    _fill(tmp_path, range(3), shard_bytes=1 << 20)
    [shard] = tmp_path.glob("*.jsonl")
    lines = shard.read_bytes().splitlines(keepends=True)
    shard.write_bytes(lines[0] + b"\x00\x00\x00\n" + lines[2])
    with pytest.raises(DataError, match=r"00001\.jsonl:2: not a JSON object"):
        _table(tmp_path)


def test_a_reader_sees_what_was_there_when_it_opened(tmp_path):
    with _table(tmp_path, writable=True) as writer:
        for number in range(10):
            writer.append({"id": f"r{number}", "n": number})
        reader = _table(tmp_path)
        rows = iter(reader)
        first = next(rows)
        for number in range(10, 40):
            writer.append({"id": f"r{number}", "n": number})
        assert [first["n"], *(row["n"] for row in rows)] == list(range(10))
        assert [row["n"] for row in reader] == list(range(10))
        assert len(reader) == 10
    assert _numbers(tmp_path) == list(range(40))


def test_a_reader_follows_a_shard_that_is_closed_between_looking_and_opening(tmp_path):
    _fill(tmp_path, range(4), shard_bytes=1 << 20)
    reader = _table(tmp_path)
    _fill(tmp_path, [4], shard_bytes=1)
    assert not (tmp_path / "00001.jsonl").exists()
    assert [row["n"] for row in reader] == [0, 1, 2, 3]


@settings(deadline=None, max_examples=40)
@given(data=st.data(), held=st.integers(1, 600), rewritten=st.sets(st.integers(0, 19)))
def test_rows_are_read_in_any_order_whatever_is_held(data, held, rewritten):
    with tempfile.TemporaryDirectory() as name:
        _fill(Path(name), range(20))
        with _table(Path(name), writable=True) as table:
            for number in sorted(rewritten):
                table.append({"id": f"r{number}", "n": -number})
        order = data.draw(st.lists(st.integers(0, 19), max_size=30))
        rows = _table(Path(name)).rows([f"r{number}" for number in order], held_bytes=held)
        assert [row["n"] for row in rows] == [-n if n in rewritten else n for n in order]


def _head(row):
    return {"id": row["id"], "even": row["n"] % 2 == 0}


def _heads(folder, **options):
    return [head["even"] for head in _table(folder, head=_head, **options).heads()]


def test_heads_are_read_from_the_index_of_closed_shards(tmp_path):
    _fill(tmp_path, range(30), head=_head)
    assert _heads(tmp_path) == [n % 2 == 0 for n in range(30)]
    for closed in tmp_path.glob("*.zst"):
        closed.write_bytes(b"nobody reads it")
    assert _heads(tmp_path) == [n % 2 == 0 for n in range(30)]


def test_heads_are_made_of_rows_where_the_index_has_ids_alone(tmp_path):
    _fill(tmp_path, range(20))
    _fill(tmp_path, [20, 21, 3], head=_head)
    expected = [n % 2 == 0 for n in range(20) if n != 3]
    assert _heads(tmp_path) == [*expected, True, False, False]
    assert [row["n"] for row in _table(tmp_path).heads()] == _numbers(tmp_path)
    with _table(tmp_path, head=_head, writable=True) as table:
        list(table.heads())
    for closed in tmp_path.glob("*.zst"):
        closed.write_bytes(b"a writer has noted the heads")
    assert _heads(tmp_path) == [*expected, True, False, False]


def test_reading_an_id_without_a_row_is_an_error(tmp_path):
    _fill(tmp_path, range(3))
    with pytest.raises(KeyError, match="r9"):
        list(_table(tmp_path).rows(["r1", "r9"]))


def test_rows_of_a_shard_that_is_closed_meanwhile_are_read_too(tmp_path):
    _fill(tmp_path, range(4), shard_bytes=1 << 20)
    reader = _table(tmp_path)
    _fill(tmp_path, [4], shard_bytes=1)
    assert [row["n"] for row in reader.rows(["r3", "r0"])] == [3, 0]


def test_an_index_without_its_compressed_shard_is_not_trusted(tmp_path):
    _fill(tmp_path, range(4), shard_bytes=1 << 20)
    (tmp_path / "00001.ids").write_text('"r0"\n"r1"\n')
    assert _numbers(tmp_path) == [0, 1, 2, 3]


def test_a_shard_that_was_compressed_before_a_kill_is_not_appended_to(tmp_path):
    _fill(tmp_path, range(4), shard_bytes=1 << 20)
    plain = (tmp_path / "00001.jsonl").read_bytes()
    _fill(tmp_path, [4], shard_bytes=1)
    (tmp_path / "00001.jsonl").write_bytes(plain)
    _fill(tmp_path, [5, 6], shard_bytes=1 << 20)
    assert _numbers(tmp_path) == list(range(7))


CRASHES = """
import os, sys
from pathlib import Path
import zstandard
from reasondistill.store import Table

def work(folder, at):
    done, seen = os.open(str(folder) + ".acknowledged", os.O_WRONLY | os.O_CREAT), 0
    def watch(event, arguments):
        nonlocal seen
        if event in ("open", "os.rename", "os.remove", "os.mkdir") and str(folder) in str(arguments[0]):
            seen += 1
            if seen == at:
                os._exit(9)
    sys.addaudithook(watch)
    with Table(folder, key="id", writable=True, shard_bytes=200) as table:
        for number in range(25):
            if f"r{number}" not in table:
                table.append({"id": f"r{number}", "n": number})
                os.write(done, b"%d\\n" % number)
    os._exit(0)

at, status = 0, None
while status != 0:
    at += 1
    child = os.fork()
    if child == 0:
        work(Path(sys.argv[1]) / str(at), at)
    status = os.waitpid(child, 0)[1]
print(at)
"""


def test_a_kill_before_any_file_operation_loses_no_row(tmp_path):
    done = subprocess.run([sys.executable, "-c", CRASHES, tmp_path], capture_output=True, text=True, check=True)
    points = int(done.stdout)
    assert points > 20
    for at in range(1, points):
        folder = tmp_path / str(at)
        kept = [int(line) for line in Path(f"{folder}.acknowledged").read_text().split()]
        assert _numbers(folder)[: len(kept)] == kept, f"read after a kill at operation {at}"
        with _table(folder, writable=True) as table:
            there = [row["n"] for row in table]
            assert there[: len(kept)] == kept and len(there) <= len(kept) + 1
            for number in range(len(there), 25):
                table.append({"id": f"r{number}", "n": number})
        assert _numbers(folder) == list(range(25))
        assert not list(folder.glob("*.tmp"))


def test_a_row_that_does_not_fit_is_taken_back_and_the_table_goes_on(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with _table(tmp_path, writable=True, shard_bytes=1 << 20) as table:
        table.append({"id": "a", "text": "x" * 600})
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(StoreError, match="cannot be written"):
                table.append({"id": "b", "text": "y" * 600})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert table.ids() == {"a"}
        assert [row["id"] for row in _table(tmp_path)] == ["a"]
        table.append({"id": "c", "text": "z"})
    assert [row["id"] for row in _table(tmp_path)] == ["a", "c"]


FULL_DISK = """
import os, sys
from pathlib import Path
from reasondistill.errors import StoreError
from reasondistill.store import RunFolder, Table

root = Path(sys.argv[1])
ballast = root / "ballast"
ballast.write_bytes(b"x" * (110 << 10))
kept, refused = [], 0
table = Table(root / "rows", key="id", writable=True, shard_bytes=100 << 10)
for number in range(400):
    row = {"id": f"r{number}", "n": number, "text": os.urandom(500).hex()}
    try:
        table.append(row)
    except StoreError as error:
        assert "no space left on the disk" in str(error), error
        refused += 1
        assert row["id"] in table or refused
    if row["id"] in table:
        kept.append(number)
    elif refused > 3:
        break
table.close()
try:
    RunFolder(root).write_json("big.json", ["x" * 100_000] * 3)
except StoreError as error:
    assert "no space left on the disk" in str(error), error
else:
    raise AssertionError("the disk was not full")
assert not (root / "big.json").exists()
assert refused
(root / "big.json.tmp").unlink(missing_ok=True)
ballast.unlink()
with Table(root / "rows", key="id", writable=True, shard_bytes=100 << 10) as table:
    assert [row["n"] for row in table] == kept, (kept, [row["n"] for row in table])
    table.append({"id": "last", "n": -1})
assert [row["n"] for row in Table(root / "rows", key="id")] == [*kept, -1]
print("kept", len(kept))
"""


@pytest.mark.parametrize("size", ["180k", "220k", "300k"])
def test_a_full_disk_is_one_line_and_loses_no_row(tmp_path, size):
    script = f'mount -t tmpfs -o size={size} none "$1" && exec "$2" -c "$3" "$1"'
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", tmp_path]).returncode
    ):
        pytest.skip("no tmpfs can be mounted here")
    command = [*namespace, "sh", "-c", script, "sh", str(tmp_path), sys.executable, FULL_DISK]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept ")


# --- files of rows --------------------------------------------------------------------------------------------------


def _packed(path, content):
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content))
    elif path.suffix == ".zst":
        import zstandard

        half = len(content) // 2
        path.write_bytes(b"".join(zstandard.compress(part) for part in (content[:half], content[half:])))
    else:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.jsonl.zst"])
def test_rows_are_read_from_plain_and_packed_files(tmp_path, name):
    path = _packed(tmp_path / name, b'{"a": 1}\n\n{"a": 2}\n{"a": 3}')
    assert list(read_rows(path)) == [{"a": 1}, {"a": 2}, {"a": 3}]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.jsonl.zst"])
def test_a_torn_last_line_of_a_file_is_left_out_with_a_warning(tmp_path, name):
    path = _packed(tmp_path / name, b'{"a": 1}\n{"a": ')
    said: list[str] = []
    assert list(read_rows(path, warn=said.append)) == [{"a": 1}]
    assert said == [f"{path}: dropped a torn last line (line 2)"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'{"a": \n{"a": 2}\n', ":1: not a JSON object"), (b'{"a": 1}\n[1]\n', ":2: a JSON object was")],
)
def test_a_broken_line_is_named(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        list(read_rows(_packed(tmp_path / "rows.jsonl", content)))


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.jsonl.zst"])
@pytest.mark.parametrize("damage", [lambda packed: b"nonsense", lambda packed: packed[:14] + b"\xff" * 8 + packed[22:]])
def test_damaged_compression_is_one_line(tmp_path, name, damage):
    path = _packed(tmp_path / name, json.dumps({"a": os.urandom(400).hex()}).encode() + b"\n")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="damaged"):
        list(read_rows(path))


def test_an_atomic_write_replaces_the_whole_file(tmp_path):
    write_atomic(tmp_path / "deep" / "a.txt", "first")
    write_atomic(tmp_path / "deep" / "a.txt", "second \ud800")
    assert (tmp_path / "deep" / "a.txt").read_bytes() == "second \ud800".encode(errors="surrogatepass")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.txt"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_atomic(tmp_path / "file" / "a.txt", "")
    with pytest.raises(StoreError, match="cannot be written"):
        _table(tmp_path / "file" / "rows", writable=True)


@pytest.mark.parametrize(
    ("number", "words"),
    [(28, "no space left on the disk"), (122, "no space left on the disk"), (30, "Read-only file system")],
)
def test_a_refused_write_says_why(number, words):
    assert words in str(disk_error(OSError(number, os.strerror(number)), Path("runs/a")))


# --- the run folder -------------------------------------------------------------------------------------------------

HOLD = """
import subprocess, sys, time
from pathlib import Path
from reasondistill.store import RunFolder
with RunFolder(Path(sys.argv[1])) as folder:
    if sys.argv[2] == "with child":
        child = subprocess.Popen(["sleep", "600"], pass_fds=(folder.lock_fd,))
        print(child.pid, flush=True)
    else:
        print("holding", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def _hold(path, how="alone", seconds="600"):
    """Start a process that holds the folder's lock; return it and its first line."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path, how, seconds], stdout=subprocess.PIPE, text=True)
    return holder, holder.stdout.readline().strip()


def _reap(holder):
    holder.kill()
    holder.wait()
    holder.stdout.close()


def test_a_second_writer_is_refused_with_the_firsts_pid(tmp_path):
    holder, _ = _hold(tmp_path)
    try:
        with pytest.raises(StoreError, match=rf"pid {holder.pid}\)"), RunFolder(tmp_path, lock_seconds=0):
            pass
    finally:
        _reap(holder)


def test_a_killed_writers_lock_is_taken_over(tmp_path):
    holder, _ = _hold(tmp_path)
    _reap(holder)
    with RunFolder(tmp_path, lock_seconds=0):
        assert (tmp_path / "lock").read_text().strip() == str(os.getpid())


def test_a_child_that_was_given_the_lock_keeps_it_after_its_parent(tmp_path):
    holder, child = _hold(tmp_path, "with child")
    _reap(holder)
    try:
        with pytest.raises(StoreError, match="another process"), RunFolder(tmp_path, lock_seconds=0):
            pass
    finally:
        os.kill(int(child), signal.SIGKILL)
    with RunFolder(tmp_path, lock_seconds=30):
        pass


def test_a_lock_is_waited_for_before_it_is_refused(tmp_path):
    holder, _ = _hold(tmp_path, seconds="0.4")
    try:
        with RunFolder(tmp_path, lock_seconds=60) as folder:
            assert folder.lock_fd is not None
    finally:
        _reap(holder)


def test_the_lock_is_free_after_use(tmp_path):
    for _ in range(2):
        with RunFolder(tmp_path, lock_seconds=0) as folder:
            folder.claim("mine")
    assert folder.lock_fd is None


def test_a_folder_of_another_run_is_refused(tmp_path):
    with RunFolder(tmp_path) as folder:
        folder.claim("mine")
        folder.claim("mine")
        with pytest.raises(StoreError, match="holds the run 'mine', not 'yours'"):
            folder.claim("yours")


def test_a_folder_with_somebodys_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with RunFolder(tmp_path) as folder, pytest.raises(StoreError, match="is not empty and holds no run"):
        folder.claim("mine")


def test_a_run_that_was_killed_before_its_first_manifest_is_taken_up(tmp_path):
    (tmp_path / "lock").write_text("1\n")
    (tmp_path / "manifest.json.tmp").write_text('{"run"')
    with RunFolder(tmp_path) as folder:
        folder.claim("mine")
    assert folder.read_json("manifest.json") == {"run": "mine"}


def test_manifest_entries_are_merged(tmp_path):
    folder = RunFolder(tmp_path)
    folder.update_manifest(a=1, b=[1])
    folder.update_manifest(b=2)
    assert folder.read_json("manifest.json") == {"a": 1, "b": 2}
    assert folder.read_json("other.json") is None


def test_a_damaged_json_file_is_named(tmp_path):
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json: not JSON"):
        RunFolder(tmp_path).read_json("manifest.json")


def test_superseded_things_are_kept_under_new_numbers(tmp_path):
    folder = RunFolder(tmp_path, clock=lambda: 12.3456)
    for text in ("one", "two"):
        write_atomic(tmp_path / "models" / "student" / "weights", text)
        folder.supersede("models/student")
    folder.supersede("models/student")
    kept = {p.parent.name: p.read_text() for p in (tmp_path / "superseded").glob("*/weights")}
    assert kept == {"models.student-1": "one", "models.student-2": "two"}
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[0] == {"time": 12.346, "event": "superseded", "name": "models/student", "to": "models.student-1"}
    assert len(log) == 2


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://host:8000/v1", "http://host:8000/v1"),
        ("https://me:pass@host/v1", "https://host/v1"),
        ("https://me@host/v1", "https://host/v1"),
        ("https://me:p@ss@host/v1", "https://host/v1"),
        ("http://host/v1?key=secret#part", "http://host/v1"),
        ("http://me:pass@[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address, shown):
    assert mask_url(address) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("teacher.base_url=https://me:pass@host/v1 seed=1", "teacher.base_url=https://host/v1 seed=1"),
        ("two http://a:b@x/ and http://c:d@y/", "two http://x/ and http://y/"),
        ("http://h/v1?api-key=s3cret&x=1", "http://h/v1?api-key=***&x=1"),
        ("http://h/v1?x=1&token=s3cret", "http://h/v1?x=1&token=***"),
        ({"a": ["http://u:p@h", 1, None]}, {"a": ["http://h", 1, None]}),
        ("write to me@host or see https://host/@me", "write to me@host or see https://host/@me"),
        (3.5, 3.5),
    ],
)
def test_secrets_are_masked_wherever_they_stand(value, shown):
    assert mask_secrets(value) == shown


def test_manifest_and_log_hold_no_password(tmp_path):
    folder = RunFolder(tmp_path)
    folder.update_manifest(teacher={"base_url": "http://me:hunter2@host/v1"})
    folder.log("start", command="reasondistill run r.yaml teacher.base_url=http://me:hunter2@host/v1")
    assert all("hunter2" not in path.read_text() for path in tmp_path.iterdir())
