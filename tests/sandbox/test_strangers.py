"""What children of one pool find of each other in their own memory: nothing."""

# ruff: noqa: E501
from concurrent.futures import ThreadPoolExecutor

from sandbox import Status

FOUND = """
import gc, sys
values, frame = list(gc.get_objects()), sys._getframe()
while frame is not None:
    values += frame.f_locals.values()
    frame = frame.f_back
unique = {id(one): one for one in values}.values()
boxes = [one for one in unique if type(one).__name__ == "Box"]
"""


def test_a_child_knows_no_other_child_and_only_its_own_page(pool):
    with ThreadPoolExecutor(4) as threads:
        sleeping = [threads.submit(pool.run, "import time; time.sleep(1)") for _ in range(4)]
        known = "print(len(boxes), *sorted({type(one).__name__ for one in unique} & {'Zygote', 'Boxes', 'Child', 'Launch', 'Spares'}))"
        for _ in range(3):
            assert pool.run(FOUND + known).stdout.strip() in ("0", "1")
        assert all(one.result().ok for one in sleeping)


def test_what_a_child_writes_to_its_page_is_gone_and_names_no_other_end(pool):
    with ThreadPoolExecutor(4) as threads:
        write = "\nimport time\nend = time.time() + 1\nwhile time.time() < end:\n    for box in boxes:\n        box.page[0], box.page[100:105] = 2, b'HELLO'\n"
        hostile = [threads.submit(pool.run, FOUND + write) for _ in range(2)]
        told = {str(pool.run("raise ValueError").status) for _ in range(4)}
        [one.result() for one in hostile]
        assert told == {Status.EXCEPTION}
        assert pool.run(FOUND + "print([box.page[100:105] for box in boxes if any(box.page[:])])").stdout == "[]\n"
