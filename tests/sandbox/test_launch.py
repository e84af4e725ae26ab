"""Children side by side, linked and with a private result channel: what `run_tests` builds on."""

import pytest

from sandbox import Limits, Status, Task

OWN_ENDS = """
import os, stat
def own(number):
    try:
        os.fstat(number)
        return True
    except OSError:
        return False
ends = [number for number in range(3, 256) if own(number)]
ends.sort(key=lambda one: not stat.S_ISSOCK(os.fstat(one).st_mode))  # the link, then the result channel
"""


def program(code, **options):
    return Task(entry="program", payload=(OWN_ENDS + code).encode(), **options)


def test_linked_tasks_talk_and_the_owner_reads_the_private_result(pool):
    asked = program("print(len(ends), flush=True); os.write(ends[0], b'7')", linked=True)
    told = program("os.write(ends[1], b'got ' + os.read(ends[0], 9)); print(len(ends))", linked=True, result=True)
    first, second = pool.launch([asked, told])
    assert (second.status, second.result, second.stdout, first.stdout) == (Status.OK, b"got 7", b"2\n", b"1\n")


def test_a_launch_ends_with_the_task_that_has_the_result(pool):
    first, second = pool.launch(
        [program("import time; time.sleep(60)", linked=True), program("", linked=True, result=True)]
    )
    assert second.status is Status.OK
    assert (first.status, first.reason) == (Status.KILLED, "its partner ended")


def test_one_wall_clock_for_all(pool):
    both = pool.launch([program("import time; time.sleep(60)"), program("while True: pass")], wall_seconds=0.5)
    assert [one.status for one in both] == [Status.TIMEOUT, Status.TIMEOUT]


def test_a_result_is_bounded(pool):
    flood = program("while True: os.write(ends[0], b'x' * 4096)", result=True, limits=Limits(result_bytes=1 << 16))
    (one,) = pool.launch([flood])
    assert one.status is Status.OUTPUT_LIMIT


def test_a_child_holds_no_descriptor_but_its_own(pool):
    (one,) = pool.launch([program("print(ends)")])
    assert one.stdout == b"[]\n"


FORGE = """
import gc, mmap, os
for one in gc.get_objects():
    page = getattr(one, "page", None) if type(one).__name__ == "Box" else None
    if isinstance(page, mmap.mmap):
        page[0] = {first}
        page[1:601] = b"forged" * 100
os.{ending}
"""


@pytest.mark.parametrize("first", [0, 1, 2, 3, 4, 255])
@pytest.mark.parametrize("ending", ["_exit(0)", "_exit(125)", "kill(os.getpid(), 9)", "abort()"])
def test_a_program_cannot_pass_its_end_off_as_our_failure(pool, first, ending):
    found = pool.run(FORGE.format(first=first, ending=ending))
    assert found.status is not Status.SANDBOX_ERROR and "forged" not in found.reason
    assert found.status is Status.OK or ending != "_exit(0)"


def test_an_entry_that_does_not_exist_is_our_error(pool):
    (one,) = pool.launch([Task(entry="os.system")])
    assert one.status is Status.SANDBOX_ERROR and "entry" in one.reason
