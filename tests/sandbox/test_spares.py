"""Children that wait for their job: few, used once, no different from others, and no trap when they die."""

import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import Limits, Pool, SandboxUnavailable, Status
from sandbox.child import Kind
from sandbox.inside.rehearsal import rehearse
from sandbox.spares import MAX_SPARES, Child, Spares


@pytest.fixture(params=["full", "flat"])
def fresh(request):
    with Pool(isolation=request.param, prewarm=()) as pool:
        try:
            pool.zygote()
        except SandboxUnavailable as problem:
            pytest.skip(str(problem))
        yield pool


def children(pool):
    """Process ids of the zygote's children: while nothing runs, these are its spares."""
    pid = pool.zygote().process.pid
    if pool.isolation == "full":
        pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text())
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def settled(pool, wanted):
    end = time.monotonic() + 10
    while len(children(pool)) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    return children(pool)


LOOK = """
import gc, json, os, random, resource, signal, sys, threading
print(json.dumps({
    "modules": sorted(sys.modules), "argv": sys.argv, "files": os.listdir("."), "threads": threading.active_count(),
    "streams": [stream.name for stream in (sys.stdin, sys.stdout, sys.stderr)], "environment": dict(os.environ),
    "handlers": [str(signal.getsignal(number)) for number in range(1, 32)],
    "mask": sorted(signal.pthread_sigmask(0, ())),
    "limits": [resource.getrlimit(what) for what in range(16)], "alarm": signal.getitimer(signal.ITIMER_REAL),
    "open": [n for n in range(2000) if os.path.exists(f"/proc/self/fd/{n}")] if os.path.exists("/proc/self/fd") else [],
    "parents": [frame.f_code.co_name for frame in (sys._getframe(1), sys._getframe(2))], "garbage": len(gc.garbage),
}))
print(random.random())
"""


def test_a_program_cannot_tell_that_its_process_waited(fresh):
    told, numbers = [], set()
    for pause in (0.0, 0.0, 0.3, 0.3):  # the later ones find a spare that has rehearsed
        time.sleep(pause)
        facts, number = fresh.run(LOOK).stdout.splitlines()
        told.append({key: str(value).replace(facts_home(facts), "HOME") for key, value in json.loads(facts).items()})
        numbers.add(number)
    assert told[0] == told[1] == told[2] == told[3]
    assert len(numbers) == 4, "each has random numbers of its own"


def facts_home(facts):
    return json.loads(facts)["environment"]["HOME"]


def test_a_spare_is_used_once_and_replaced(fresh):
    fresh.run("print(1)")
    before = settled(fresh, 1)
    seen = {fresh.run("import os; print(os.getpid() if os.getpid() > 1 else open('/proc/self/stat').read())").status}
    assert seen <= {Status.OK, Status.EXCEPTION}
    after = settled(fresh, 1)
    assert len(before) == len(after) == 1 and before != after


def test_spares_are_few_whatever_kinds_are_asked_for(fresh):
    with ThreadPoolExecutor(4) as threads:
        ran = list(threads.map(lambda n: fresh.run("print(1)", limits=Limits(files=100 + n)), range(20)))
    assert all(one.ok for one in ran)
    time.sleep(0.5)
    assert len(settled(fresh, MAX_SPARES)) == MAX_SPARES


def test_a_spare_that_was_killed_is_no_loss(fresh):
    for number in range(4):
        fresh.run("print(1)")
        for pid in settled(fresh, 1):
            os.kill(pid, signal.SIGKILL)
        assert fresh.run(f"print({number})").stdout == f"{number}\n"


def test_a_rehearsal_leaves_nothing_behind():
    def state():
        streams = (sys.stdin, sys.stdout, sys.stderr)
        return set(sys.modules), list(sys.argv), streams, signal.getsignal(signal.SIGALRM), signal.getitimer(0)

    assert rehearse() == "passed"
    before = state()
    assert rehearse() == "passed"
    assert state() == before


def test_only_as_many_spares_of_a_kind_as_a_launch_may_want():
    kind, other, spares = Kind(limits=Limits()), Kind(limits=Limits(files=9)), Spares()
    for _ in range(5):
        spares.want(kind)
    spares.want(Kind(limits=Limits(), session=True))
    made = 0
    while (wanted := spares.next_kind()) is not None:
        spares.add(Child(made, -1, wanted, None, None))
        made += 1
    assert made == 2 and not spares.wanted
    assert spares.take(other) is None
    first = spares.take(kind)
    assert first is not None and spares.take(kind) is not first and spares.take(kind) is None
