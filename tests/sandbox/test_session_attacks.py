"""Sessions whose cells lie, leave processes behind, or reach for another branch."""

import json
import os
import threading
import time

import pytest

# ruff: noqa: E501
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Limits, Session, Status
from sandbox.errors import ZygoteDied
from sandbox.session import _pipes

KERNEL = """
import os, socket, struct, sys, time
frame = sys._getframe()
while type(frame.f_locals.get("self")).__name__ != "_Kernel":
    frame = frame.f_back
kernel = frame.f_locals["self"]
def answer(text):
    kernel._control.send(struct.pack("<I", len(text)) + text)
    time.sleep(0.3)
"""
OWN_WORDS = {Status.OK, Status.EXCEPTION, Status.NONZERO_EXIT, Status.TIMEOUT, Status.MEMORY, Status.KILLED}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
STATUSES = st.sampled_from([*map(str, Status), "", "OK"]) | VALUES


@pytest.fixture
def session(pool):
    with Session(pool=pool) as session:
        yield session


def check(ran):
    assert ran.status in OWN_WORDS
    assert 0 <= ran.cpu_seconds <= ran.wall_seconds * (os.cpu_count() or 1)
    assert ran.exit_code is None or 0 <= ran.exit_code <= 255
    for text in (ran.result or "", ran.stdout, ran.stderr, ran.reason):
        text.encode()


FORGED = [
    '{"status": "ok", "cpu": -Infinity}', '{"status": "ok", "cpu": NaN}', '{"status": "ok", "cpu": 1e308}',
    '{"status": "ok", "cpu": 1' + "0" * 400 + "}", '{"status": "ok", "cpu": 1' + "0" * 5000 + "}",
    '{"status": "ok", "cpu": true, "exit_code": 1' + "0" * 30 + "}", '{"status": "ok", "exit_code": -9}',
    '{"status": "sandbox_error"}', '{"status": "output_limit"}', '{"status": ["ok"]}', '{"status": {}}', "[]", "", "{",
    '{"status": "ok", "result": "\\ud800"}', '{"status": "ok", "result": {"a": 1}, "cpu": "x"}',
]  # fmt: skip


@pytest.mark.parametrize("text", FORGED)
def test_a_forged_answer_is_no_more_than_a_word_of_the_cell(session, text):
    check(session.execute(f"{KERNEL}answer({text.encode()!r})", limits=Limits(wall_seconds=2)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({"status": STATUSES}, optional={"cpu": VALUES, "exit_code": VALUES, "result": VALUES}))
def test_any_forged_answer_is_read_safely(pool, head):
    with Session(pool=pool) as session:
        check(session.execute(f"{KERNEL}answer({json.dumps(head).encode()!r})", limits=Limits(wall_seconds=2)))


def test_a_clock_or_a_text_that_lies_is_read_safely(session):
    session.execute("import time\ntime.process_time = lambda n=[0, 10**400]: n.pop(0) if n else 0")
    check(session.execute("1 + 1"))
    check(session.execute("class R:\n    __repr__ = lambda self: 'a\\ud800b'\nR()"))


COPIES = KERNEL + "copies = [os.dup(n) for n in (0, 1, 2, kernel._control.fileno())]\n"
LISTEN = """
heard = b""
control = socket.socket(fileno=copies[3])
control.setblocking(False)
end = time.time() + 0.6
while time.time() < end and not heard:
    for number in copies[1:3]:
        try: os.write(number, b"FROM THE BRANCH")
        except OSError: pass
    try: heard = control.recv(65536)
    except BlockingIOError: pass
    except OSError: break
heard
"""


def test_neither_a_branch_nor_its_origin_holds_the_others_streams(session):
    session.execute(COPIES)
    (branch,) = session.fork()
    with branch:
        for hostile, victim in ((branch, session), (session, branch)):
            found = []
            listening = threading.Thread(
                target=lambda hostile=hostile, found=found: found.append(hostile.execute(LISTEN))
            )
            listening.start()
            time.sleep(0.2)
            ran = victim.execute("secret = 12345; secret")
            listening.join()
            assert (ran.status, ran.result, ran.stdout, ran.stderr) == (Status.OK, "12345", "", "")
            assert found[0].result in ("b''", None) and "secret" not in found[0].stdout


def test_a_branch_and_its_origin_go_on_after_many_forks(session):
    session.execute("n = 0; print('kept', end='')")
    branches = [session.fork()[0] for _ in range(5)]
    for place, branch in enumerate([session, *branches]):
        assert branch.execute(f"n += {place}; print(n); n").stdout == f"{place}\n"
    for branch in branches:
        (inner,) = branch.fork()
        assert inner.execute("n * 2").result == str(2 * int(branch.execute("n").result))
        inner.close()
        branch.close()


STRAY = (
    KERNEL
    + """
def no_checkpoint(self, descriptors, home):
    for one in descriptors:
        os.close(one)
    return False
type(kernel)._fork = no_checkpoint
"""
)
BEAT = """
pid = os.fork()
if pid == 0:
    for _ in range(400):
        with open("beats", "a") as file: file.write("x")
        time.sleep(0.01)
    os._exit(0)
"""


def test_a_process_that_a_cell_leaves_behind_is_stopped(session):
    (branch,) = session.fork()
    session.execute(STRAY)
    for _ in range(3):
        session.execute(BEAT)
    time.sleep(0.2)
    first = session.execute("len(open('beats').read()) if os.path.exists('beats') else 0").result
    time.sleep(0.5)
    assert session.execute("len(open('beats').read()) if os.path.exists('beats') else 0").result == first
    assert branch.execute("1 + 1").result == "2"  # its sibling's strays are no matter of its own
    branch.close()


def test_a_stray_of_a_cell_that_died_is_stopped(session):
    session.execute("import os, time")
    (branch,) = session.fork()
    session.execute(STRAY)
    session.execute(BEAT.replace("os._exit(0)\n", "os._exit(0)\nos.kill(os.getpid(), 9)\n").replace("400", "900"))
    time.sleep(3)
    (other,) = branch.fork()
    assert branch.execute("1 + 1").result == other.execute("2").result == "2"
    other.close()
    branch.close()


def test_a_greeting_of_a_stranger_is_refused_and_the_stranger_lives():
    process, others = _pipes()
    stranger = os.fork()
    if stranger == 0:
        os.setsid()
        os.write(others[0], b"hello")
        time.sleep(30)
        os._exit(0)
    with pytest.raises(ZygoteDied):
        process.wait_ready(leader=os.getpid())
    process.kill()
    assert os.waitpid(stranger, os.WNOHANG) == (0, 0)
    os.kill(stranger, 9)
    os.waitpid(stranger, 0)
    for one in others:
        os.close(one)


def test_the_memory_of_a_session_is_limited_and_its_branches_live(pool):
    with Session(pool=pool, limits=Limits(memory_bytes=96 << 20)) as session:
        session.execute(
            "import time\ndef grow():\n    global x\n    x = bytearray(80 << 20)\n    for i in range(0, len(x), 4096): x[i] = 1\n    time.sleep(2)\n"
        )
        branches = session.fork(5)
        threads = [threading.Thread(target=one.execute, args=("grow()",)) for one in branches]
        [one.start() for one in threads]
        [one.join() for one in threads]
        held = [one.execute("'x' in globals()").result for one in branches]
        assert session.execute("1 + 1").result == "2"
        assert held.count("True") <= 3, held
        [one.close() for one in branches]


def test_a_branch_that_fills_the_disk_does_not_end_its_sibling(pool):
    with Session(pool=pool, limits=Limits(disk_bytes=32 << 20)) as session:
        session.execute("kept = 7\nopen('mine', 'w').write('here')")
        (branch,) = session.fork()
        ran = branch.execute(
            "import time\nwith open('big', 'wb') as file:\n    for _ in range(64): file.write(bytes(1 << 20)); file.flush()\n"
            * 2
            + "time.sleep(1)\n"
            + "for n in range(9):\n    open(f'f{n}', 'wb').write(bytes(9 << 20)); time.sleep(.2)\n"
        )
        assert ran.status is not Status.OK
        assert session.execute("kept, open('mine').read()").result == "(7, 'here')"
        assert branch.execute("kept").result == "7"
        branch.close()
