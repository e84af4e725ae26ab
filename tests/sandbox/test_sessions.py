"""Sessions: state from cell to cell, branches, what happens when a cell must be stopped, and cells that attack."""

# ruff: noqa: E501

import select
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import Limits, SandboxError, Session, Status
from sandbox.errors import ZygoteDied

QUICK = Limits(wall_seconds=4)
BRIEF = Limits(wall_seconds=0.5)


@pytest.fixture
def session(pool):
    with Session(pool=pool, limits=QUICK) as session:
        yield session


ECHOES = [
    ("1 + 1", "2"),
    ("x = 5", None),
    ("x = 5; x", "5"),
    ("'text'", "'text'"),
    ("None", None),
    ("print(3)", None),
    ("for n in range(3): n", None),
    ("5;", None),
    ("x = 1\nif x:\n    x\n", None),
    ("import asyncio\nawait asyncio.sleep(0, 7)", "7"),
    ("# only words", None),
    ("", None),
    ("list(range(10**5))[-1]", "99999"),
]


@pytest.mark.parametrize(("code", "result"), ECHOES)
def test_the_last_expression_is_echoed(session, code, result):
    found = session.execute(code)
    assert (found.status, found.result) == (Status.OK, result), found


def test_state_is_kept_after_cells_and_exceptions(session):
    session.execute("import math\nx = [1]\ndef f(n): return n * math.pi")
    found = session.execute("x.append(2)\n1 / 0\nx.append(3)")
    assert found.status is Status.EXCEPTION
    assert found.stderr.splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "<cell 2>", line 2, in <module>',
        "    1 / 0",
    ]
    assert session.execute("x, round(f(1), 2)").result == "([1, 2], 3.14)"


def test_functions_of_earlier_cells_show_in_tracebacks(session):
    session.execute("def f():\n    raise KeyError('k')")
    assert "raise KeyError('k')" in session.execute("f()").stderr


def test_a_timeout_that_can_be_interrupted_keeps_what_the_cell_did(session):
    found = session.execute("x = 1\nwhile True: x += 1", limits=BRIEF)
    assert found.status is Status.TIMEOUT and "interrupted" in found.reason and "CellTimeout" in found.stderr
    assert int(session.execute("x").result) > 1


UNSTOPPABLE = [
    "x = 2\nsum(range(10**12))",
    "x = 2\nimport signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)\nwhile True: pass",
]


@pytest.mark.parametrize("code", UNSTOPPABLE)
def test_a_timeout_that_cannot_be_interrupted_falls_back_to_the_state_before(session, code):
    session.execute("x = 1")
    found = session.execute(code, limits=BRIEF)
    assert found.status is Status.TIMEOUT and "before the cell" in found.reason
    assert session.execute("x").result == "1"
    assert session.execute("x += 1; x").result == "2"


DEADLY = [
    ("import os; os._exit(0)", Status.KILLED),
    ("import ctypes; ctypes.string_at(0)", Status.KILLED),
    ("while True: print('x' * 9999)", Status.OUTPUT_LIMIT),
    ("import os; os.closerange(0, 256)", Status.KILLED),
    (
        "import sys; sys.modules.clear(); import builtins; builtins.open = builtins.print = None; raise ValueError",
        Status.EXCEPTION,
    ),
]


@pytest.mark.parametrize(("code", "status"), DEADLY)
def test_a_cell_that_kills_its_process_costs_only_itself(session, code, status):
    session.execute("x = 1")
    assert session.execute("x = 2\n" + code).status is status
    assert session.execute("x").result in ("1", "2")


def test_memory_is_bounded_and_the_state_lives_on(pool):
    with Session(pool=pool, limits=Limits(wall_seconds=5, memory_bytes=200 << 20)) as session:
        session.execute("x = 1")
        assert session.execute("y = bytearray(1 << 30)").status is Status.MEMORY
        assert session.execute("x").result == "1"


def test_exits_end_the_cell_not_the_session(session):
    assert session.execute("x = 4; exit = 0; import sys; sys.exit(3)").exit_code == 3
    assert session.execute("x").result == "4"


def test_a_large_cell_and_a_large_result(session):
    assert session.execute(f"x = '{'a' * 300_000}'; len(x)").result == "300000"
    assert len(session.execute("x").result) < 20_000


def test_branches_go_their_own_ways(session):
    session.execute("x = [1]\nopen('f', 'w').write('before')")
    one, two = session.fork(2)
    with one, two:
        one.execute("x.append('one'); open('f', 'w').write('one'); open('g', 'w')")
        two.execute("x.append('two')")
        session.execute("x.append('root'); import os")
        told = [
            branch.execute("x, open('f').read(), sorted(__import__('os').listdir('.'))").result
            for branch in (session, one, two)
        ]
        assert told == [
            "([1, 'root'], 'before', ['f'])",
            "([1, 'one'], 'one', ['f', 'g'])",
            "([1, 'two'], 'before', ['f'])",
        ]
        with one.fork(1)[0] as deeper:
            assert deeper.execute("x").result == "[1, 'one']"


def test_branches_outlive_their_origin(pool):
    with Session(pool=pool, limits=QUICK) as session:
        session.execute("x = 7")
        (branch,) = session.fork(1)
    with branch:
        assert branch.execute("x + 1").result == "8"


def test_branches_run_at_the_same_time(session):
    branches = session.fork(3)
    with ThreadPoolExecutor(3) as threads:
        began = time.monotonic()
        done = list(threads.map(lambda branch: branch.execute("import time; time.sleep(1.5); 5").result, branches))
    assert done == ["5"] * 3 and time.monotonic() - began < 4.4
    for branch in branches:
        branch.close()


def test_between_cells_a_session_uses_nothing(session):
    session.execute(
        "import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()"
    )
    time.sleep(0.1)
    pid = int(Path(f"/proc/self/fdinfo/{session._process.pidfd}").read_text().rpartition("Pid:")[2].split()[0])
    before = Path(f"/proc/{pid}/stat").read_text().split()[13:15]
    time.sleep(0.3)
    assert Path(f"/proc/{pid}/stat").read_text().split()[13:15] == before
    assert session.execute("1").result == "1"


def test_closing_a_session_ends_all_its_processes(pool):
    session = Session(pool=pool, limits=QUICK)
    session.execute("import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()")
    branch = session.fork(1)[0]
    branch.execute("1")
    keeper = session._family.pid
    if pool.isolation == "flat":
        assert Path(f"/proc/{keeper}").exists()
    session.close()
    branch.close()
    assert pool.run("print(1)").ok


def test_fifty_cells_leave_no_processes_or_descriptors(session):
    for number in range(10):
        session.execute(f"x = {number}")
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for number in range(50):
        assert session.execute(f"x = {number}; x").result == str(number)
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


HOSTILE_CELLS = {
    "fork": "import os\ntry:\n    os.fork(); print('BREACH')\nexcept OSError: pass",
    "fork bomb": "import os\nn = 0\nfor _ in range(2000):\n    try:\n        if os.fork() == 0: n += 1\n    except OSError: pass\nif n: print('BREACH')",
    "fork by number": "import ctypes\nlibc = ctypes.CDLL(None)\nif libc.fork() >= 0 or libc.vfork() >= 0 or libc.syscall(56 if __import__('os').uname().machine == 'x86_64' else 220, 17, 0, 0, 0, 0) >= 0: print('BREACH')",
    "subprocess": "import subprocess\ntry: subprocess.run(['/bin/echo', 'BREACH'])\nexcept OSError: pass",
    "multiprocessing": "import multiprocessing as m\ntry: m.Process(target=print, args=('BREACH',)).start()\nexcept OSError: pass",
    "hidden fork": "import os\nreal = os.fork\nos.fork = lambda: 1 / 0",
    "fork hooks": "import os\nos.register_at_fork(before=lambda: 1 / 0, after_in_child=lambda: 1 / 0, after_in_parent=lambda: 1 / 0)",
    "kill the checkpoint": "import os\nfor pid in range(1, 200):\n    if pid != os.getpid():\n        try: os.kill(pid, 9); print('BREACH', pid)\n        except OSError: pass",
    "kill all": "import os, ctypes\nctypes.CDLL(None).kill(-1, 9); ctypes.CDLL(None).kill(0, 9)",
    "the control socket": 'import os, json, struct\nfor n in range(3, 64):\n    try: os.write(n, b\'{"status": "ok", "result": "forged"}\')\n    except OSError: pass',
    "read the control socket": "import os\nfor n in range(3, 64):\n    try: os.set_blocking(n, False); print(os.read(n, 99))\n    except OSError: pass",
    "fill the disk": "try:\n    for n in range(9999):\n        with open(f'f{n}', 'wb') as f: f.write(b'x' * (1 << 20))\nexcept OSError as e: print(type(e))",
    "thread bomb": "import threading, time\nthreading.stack_size(32768)\ntry:\n    while True: threading.Thread(target=time.sleep, args=(60,)).start()\nexcept RuntimeError: pass",
    "listing above": "import os\nfor p in ('..', os.path.dirname(os.environ['HOME'])):\n    try: print('BREACH', os.listdir(p))\n    except OSError: pass",
    "write above": "for p in ('../x', '/x', '/tmp/x', '/dev/shm/x'):\n    try: open(p, 'w'); print('BREACH', p)\n    except OSError: pass",
    "open the way above": "import os\nfor p in ('..', os.path.dirname(os.environ['HOME'])):\n    try: os.chmod(p, 0o777); print(os.listdir(p), 'BREACH')\n    except OSError: pass",
    "the kernel's own state": "import gc\nfor o in gc.get_objects():\n    if type(o).__name__ == '_Kernel':\n        try: o._control.close()\n        except Exception: pass",
    "frames": "import sys\nf = sys._getframe()\nwhile f:\n    f.f_locals.clear() if False else None\n    f = f.f_back",
    "settrace": "import sys, threading\nsys.settrace(lambda *a: 1 / 0)",
    "exit hooks": "import atexit, time\natexit.register(time.sleep, 60)",
    "stop itself": "import os, signal, ctypes\nctypes.CDLL(None).raise_(19) if False else None\nsignal.pthread_kill(__import__('threading').get_ident(), signal.SIGSTOP)",
    "broken repr": "class R:\n    def __repr__(self):\n        while True: pass\nR()",
    "raising repr": "class R:\n    def __repr__(self): raise SystemExit(5)\nR()",
    "huge repr": "class R:\n    def __repr__(self): return 'x' * (1 << 28)\nR()",
    "repr of another type": "class S(str):\n    def __len__(self): return 5\nclass R:\n    def __repr__(self): return S('y' * (1 << 22))\nR()",
    "surrogates": "print('\\ud800'); '\\ud800'",
    "nul": "a\0b",
    "deep source": "(" * 5000 + ")" * 5000,
    "long number": "int('9' * 4000) ** 2; '9' * 10**6",
    "old descriptors": "import os, socket\nfor n in range(3, 64):\n    try: s = socket.socket(fileno=os.dup(n)); print(s.recvmsg(1000, 1000, socket.MSG_DONTWAIT))\n    except OSError: pass",
}


@pytest.mark.parametrize("name", HOSTILE_CELLS)
def test_a_hostile_cell_harms_nobody_else(session, name):
    session.execute("x = 1")
    (sibling,) = session.fork(1)
    with sibling:
        sibling.execute("x = 'mine'")
        found = session.execute(HOSTILE_CELLS[name], limits=Limits(wall_seconds=1))
        assert "BREACH" not in found.stdout + found.stderr + (found.result or ""), found
        assert found.status is not Status.SANDBOX_ERROR and found.wall_seconds < 20
        again = session.execute("5")
        assert again.status in (Status.OK, Status.TIMEOUT, Status.KILLED, Status.EXCEPTION), again
        if "lost" not in found.reason + again.reason:
            assert sibling.execute("x").result == "'mine'"


SPY = """
import os, ctypes
found = []
for pid in range(1, 400):
    for way in ('environ', 'maps', 'mem', 'cwd/secret', 'root/tmp'):
        try: found.append((pid, way, open(f'/proc/{pid}/{way}', 'rb').read(99)))
        except OSError: pass
    try: found.append(os.readlink(f'/proc/{pid}/cwd')) if pid != os.getpid() else None
    except OSError: pass
libc = ctypes.CDLL(None)
found += [pid for pid in range(1, 400) if pid != os.getpid() and (libc.ptrace(16, pid, 0, 0) == 0 or libc.ptrace(0x4206, pid, 0, 0) == 0)]
for place, _, names in os.walk(os.path.dirname(os.environ['HOME'])):
    found += [n for n in names if n == 'secret']
for old in seen:
    for way in (old + '/secret', '../' + os.path.basename(old) + '/secret'):
        try: found.append(open(way).read())
        except OSError: pass
found
"""


def test_no_branch_reads_another(session):
    session.execute("import os; seen = [os.getcwd(), os.environ['HOME']]")
    (sibling,) = session.fork(1)
    with sibling:
        sibling.execute(
            "import os; seen += [os.getcwd()]; secret = 'S3CRET'; open('secret', 'w').write(secret); open(os.environ['HOME'] + '/secret').close()"
        )
        session.execute("seen += [os.getcwd()]; open('mine', 'w')")
        assert session.execute(SPY).result == "[]"
        session.execute("secret = 'other'; open('secret', 'w').write(secret)")
        assert sibling.execute("os.remove('secret')\n" + SPY).result == "[]"


def test_hoarded_permissions_to_fork_are_few(session):
    session.execute("import os; real = os.fork\ndef no(): raise OSError\nos.fork = no")
    for _ in range(20):
        session.execute("1")
    found = session.execute(
        "n = 0\nfor _ in range(500):\n    try:\n        if real() == 0:\n            import time; time.sleep(60)\n        n += 1\n    except OSError: pass\nn"
    )
    assert found.status in (Status.OK, Status.KILLED, Status.TIMEOUT)
    assert found.result is None or int(found.result) <= 64


def test_a_session_whose_zygote_died_starts_afresh_and_says_so(pool):
    with Session(pool=pool, limits=QUICK) as session:
        session.execute("x = 1")
        zygote = session._family._zygote
        zygote.process.kill()
        zygote.process.wait()
        # What the zygote started dies with it, but not in the same instant.
        assert select.select([session._process.pidfd], [], [], 10)[0]
        found = session.execute("x")
        assert found.status in (Status.SANDBOX_ERROR, Status.KILLED) and "lost" in found.reason
        assert session.execute("y = 2; y").result == "2"


@pytest.mark.parametrize("code", ["import os; os._exit(0)", UNSTOPPABLE[0]])
def test_without_a_checkpoint_a_killed_cell_takes_the_state_with_it(session, code):
    session.execute("x = 1")
    found = session.execute(code, limits=BRIEF, checkpoint=False)
    assert found.status is (Status.KILLED if "_exit" in code else Status.TIMEOUT)
    assert "state is lost" in found.reason and not session.holds_state
    assert session.execute("'x' in globals()").result == "False"


def test_without_a_checkpoint_an_honest_cell_is_like_any_other(session):
    session.execute("x = 1", checkpoint=False)
    session.execute("x += 1; 1 / 0", checkpoint=False)
    assert session.holds_state and session.execute("x", checkpoint=False).result == "2"


def test_a_cell_without_a_checkpoint_gets_no_permission_to_fork(session):
    found = session.execute("import os\nos.fork()", checkpoint=False)
    assert found.status is not Status.OK


@pytest.mark.parametrize("failure", [SandboxError("refused"), ZygoteDied("gone")])
def test_a_session_that_did_not_start_leaves_no_descriptor(monkeypatch, failure):
    def refuse(channel):
        raise failure

    Session().execute("1")  # the zygote is there
    monkeypatch.setattr("sandbox.session.receive", refuse)
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for _ in range(3):
        with pytest.raises(SandboxError, match=r"refused|did not start"):
            Session().execute("1")
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before
