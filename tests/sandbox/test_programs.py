"""Running programs: what a run reports, and that honest programs of all kinds are never refused."""

import pytest

# ruff: noqa: E501
from sandbox import Limits, Status, run
from sandbox.testing import Program, Reading, run_script

STATUSES = [
    ("print('hi')", Status.OK, 0, ""),
    ("raise ValueError('no')", Status.EXCEPTION, 1, ""),
    ("import sys; sys.exit(3)", Status.NONZERO_EXIT, 3, ""),
    ("import sys; sys.exit()", Status.OK, 0, ""),
    ("import sys; sys.exit('words')", Status.NONZERO_EXIT, 1, ""),
    ("import os; os._exit(7)", Status.NONZERO_EXIT, 7, ""),
    ("import time; time.sleep(60)", Status.TIMEOUT, None, "wall clock"),
    ("x = bytearray(1 << 40)", Status.MEMORY, 1, "memory"),
    ("import ctypes; ctypes.string_at(0)", Status.KILLED, None, "SIGSEGV"),
    ("while True: print('x' * 9999)", Status.OUTPUT_LIMIT, None, "wrote more"),
    ("def f(:", Status.EXCEPTION, 1, ""),
    ("", Status.OK, 0, ""),
]


@pytest.mark.parametrize(("code", "status", "exit_code", "reason"), STATUSES)
def test_every_end_has_its_status(pool, code, status, exit_code, reason):
    found = pool.run(code, limits=Limits(wall_seconds=1))
    assert (found.status, found.exit_code) == (status, exit_code), found
    assert reason in found.reason and found.isolation == pool.isolation


def test_processor_time_is_limited_for_a_program_that_may_live_longer(pool):
    found = pool.run("while True: pass", limits=Limits(wall_seconds=30, cpu_seconds=1))
    assert found.status is Status.TIMEOUT and "processor" in found.reason
    assert 0.9 < found.cpu_seconds < 5


def test_a_traceback_shows_the_programs_own_frames_only(pool):
    found = pool.run("def f():\n    return 1 / 0\n\nf()\n")
    assert found.stderr.splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "program.py", line 4, in <module>',
        "    f()",
    ]
    assert "inside" not in found.stderr and found.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_chained_exceptions_are_trimmed_too(pool):
    found = pool.run("try:\n    import nothing_of_that_name\nexcept ImportError as e:\n    raise KeyError(1) from e")
    assert found.stderr.count("program.py") == 2 and "inside" not in found.stderr


def test_standard_input_arrives_and_ends(pool):
    code = "import sys; a = input(); b = sys.stdin.read(); print([a, b])"
    assert pool.run(code, stdin="one\ntwo é\n").stdout == "['one', 'two é\\n']\n"
    assert "EOFError" in pool.run("input()").stderr


def test_large_standard_input_and_large_programs_arrive(pool):
    text = "x" * 3_000_000
    assert pool.run("import sys; print(len(sys.stdin.read()))", stdin=text).stdout == "3000000\n"
    assert pool.run(f"x = '{text}'; print(len(x))").stdout == "3000000\n"


def test_output_is_cut_in_the_middle(pool):
    found = pool.run("for n in range(100000): print(n)", limits=Limits(output_bytes=1000))
    assert found.truncated and found.status is Status.OK
    assert found.stdout.startswith("0\n1\n2\n") and found.stdout.endswith("99998\n99999\n")
    assert "bytes cut" in found.stdout and len(found.stdout) < 1100


def test_output_of_exactly_the_limit_is_whole(pool):
    found = pool.run("print('x' * 999)", limits=Limits(output_bytes=1000))
    assert found.stdout == "x" * 999 + "\n" and not found.truncated


def test_bytes_that_are_no_text_come_back_replaced(pool):
    assert pool.run("import os; os.write(1, b'a\\xffb')").stdout == "a�b"
    assert pool.run("print('\\udcff')").stdout == "�\n"


def test_source_files_may_name_their_encoding(pool):
    assert pool.run("# coding: latin-1\nprint('\xe9')".encode("latin-1")).stdout == "é\n"


def test_runs_do_not_share_random_numbers_or_state(pool):
    code = "import random, os; print(random.random(), os.urandom(4).hex())"
    assert len({pool.run(code).stdout for _ in range(5)}) == 5
    pool.run("import json; json.poison = 1; import builtins; builtins.len = None")
    assert pool.run("import json; print(hasattr(json, 'poison'), len('ab'))").stdout == "False 2\n"


def test_the_environment_is_fixed(pool):
    names = pool.run("import os; print(sorted(os.environ))").stdout
    assert names == pool.run("import os; print(sorted(os.environ))").stdout
    assert "PATH" in names and "HOME" in names and len(names) < 200


HONEST = {
    "threads": "import threading\nout = []\nts = [threading.Thread(target=out.append, args=(n,)) for n in range(40)]\n[t.start() for t in ts]; [t.join() for t in ts]\nassert len(out) == 40",
    "thread pool": "from concurrent.futures import ThreadPoolExecutor as P\nwith P(8) as p: assert sum(p.map(abs, range(100))) == 4950",
    "a large stack": "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(64 << 20)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nt = threading.Thread(target=lambda: print(f(50000))); t.start(); t.join()",
    "recursion": "import sys\nsys.setrecursionlimit(5000)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nassert f(3000) == 3000",
    "recursion through C": "import sys, functools\nsys.setrecursionlimit(10**6)\n@functools.lru_cache(None)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nassert f(30000) == 30000",
    "numpy, cold": "import numpy as np\nassert np.linalg.det(np.eye(50)) == 1 and (np.ones((300, 300)) @ np.ones((300, 300)))[0, 0] == 300",
    "sympy, cold": "import sympy as s\nx = s.Symbol('x')\nassert s.solve(x**2 - 4) == [-2, 2]",
    "asyncio": "import asyncio\nasync def f(): await asyncio.sleep(0.01); return await asyncio.to_thread(abs, -5)\nassert asyncio.run(f()) == 5",
    "files": "import tempfile, shutil, os, pathlib\nwith tempfile.TemporaryDirectory() as d:\n    p = pathlib.Path(d, 'a'); p.write_text('x'); shutil.copy2(p, d + '/b'); os.rename(d + '/b', d + '/c'); shutil.copytree(d, d + '/../t'); os.chmod(p, 0o600); os.symlink('a', d + '/l')\n    assert open(d + '/l').read() == 'x' and sorted(os.listdir(d)) == ['a', 'c', 'l']\nshutil.rmtree('t')\nwith tempfile.TemporaryFile() as f: f.write(b'x')\nwith tempfile.NamedTemporaryFile('w') as f: f.write('x')",
    "archives": "import zipfile, gzip, tarfile, io\nwith zipfile.ZipFile('a.zip', 'w') as z: z.writestr('x/y', 'hi')\nzipfile.ZipFile('a.zip').extractall('out'); assert open('out/x/y').read() == 'hi'\nwith tarfile.open('a.tar', 'w') as t: t.add('out')\ntarfile.open('a.tar').extractall('out2')\nassert gzip.decompress(gzip.compress(b'x')) == b'x'",
    "a database": "import sqlite3\nc = sqlite3.connect('a.db'); c.execute('create table t (x)'); c.execute('insert into t values (5)'); c.commit()\nassert c.execute('select x from t').fetchone() == (5,)\nassert sqlite3.connect(':memory:').execute('select 1').fetchone() == (1,)",
    "fork and wait": "import os\nr, w = os.pipe()\npid = os.fork()\nif pid == 0: os.write(w, b'hi'); os._exit(3)\nassert os.read(r, 9) == b'hi' and os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3",
    "many forks, one after the other": "import os\nfor _ in range(40):\n    pid = os.fork()\n    if pid == 0: os._exit(0)\n    os.waitpid(pid, 0)",
    "signals to itself": "import signal, os, time\nhits = []\nsignal.signal(signal.SIGALRM, lambda *a: hits.append(1)); signal.setitimer(signal.ITIMER_REAL, 0.02); time.sleep(0.2)\nsignal.signal(signal.SIGUSR1, lambda *a: hits.append(2)); os.kill(os.getpid(), signal.SIGUSR1); signal.raise_signal(signal.SIGUSR1)\nassert hits == [1, 2, 2]",
    "time": "import time, datetime, zoneinfo\ndatetime.datetime.now(zoneinfo.ZoneInfo('Europe/Paris')); time.sleep(0.01); time.localtime(); time.perf_counter_ns()",
    "machine questions": "import os, platform, shutil, getpass, socket, locale, multiprocessing\nassert os.cpu_count() >= 1 and multiprocessing.cpu_count() >= 1; platform.platform(); shutil.get_terminal_size(); getpass.getuser(); os.path.expanduser('~'); os.getlogin if 1 else 0; os.times(); os.sysconf('SC_PAGE_SIZE'); os.get_terminal_size if 1 else 0; os.nice(0); socket.gethostname()",
    "limits of its own": "import resource\nresource.setrlimit(resource.RLIMIT_AS, resource.getrlimit(resource.RLIMIT_AS)); resource.getrusage(resource.RUSAGE_SELF)",
    "half of the memory": "x = bytearray(500 << 20); x[::4096] = b'1' * len(x[::4096])",
    "classes and pickles": "import pickle, dataclasses, copy\n@dataclasses.dataclass\nclass A: x: int\nassert pickle.loads(pickle.dumps(A(3))) == A(3) == copy.deepcopy(A(3))",
    "its own source": "import inspect\ndef f(): return 1\nassert inspect.getsource(f) == 'def f(): return 1\\n'",
    "main guard": "if __name__ == '__main__': print('main')\nelse: raise SystemExit(1)",
    "exit handlers": "import atexit\natexit.register(print, 'bye')",
    "standard library": "import decimal, fractions, statistics, heapq, bisect, itertools, re, json, csv, html, textwrap, hashlib, secrets, uuid, calendar, string, operator, typing, types, enum, abc, contextlib, ctypes, array, struct, zlib, bz2, lzma, base64, urllib.parse, xml.etree.ElementTree, email, difflib, unicodedata, ast, dis, tokenize, logging, argparse, unittest, doctest, timeit, queue, sched, weakref, gc, traceback, warnings, ssl, http.client, subprocess, multiprocessing, socket, select, mmap\nassert hashlib.sha256(b'').hexdigest()[:4] == 'e3b0' and uuid.uuid4()\nlogging.warning('w')",
    "unittest": "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(1, 1)\nunittest.main(exit=False)",
    "fifo": "import os, threading\nos.mkfifo('p')\nt = threading.Thread(target=lambda: open('p', 'w').write('x')); t.start()\nassert open('p').read() == 'x'; t.join()",
    "mapped files": "import mmap\nopen('m', 'wb').write(bytes(8192))\nwith open('m', 'r+b') as f, mmap.mmap(f.fileno(), 0) as m: m[0] = 65; m.flush()\nassert open('m', 'rb').read(1) == b'A'\nm = mmap.mmap(-1, 1 << 20); m[5] = 1",
    "locks": "import fcntl\nf = open('l', 'w'); fcntl.flock(f, fcntl.LOCK_EX); fcntl.lockf(f, fcntl.LOCK_UN)",
    "select": "import os, selectors\nr, w = os.pipe(); s = selectors.DefaultSelector(); s.register(r, 1); os.write(w, b'x'); assert s.select(1)",
    "random seeds": "import random; random.seed(5); assert random.randrange(1000) == 637 or True\nimport numpy; numpy.random.seed(1); assert abs(numpy.random.rand() - 0.417) < 0.001",
    "warnings": "import warnings; warnings.warn('careful')",
    "closing streams": "import sys; sys.stdout.write('x'); sys.stdout.flush(); sys.stderr.close()",
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_honest_programs_run(pool, name):
    found = pool.run(HONEST[name])
    assert found.status is Status.OK, f"{found.reason}\n{found.stderr}"


def test_processes_of_multiprocessing_work_where_shared_memory_may_be_made(pool):
    code = (
        "import multiprocessing as m\nif __name__ == '__main__':\n    with m.Pool(2) as p: print(p.map(abs, [-1, -2]))"
    )
    found = pool.run(code)
    if pool.isolation == "full":
        assert found.stdout == "[1, 2]\n", found.stderr
    else:
        assert "PermissionError" in found.stderr, "flat keeps every program out of /dev/shm"


def test_a_run_by_the_shared_pool():
    assert run("print(6 * 7)").stdout == "42\n"


def test_limits_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="wall_seconds"):
        Limits(wall_seconds=0)


AS_PYTHON_DOES = [
    ("out = open(1, 'w')\nout.write('5\\n')", "5\n"),
    ("import os\nout = os.fdopen(os.dup(1), 'wb')\nout.write(b'7')", "7"),
    ("import io, sys\nout = io.TextIOWrapper(sys.stdout.buffer)\nout.write('e')", "e"),
    (
        "import io, sys\nreal, sys.stdout = sys.stdout, io.StringIO()\nprint(5)\nreal.write(sys.stdout.getvalue())",
        "5\n",
    ),
    ("import resource\nresource.setrlimit(resource.RLIMIT_STACK, (-1, -1))\nprint(1)", "1\n"),
    ("import resource\nresource.setrlimit(resource.RLIMIT_STACK, (2**29, -1))\nprint(1)", "1\n"),
    ("print(open('/dev/stdin').read())", "1 2\n\n"),
    ("import pathlib\nprint(pathlib.Path('/dev/stdin').read_text())", "1 2\n\n"),
    ("import fileinput\nprint(*fileinput.input('/dev/fd/0'))", "1 2\n\n"),
    (
        "import os\nos.write(os.open('/dev/stdout', os.O_WRONLY), os.read(os.open('/dev/stdin', os.O_RDONLY), 9))",
        "1 2\n",
    ),
    ("with open('/dev/stdout', 'w') as out:\n    out.write('5')\nprint(6)", "56\n"),
    ("with open('/dev/stderr', 'w') as out:\n    out.write('5')\nprint(6)", "6\n"),
    ("import sys\nsys.stderr.write('x' * (1 << 20))\nprint(1)", "1\n"),
    ("print(len(str(10**20000)), int('9' * 20000) % 9)", "20001 0\n"),
]


@pytest.mark.parametrize(("code", "printed"), AS_PYTHON_DOES)
@pytest.mark.parametrize("as_candidate", [False, True])
def test_a_program_finds_and_leaves_its_streams_as_under_python(pool, code, printed, as_candidate):
    if as_candidate:
        found = run_script(Program(readings=(Reading(source=code),)), "1 2\n", pool=pool).execution()
    else:
        found = pool.run(code, stdin="1 2\n")
    assert (found.status, found.stdout) == (Status.OK, printed), found


THREADS = """
import threading
event = threading.Event()
threads = [threading.Thread(target=event.wait) for _ in range(200)]
[one.start() for one in threads]
event.set()
[one.join() for one in threads]
print(1)
"""


@pytest.mark.parametrize(
    ("code", "stdin", "memory"),
    [
        (THREADS, "", 1024),
        ("import sys, time\nsize = len(sys.stdin.read())\ntime.sleep(0.3)\nprint(size >> 20)", "x" * (70 << 20), 1024),
        ("import os, time\nif any(os.fork() == 0 for _ in range(10)):\n    time.sleep(0.4)\n    os._exit(0)\n"
         "time.sleep(0.3)\nprint(1)", "x" * (8 << 20), 1024),
        ("import mmap, os, tempfile, time\nnumber, name = tempfile.mkstemp()\nos.unlink(name)\nos.ftruncate(number, 1 << 20)\n"
         "content = mmap.mmap(number, 1 << 20)\ntime.sleep(0.3)\nprint(1)", "", 1024),
    ],
)  # fmt: skip
def test_honest_use_of_resources_is_within_the_limits(pool, code, stdin, memory):
    found = pool.run(code, stdin=stdin, limits=Limits(memory_bytes=memory << 20))
    assert (found.status, found.stdout) == (Status.OK, f"{len(stdin) >> 20 if '>> 20)' in code else 1}\n"), found


MAPPED = """
import mmap, os, time
kept = []
for _ in range(12):
    with open("x", "w+b") as file:
        file.truncate(40 << 20)
        kept.append(mmap.mmap(file.fileno(), 0))
    os.unlink("x")
    for place in range(0, 40 << 20, 4096):
        kept[-1][place] = 1
time.sleep(1)
print("all")
"""
BUFFERS = """
import socket
total = 0
pairs = [socket.socketpair() for _ in range(100)]  # held, also by the sleeping processes of the test below
for pair in pairs:
    for one in pair:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
        one.setblocking(False)
        try:
            while True:
                total += one.send(bytes(65536))
        except BlockingIOError:
            pass
print(total >> 20)
"""


def test_deleted_files_that_are_only_mapped_count_as_disk(pool):
    found = pool.run(MAPPED)
    assert found.status is Status.KILLED and "all" not in found.stdout, found


def test_socket_buffers_do_not_grow(pool):
    found = pool.run(BUFFERS)
    assert found.status is Status.OK and int(found.stdout) < 64, found


FORKED_BUFFERS = (
    """
import os
for _ in range(9):
    if os.fork() == 0:
        break
"""
    + BUFFERS
    + """
import time
time.sleep(1)
"""
)


def test_socket_buffers_count_as_memory_of_the_tree(pool):
    found = pool.run(FORKED_BUFFERS, limits=Limits(memory_bytes=256 << 20, wall_seconds=10))
    assert found.status is Status.MEMORY, found
    assert pool.run(BUFFERS, limits=Limits(memory_bytes=256 << 20)).ok
