"""The sandbox in processes unlike a shell's child: signals ignored, streams closed, many starts at once, forks."""

import subprocess
import sys

import pytest

# ruff: noqa: E501
from .conftest import ROOT

RUN = "import os, sys\nfrom sandbox import Pool\nran = Pool(isolation=sys.argv[1], prewarm=()).run('print(1)')\n"
TOLD = "os.write(int(sys.argv[2]), f'{ran.status} {ran.reason}'.encode())\n"


def in_process(code, isolation, *, seconds=60):
    """Run code in a fresh interpreter; return what it writes to the descriptor in its second argument."""
    told = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    command = [sys.executable, "-P", "-c", f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}", isolation]
    end = told.stdin.fileno()
    done = subprocess.run([*command, str(end)], pass_fds=[end], timeout=seconds, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return told.communicate()[0].decode()


@pytest.mark.parametrize(
    "before",
    [
        "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n",
        "import signal\nfor n in (1, 2, 15, 17): signal.signal(n, signal.SIG_IGN)\n",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n",
        "import os\nfor number in (0, 1, 2): os.close(number)\n",
        "import os\nos.close(1)\n",
        "import os\nos.close(0); os.close(2)\n",
    ],
)
def test_an_owner_with_ignored_signals_or_closed_streams(pool, before):
    assert in_process(before + RUN + TOLD, pool.isolation) == "ok "


def test_many_pools_start_at_once(pool):
    code = (
        "import os, sys, threading\nfrom sandbox import Pool\npools = [Pool(isolation=sys.argv[1], prewarm=()) for _ in range(24)]\n"
        "found = []\ndef start(one):\n    try: found.append(one.run('print(1)').status)\n    except Exception as problem: found.append(problem)\n"
        "threads = [threading.Thread(target=start, args=(one,)) for one in pools]\n[one.start() for one in threads]\n"
        "[one.join() for one in threads]\nran = pools[0].run('1')\nbad = [one for one in found if str(one) != 'ok']\n"
        "os.write(int(sys.argv[2]), repr(bad).encode())\n"
    )
    assert in_process(code, pool.isolation, seconds=120) == "[]"


def test_a_fork_of_an_owner_and_a_fork_of_a_spawned_owner(pool):
    forked = (
        "\nif os.fork() == 0:\n    ran = Pool(isolation=sys.argv[1], prewarm=()).run('1')\n"
        f"    {TOLD}    os._exit(0)\nos.wait()\nran = Pool(isolation=sys.argv[1], prewarm=()).run('1')\n" + TOLD
    )
    assert in_process(RUN + forked, pool.isolation) == "ok ok "
    spawned = (
        "import multiprocessing, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        f"if __name__ == '__main__':\n    context = multiprocessing.get_context('fork')\n"
        "    from sandbox import run\n    run('1', isolation=sys.argv[1])\n"
        "    def work():\n        import os\n        ran = run('1', isolation=sys.argv[1])\n"
        f"        {TOLD}"
        "    one = context.Process(target=work)\n    one.start(); one.join()\n"
    )
    assert in_process(spawned, pool.isolation) == "ok "
