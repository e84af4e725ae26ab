"""Every attack row, under every isolation, as this user and as nobody, and as in a Docker container."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import Pool, SandboxUnavailable

HERE = Path(__file__).parent
ROWS = runpy.run_path(str(HERE / "attacks.py"))
MINE = [sys.executable]
DOCKER = [sys.executable, str(HERE / "docker_profile.py")]
SECONDS = 0.7

WAYS = [
    pytest.param("full", [], "me", id="full"),
    pytest.param("flat", [], "me", id="flat"),
    pytest.param("full", [], "nobody", id="full-nobody"),
    pytest.param("flat", [], "nobody", id="flat-nobody"),
    pytest.param("auto", DOCKER, "me", id="docker"),
    pytest.param("auto", DOCKER, "nobody", id="docker-nobody"),
]


def run_rows(command, isolation, rows, world):
    if isolation == "full":
        with Pool(isolation="full", prewarm=()) as pool:
            try:
                pool.zygote()
            except SandboxUnavailable as problem:
                pytest.skip(str(problem))
    prepared = {
        name: ROWS["prepared"](code, world.names()).decode("utf-8", "surrogatepass") for name, code in rows.items()
    }
    order = json.dumps({"isolation": isolation, "seconds": SECONDS, "rows": prepared})
    secret = os.open(world.directory / "file", os.O_RDONLY)
    try:
        answer = subprocess.run(
            [*command, str(HERE / "driver.py"), str(world.directory)],
            input=order,
            capture_output=True,
            text=True,
            env=os.environ | {"SANDBOX_SECRET": world.secret},
            pass_fds=[secret],
            timeout=100,
        )
    finally:
        os.close(secret)
    assert answer.returncode == 0, answer.stderr[-2000:]
    found = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [one["name"] for one in found] == list(rows)
    return found


def check(found, world):
    assert world.damage() == []
    assert [one["name"] for one in found if "BREACH" in one["output"] or world.secret.strip() in one["output"]] == []
    assert [(one["name"], one["reason"]) for one in found if one["status"] == "sandbox_error"] == []
    assert [one["name"] for one in found if one["again"] != "[] 448\n"] == [], "the next run finds what this one left"
    assert [(one["name"], one["seconds"]) for one in found if one["seconds"] > SECONDS + 10] == []
    assert [one["name"] for one in found if len(one["output"]) > 600_000] == []


@pytest.mark.parametrize(("isolation", "wrapper", "user"), WAYS)
def test_nothing_outside_is_reached(isolation, wrapper, user, python_of, world):
    found = run_rows([*wrapper, *python_of(user)], isolation, ROWS["ISOLATION"], world)
    check(found, world)
    assert {one["isolation"] for one in found} == {"flat" if isolation == "auto" else isolation}


@pytest.mark.parametrize(("isolation", "wrapper", "user"), [WAYS[0], WAYS[4]])
def test_everything_ends_and_leaves_nothing(isolation, wrapper, user, python_of, world):
    found = run_rows([*wrapper, *python_of(user)], isolation, ROWS["CLEAN_UP"], world)
    check(found, world)
    assert processes_with(str(world.directory)) == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("isolation", "wrapper", "user"), [WAYS[0], WAYS[4]])
def test_resources_are_bounded(isolation, wrapper, user, python_of, world):
    check(run_rows([*wrapper, *python_of(user)], isolation, ROWS["RESOURCES"], world), world)


WEAKER = """
from sandbox import Pool, SandboxUnavailable
for allow_weaker in (False, True):
    with Pool(prewarm=(), allow_weaker=allow_weaker) as pool:
        try:
            print(pool.run("print(6 * 7)").stdout.strip(), pool.isolation)
        except SandboxUnavailable as problem:
            print("landlock" in str(problem))
"""


def test_less_than_flat_is_refused_unless_the_caller_allows_it():
    environment = os.environ | {"NO_LANDLOCK": "1", "PYTHONPATH": str(HERE.parents[1])}
    command = [*DOCKER, sys.executable, "-c", WEAKER]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert answer.stdout == "True\n42 weaker\n", answer.stderr


def processes_with(text):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path] if text in path.read_text() else []
        except OSError:
            continue
    return found
