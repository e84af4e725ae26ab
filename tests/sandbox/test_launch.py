"""Children side by side, linked and with a private result channel: what `run_tests` builds on."""

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


def test_an_entry_that_does_not_exist_is_our_error(pool):
    (one,) = pool.launch([Task(entry="os.system")])
    assert one.status is Status.SANDBOX_ERROR and "entry" in one.reason
