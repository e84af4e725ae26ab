"""The sympy processes: time limits, deaths, threads, forks, and that none outlives its owner."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from verifiers import Outcome
from verifiers.math import grade
from verifiers.math.parser import read
from verifiers.math.processes import Answered, WorkerPool, shared_pool
from verifiers.math.symbolic import encode

SLOW_TEXT = r"\int_0^1 x^x e^{\sin(x^2)} \ln(x) dx"
INTEGRAL = r"\int_0^1 x dx"
"""Nothing but sympy decides about it."""
TWO = encode(read("2"))
SLOW = [encode(read(SLOW_TEXT)), TWO]
EQUAL = [encode(read(INTEGRAL)), encode(read("1/2"))]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def pids(pool: WorkerPool) -> list[int]:
    """Return the process ids of the workers that wait for work."""
    return [worker.process.pid for worker in pool._idle]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def ends(pid: int) -> bool:
    for _ in range(200):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def pool() -> WorkerPool:
    return WorkerPool(2)


def test_a_slow_pair_is_cut_off_and_the_next_one_answered(pool: WorkerPool) -> None:
    pool.ask(EQUAL, seconds=20, patience=60)
    assert pool.ask(SLOW, seconds=0.3, patience=60).answered is Answered.TOO_SLOW
    assert pool.ask(EQUAL, seconds=20, patience=60).answered is Answered.YES
    pool.close()


@linux_only
def test_a_worker_killed_while_it_waits_is_replaced(pool: WorkerPool) -> None:
    pool.ask(EQUAL, seconds=20, patience=60)
    (pid,) = pids(pool)
    os.kill(pid, signal.SIGKILL)
    assert pool.ask(EQUAL, seconds=20, patience=60).answered is Answered.YES
    assert pids(pool) != [pid]
    pool.close()


@linux_only
def test_a_worker_killed_at_work_is_replaced_once(pool: WorkerPool) -> None:
    pool.ask(EQUAL, seconds=20, patience=60)
    (pid,) = pids(pool)
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(pool.ask, SLOW, seconds=1.5, patience=60)
        while pids(pool):
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        assert future.result().answered is Answered.TOO_SLOW  # by the second worker
    pool.close()


def test_a_start_does_not_count_as_computing(pool: WorkerPool) -> None:
    assert pool.ask(EQUAL, seconds=0.3, patience=60).answered is Answered.YES
    pool.close()


def test_patience_bounds_the_start_too(pool: WorkerPool) -> None:
    assert pool.ask(EQUAL, seconds=20, patience=0.01).answered is Answered.TOO_SLOW
    assert pool.ask(EQUAL, seconds=20, patience=60).answered is Answered.YES
    pool.close()


def test_a_worker_that_cannot_start_is_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert WorkerPool(1).ask(EQUAL, seconds=20, patience=60).answered is Answered.UNAVAILABLE


def test_what_a_library_prints_does_not_reach_the_replies(pool: WorkerPool, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import atexit, logging; logging.basicConfig(level=0)\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        assert pool.ask(EQUAL, seconds=20, patience=60).answered is Answered.YES
    pool.close()


def test_many_threads_share_the_workers() -> None:
    cases = [(f"{INTEGRAL}+{n}", f"{n % 2}+1/2", n % 2 == n) for n in range(4)] * 5
    with ThreadPoolExecutor(8) as executor:
        verdicts = list(executor.map(lambda case: grade(case[0], case[1], timeout=20), cases))
    assert [v.correct for v in verdicts] == [equal for _, _, equal in cases]


def test_it_works_beside_an_event_loop() -> None:
    async def main() -> list[bool | None]:
        calls = [asyncio.to_thread(grade, INTEGRAL, "1/2", timeout=20) for _ in range(4)]
        return [grade(INTEGRAL, "1/2", timeout=20).correct, *(v.correct for v in await asyncio.gather(*calls))]

    assert asyncio.run(main()) == [True] * 5


def test_the_callers_alarm_is_left_alone() -> None:
    signal.setitimer(signal.ITIMER_REAL, 1000)
    grade(INTEGRAL, "1/2", timeout=20)
    remaining, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    assert remaining > 0


@linux_only
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_workers_of_its_own() -> None:
    grade(INTEGRAL, "1/2", timeout=20)
    before = pids(shared_pool())
    with multiprocessing.get_context("fork").Pool(1) as forked:
        assert forked.apply(_grade_in_child, (before,)) == (True, True)
    assert pids(shared_pool()) == before
    assert grade(INTEGRAL, "1/2", timeout=20).correct


def _grade_in_child(parents: list[int]) -> tuple[bool, bool]:
    verdict = grade(INTEGRAL, "1/2", timeout=20)
    mine = pids(shared_pool())
    shared_pool().close()
    return verdict.outcome is Outcome.CORRECT, bool(mine) and not set(mine) & set(parents)


OWNER = """
import threading, time
from verifiers.math.parser import read
from verifiers.math.processes import WorkerPool
from verifiers.math.symbolic import encode
pool = WorkerPool(1)
equal = encode(read("1/2"))
pool.ask([equal, equal], seconds=20, patience=60)
tree = encode(read({slow!r}))
slow = [tree, tree]
print(*[worker.process.pid for worker in pool._idle], flush=True)
{then}
time.sleep(100)
"""


@linux_only
@pytest.mark.parametrize(
    "then",
    ["", "threading.Thread(target=pool.ask, args=(slow,), kwargs={'seconds': 2, 'patience': 60}, daemon=True).start()"],
)
def test_a_killed_owner_leaves_no_worker(then: str) -> None:
    root = Path(__file__).parents[3]
    code = OWNER.format(then=then, slow=SLOW_TEXT)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root) as owner:
        assert owner.stdout is not None
        worker = int(owner.stdout.readline())
        if then:
            time.sleep(0.5)  # let the slow pair reach the worker
        assert alive(worker)
        owner.kill()
    assert ends(worker)


def test_threads_that_end_do_not_take_their_worker_along(pool: WorkerPool) -> None:
    thread = threading.Thread(target=pool.ask, args=(EQUAL,), kwargs={"seconds": 20, "patience": 60})
    thread.start()
    thread.join()
    before = pids(pool)
    assert pool.ask(EQUAL, seconds=20, patience=60).answered is Answered.YES
    assert pids(pool) == before
    pool.close()
