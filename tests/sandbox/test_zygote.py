"""The zygote's life: it dies and is replaced, its owner dies, forks, and hammers it from threads; nothing is left."""

# ruff: noqa: E501, PTH123

import asyncio
import contextlib
import gc
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Limits, Pool, SandboxUnavailable, Status
from sandbox.errors import BadMessage
from sandbox.limits import MIB
from sandbox.wire import MAX_INLINE_BYTES, pack, receive, send, unpack

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
DIGITS = re.compile(r"\d+")


@pytest.fixture(params=["full", "flat"])
def fresh(request):
    """A pool of its own, for tests that kill things."""
    with Pool(isolation=request.param, prewarm=()) as pool:
        try:
            pool.zygote()
        except SandboxUnavailable as problem:
            pytest.skip(str(problem))
        yield pool


def descendants(pid):
    """Process ids of all that came from a process and whose parents are alive."""
    found, todo = [], [pid]
    while todo:
        for path in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            children = [int(one) for one in path.read_text().split()]
            found += children
            todo += children
    return found


def eventually(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_zygote_killed_mid_run_takes_its_children_with_it_and_is_replaced(fresh):
    zygote = fresh.zygote()
    code = "import os, time\nif os.fork(): time.sleep(60)\nelse: time.sleep(60)"
    with ThreadPoolExecutor() as threads:
        running = threads.submit(fresh.run, code, limits=Limits(wall_seconds=2))
        assert eventually(lambda: len(descendants(zygote.process.pid)) >= 2)
        time.sleep(0.2)
        family = descendants(zygote.process.pid)
        os.killpg(zygote.process.pid, signal.SIGKILL)
        for pid in family[:1] if fresh.isolation == "full" else []:
            os.kill(pid, signal.SIGKILL)
        found = running.result()
    assert found.status is Status.TIMEOUT, "the launch was started again in a new zygote"
    assert eventually(lambda: not any(alive(pid) for pid in family))
    assert fresh.run("print(1)").stdout == "1\n"


def test_a_zygote_that_dies_twice_in_one_launch_is_our_error(fresh):
    stop = threading.Event()

    def killer():
        while not stop.is_set():
            zygote = fresh._zygotes.get(False)
            if zygote is not None and len(descendants(zygote.process.pid)) >= 1:
                time.sleep(0.05)
                zygote.process.kill()
                zygote.process.wait()

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        found = fresh.run("import time; time.sleep(60)", limits=Limits(wall_seconds=20))
    finally:
        stop.set()
        thread.join()
    assert found.status is Status.SANDBOX_ERROR and "zygote" in found.reason
    assert fresh.run("print(1)").ok


OWNER = """
import sys, time
from sandbox import Pool, Session
pool = Pool(isolation=sys.argv[1], prewarm=())
session = Session(pool=pool)
session.execute('x = 1')
print('ready', flush=True)
pool.run('import os, time\\nos.fork(); time.sleep(60)')
"""


@pytest.mark.parametrize("isolation", ["full", "flat"])
def test_nothing_survives_an_owner_that_is_killed(fresh, isolation):
    if fresh.isolation != isolation:
        pytest.skip("once per isolation")
    owner = subprocess.Popen([sys.executable, "-c", OWNER, isolation], stdout=subprocess.PIPE, env=ENVIRONMENT)
    assert owner.stdout.readline() == b"ready\n"
    assert eventually(lambda: len(descendants(owner.pid)) >= 4)
    time.sleep(0.2)
    family = descendants(owner.pid)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert eventually(lambda: not any(alive(pid) for pid in family)), [pid for pid in family if alive(pid)]


@pytest.mark.parametrize("isolation", ["full", "flat"])
def test_an_owner_that_is_killed_while_the_zygote_starts_leaves_nothing(isolation):
    code = f"from sandbox import Pool; Pool(isolation='{isolation}').zygote(libraries=True)"
    owner = subprocess.Popen([sys.executable, "-c", code], env=ENVIRONMENT)
    assert eventually(lambda: descendants(owner.pid))
    time.sleep(0.3)
    family = descendants(owner.pid)
    owner.kill()
    owner.wait()
    assert eventually(lambda: not any(alive(pid) for pid in family), 30)


def test_a_fork_of_the_owner_gets_its_own_zygote(fresh):
    assert fresh.run("print(1)").ok
    mine = fresh.zygote().process.pid
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        found = fresh.run("print(2)")
        os.write(write, f"{found.stdout.strip()} {fresh.zygote().process.pid != mine}".encode())
        fresh.close()
        os._exit(0)
    os.close(write)
    with open(read) as file:
        assert file.read() == "2 True"
    os.waitpid(child, 0)
    assert fresh.run("print(3)").stdout == "3\n" and fresh.zygote().process.pid == mine


@pytest.mark.timeout(240)
def test_five_hundred_runs_leave_nothing(fresh):
    code = "open('f', 'w').write('x' * 1000); import os; os.mkdir('d'); print(os.getpid())"
    outer = fresh.zygote().process.pid
    zygote = descendants(outer)[0] if fresh.isolation == "full" else outer

    def state():
        mounts = len(Path(f"/proc/{zygote}/mountinfo").read_text().splitlines())
        gc.collect()  # what earlier tests have left to be closed
        counts = {f"{who}: {kind}": n for who in (zygote, "self") for kind, n in descriptors(who).items()}
        return counts | {"mounts": mounts, "children": len(descendants(zygote))}

    # Boxes are kept. One run at a time needs three at most, for itself and two spares; a pause decides when.
    with ThreadPoolExecutor(4) as threads:
        assert all(one.ok for one in threads.map(fresh.run, ["import time; time.sleep(1)"] * 4))
    assert descriptors(zygote)["anon_inode:[landlock-ruleset]"] >= 3
    assert eventually(lambda: state()["children"] == 2), "two spares wait"
    before, memory = state(), resident_bytes(zygote)
    for number in range(500):
        found = fresh.run(code if number % 3 else "import os; os.fork(); raise ValueError")
        assert found.status in (Status.OK, Status.EXCEPTION), found
    assert eventually(lambda: state() == before), before.items() ^ state().items()
    assert resident_bytes(zygote) - memory < 8 * MIB


def descriptors(pid):
    """How many descriptors of each kind a process holds, without those that it closes meanwhile."""
    kinds = Counter()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            kinds[DIGITS.sub("N", str(path.readlink()))] += 1
    return kinds


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_eight_threads_share_a_pool(pool):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: pool.run(f"print({n} * 2)").stdout, range(80)))
    assert found == [f"{n * 2}\n" for n in range(80)]


def test_asyncio_tasks_share_a_pool(pool):
    async def all_of_them():
        return await asyncio.gather(*(asyncio.to_thread(pool.run, f"print({n})") for n in range(40)))

    assert [one.stdout for one in asyncio.run(all_of_them())] == [f"{n}\n" for n in range(40)]


def test_threads_start_one_zygote_between_them():
    with Pool(prewarm=()) as pool, ThreadPoolExecutor(8) as threads:
        assert len({zygote.process.pid for zygote in threads.map(lambda _: pool.zygote(), range(16))}) == 1


def test_a_program_cannot_disturb_its_neighbours(pool):
    hostile = "import os, time\nwhile True:\n    try: os.kill(-1, 9)\n    except OSError: pass\n    open(os.urandom(4).hex(), 'w')"
    with ThreadPoolExecutor(4) as threads:
        bad = [threads.submit(pool.run, hostile, limits=Limits(wall_seconds=1)) for _ in range(2)]
        good = [
            pool.run("import threading; t = threading.Thread(target=print, args=(1,)); t.start(); t.join()")
            for _ in range(20)
        ]
        assert all(one.result().status is not Status.SANDBOX_ERROR for one in bad)
    assert {one.stdout for one in good} == {"1\n"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
task = st.fixed_dictionaries(
    {},
    optional={
        "entry": st.sampled_from(["program", "session", "candidate", "os", ""]) | json_values,
        "roles": st.lists(st.sampled_from(["stdin", "stdout", "stderr", "link", "payload", "x"]), max_size=6)
        | json_values,
        "size": st.integers(-2, 99) | json_values,
        "limits": st.dictionaries(st.sampled_from(["wall_seconds", "memory_bytes", "files", "nothing"]), json_values)
        | json_values,
        "home": st.sampled_from(["", "a", "../x", "/"]) | json_values,
    },
)
head = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["launch", "allow_fork", "rename_home", "stop"]) | json_values,
        "tasks": st.lists(task, max_size=3) | json_values,
        "number": json_values,
        "index": json_values,
        "home": json_values,
        "new_home": json_values,
    },
)
messages = (
    st.binary(min_size=1, max_size=200)
    | st.builds(pack, head, st.binary(max_size=50))
    | st.builds(lambda message, cut: message[:cut] or b"\0", st.builds(pack, head), st.integers(1, 200))
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=messages, descriptors=st.integers(0, 5))
def test_no_message_harms_the_zygote(pool, message, descriptors):
    zygote = pool.zygote()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, open(os.devnull, "r+") as null:
        send(zygote.control, message, [theirs.fileno(), *[null.fileno()] * (descriptors - 1)] if descriptors else [])
    assert pool.zygote() is zygote
    assert zygote.alive()


def test_the_zygote_still_works_after_all_that(pool):
    before = pool.zygote()
    assert pool.run("print(1)").stdout == "1\n"
    assert pool.zygote() is before


@given(st.binary(max_size=300))
def test_unpacking_raises_nothing_but_its_own_error(data):
    try:
        found, rest = unpack(data)
    except BadMessage:
        return
    assert isinstance(found, dict) and data.endswith(rest)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.binary(max_size=100))
def test_packing_and_unpacking_are_inverse(head, body):
    assert unpack(pack(head, body)) == (head, body)


def test_an_oversized_message_is_refused_before_it_is_sent():
    with pytest.raises(BadMessage):
        pack({}, b"x" * (4 * MAX_INLINE_BYTES))


def test_a_message_with_too_many_descriptors_is_refused_and_they_are_closed():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, open(os.devnull) as null:
        before = len(list(Path("/proc/self/fd").iterdir()))
        send(ours, b"x", [null.fileno()] * 100)
        with pytest.raises(BadMessage):
            receive(theirs)
        assert len(list(Path("/proc/self/fd").iterdir())) == before
