"""`curate` and `export` killed at what they do to the disk, here and there: run again, they leave the same bytes.

A driver in a process of its own imports the package once and forks for each run; a fork kills itself with SIGKILL right
before the n-th change of the disk.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reasondistill.recipe.read import load_recipe
from reasondistill.run.recipe_run import RecipeRun

pytestmark = pytest.mark.timeout(300)

RECIPE = """
name: killed
until: export
problems: {source: procedural, split: train, count: 40}
held_out:
  seen: {source: procedural, split: seen, count: 6}
teacher: {model: recorded, engine: replay}
generate: {template: math-zero-shot, samples: 3, sampling: {temperature: 0.7, max_tokens: 64}}
curate: {near_duplicates: {problems: 0.9}, choose: diverse}
export: {formats: [dpo, open-r1]}
"""

DRIVER = """
import hashlib, json, os, random, shutil, signal, sys, traceback
from pathlib import Path

from reasondistill.store import table as store
from reasondistill.cli.main import main
import reasondistill.run.recipe_run
import reasondistill.curation.lookup.minhash_index, reasondistill.curation.lookup.ngrams
import pyarrow.parquet, reasondistill.report.assemble, rensa, verifiers.math
from reasondistill.store.versions import versions
from reasondistill.recipe.read import load_recipe

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree")
folder, work = Path(sys.argv[1]), Path(sys.argv[2])
# What forks would import, each for itself.
load_recipe(folder / "recipe.yaml", ["curate.choose=diverse"]), versions()


def forked(run):
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        os.close(1)  # what the command prints is not asked for
        os.open(os.devnull, os.O_WRONLY)
        status = run()
    except BaseException:
        traceback.print_exc()
        status = 70
    os._exit(status)


def counting(place, at, names):
    # Kill before change number `at`; note what the changes are.
    def change(name):
        names.append(name)
        if len(names) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event, given):
        writes = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in CHANGES or writes) and str(given[0]).startswith(str(place)):
            change(event)

    write = store._OpenShard.write
    store._OpenShard.write = lambda self, line: (change("append"), write(self, line))
    sys.addaudithook(hook)


def command(place, words, at=0, noted=None):
    def run():
        sys.argv = ["reasondistill", "export", "run", *words]
        names = []
        counting(place, at, names)
        status = main(["export", str(place), *words])
        if noted is not None:
            noted.write_text(json.dumps(names))
        return status

    return forked(run)


def bytes_of(place):
    found = {}
    for part in ("dataset", "drops"):
        for path in sorted((place / part).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(place))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def moments(names, draw):
    # One among the appends of drops, two before them, and three at the end, where folders are exchanged and noted.
    appends = [n for n, name in enumerate(names, 1) if name == "append"]
    others = [n for n, name in enumerate(names, 1) if name != "append"]
    return sorted([draw.choice(appends), *draw.sample(others[:-20], 2), *draw.sample(others[-20:], 3)])


results = []
place, noted, draw = work / "run", work / "names.json", random.Random(11)
MATCHED = "match: student, match_by: problems"
CONTROLS = f"wrong: {{data: wrong, {MATCHED}}}, random: {{data: random, {MATCHED}}}"
WORDS = ["curate.max_per_problem=2", f"students={{student: {{}}, {CONTROLS}}}"]
OTHER = ["curate.max_per_problem=1", f"students={{student: {{}}, all: {{data: all, {MATCHED}}}}}"]
for started_from, killed_words in (("nothing", WORDS), ("the finished dataset", OTHER)):
    # A finished folder is killed while another recipe is tried, which is then given up.
    start = folder if killed_words is WORDS else work / "finished"
    shutil.copytree(start, place)
    assert command(place, killed_words, noted=noted) == 0
    if killed_words is WORDS:
        whole = bytes_of(place)
        shutil.copytree(place, work / "finished")
    else:
        assert bytes_of(place) != whole
    for at in moments(json.loads(noted.read_text()), draw):
        shutil.rmtree(place)
        shutil.copytree(start, place)
        killed = command(place, killed_words, at)
        again = command(place, WORDS)
        left = [str(p.relative_to(place)) for p in place.rglob("*") if p.name.endswith((".tmp", ".old", ".part"))]
        results.append({"from": started_from, "at": at, "killed": killed, "again": again,
                        "same": bytes_of(place) == whole, "left": left})
    shutil.rmtree(place)
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def sampled(
    record_teacher: Callable[..., Path], teacher_answer: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run folder with rollouts and verdicts."""
    folder = tmp_path_factory.mktemp("sampled")
    recipe, answers = folder / "killed.yaml", folder / "teacher.jsonl"
    recipe.write_text(RECIPE)
    record_teacher(answers, recipe, [f"teacher.replay={answers}"], teacher_answer)
    loaded = load_recipe(recipe, [f"teacher.replay={answers}", f"out={folder / 'run'}"])
    RecipeRun(loaded, recipe_folder=folder).run_steps("problems", "generate", "verify")
    return folder / "run"


def test_killed_anywhere_and_run_again_the_bytes_are_the_same(sampled: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(sampled), str(tmp_path)],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == 12
    assert [r for r in results if r["killed"] != 9] == [], "a run ended before it was killed"
    assert [r for r in results if r["again"] != 0 or not r["same"] or r["left"]] == []
