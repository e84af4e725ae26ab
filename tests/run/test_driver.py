"""The driver: what it does again, what it keeps, what it moves away, and what a killed step leaves."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reasondistill.errors import StoreError
from reasondistill.records import content_id
from reasondistill.run.driver import Driver
from reasondistill.run.step import Work


@dataclass
class Write:
    """Write one file from its text and from the files of the steps that it reads."""

    name: str
    text: str
    reads: tuple[str, ...] = ()
    fails: bool = False
    missing: int = 0
    ran: list[str] = field(default_factory=list)

    @property
    def writes(self):
        return (f"out/{self.name}.txt",)

    def options(self):
        return {"text": self.text}

    def work(self, run):
        return Work(wanted=1, stored=int((run.path / self.writes[0]).exists()), tokens=7)

    def run(self, run):
        self.ran.append(self.name)
        place = run.path / self.writes[0]
        place.parent.mkdir(exist_ok=True)
        read = "".join((run.path / f"out/{name}.txt").read_text() for name in self.reads)
        place.write_text(read + self.text)
        if self.fails:
            raise StoreError("no space")
        return {"output": content_id(read + self.text), "missing": self.missing}


@dataclass
class Grow(Write):
    """A step whose rows stay valid while its identity is the same."""

    unit: str = "a"

    def identity(self, run):
        return {"unit": self.unit}


@pytest.fixture
def go(tmp_path):
    """Run steps over one folder; return the names of the steps that ran."""

    def go(*steps, only=None, again=False):
        driver = Driver(steps, tmp_path / "run", name="toy", command="run http://me:secret@host/")
        with driver.writing():
            driver.run(only, again=again)
        return [name for step in steps for name in step.ran], driver

    return go


def _text(driver, name):
    return (driver.folder.path / f"out/{name}.txt").read_text()


def _superseded(driver):
    return sorted(p.name for p in (driver.folder.path / "superseded").glob("*"))


def test_finished_steps_are_not_run_again(go):
    assert go(Write("a", "1"), Write("b", "2", ("a",)))[0] == ["a", "b"]
    assert go(Write("a", "1"), Write("b", "2", ("a",)))[0] == []
    assert go(Write("a", "1"), Write("b", "2", ("a",)), only={"b"}, again=True)[0] == ["b"]


def test_a_changed_option_redoes_the_step_and_its_readers_and_keeps_the_old_outputs(go):
    go(Write("a", "1"), Write("b", "2", ("a",)), Write("c", "3", ("b",)), Write("d", "4"))
    ran, driver = go(Write("a", "9"), Write("b", "2", ("a",)), Write("c", "3", ("b",)), Write("d", "4"))
    assert ran == ["a", "b", "c"]
    assert _text(driver, "c") == "923"
    assert _superseded(driver) == ["out.a.txt-1", "out.b.txt-1", "out.c.txt-1"]


def test_readers_of_an_unchanged_output_stay(go):
    """A step that is redone and writes the same output leaves its readers alone."""
    go(Write("a", "12"), Write("b", "", ("a",)), Write("c", "3", ("b",)))
    ran, _ = go(Write("a", "1"), Write("b", "2", ("a",)), Write("c", "3", ("b",)))
    assert ran == ["a", "b"]


def test_a_growing_step_keeps_its_rows_until_its_identity_changes(go):
    _, driver = go(Grow("a", "1"))
    assert go(Grow("a", "12"))[0] == ["a"]
    assert _superseded(driver) == []
    go(Grow("a", "12", unit="b"))
    assert _superseded(driver) == ["out.a.txt-1"]


def test_a_failed_step_is_done_again_and_its_time_adds_up(tmp_path):
    ticks = iter(range(0, 100, 5))
    steps = [Write("a", "1", fails=True)]
    driver = Driver(steps, tmp_path / "run", name="toy", clock=lambda: next(ticks))
    with pytest.raises(StoreError), driver.writing():
        driver.run()
    assert driver.context.record("a") | {"key": "", "identity": ""} == {
        "schema": driver.context.record("a")["schema"],
        "name": "a",
        "key": "",
        "identity": "",
        "done": False,
        "seconds": 5,
        "summary": None,
    }
    steps[0].fails = False
    with driver.writing():
        driver.run()
    assert driver.context.record("a")["done"]
    assert driver.context.record("a")["seconds"] == 10


def test_a_superseded_step_forgets_its_time(go):
    _, driver = go(Write("a", "1"))
    before = driver.context.record("a")["seconds"]
    _, driver = go(Write("a", "2"))
    assert driver.context.record("a")["seconds"] < before + 1


def test_a_step_with_missing_rows_is_done_again(go):
    assert go(Grow("a", "1", missing=2))[0] == ["a"]
    assert go(Grow("a", "1"))[0] == ["a"]
    assert go(Grow("a", "1"))[0] == []


def test_outputs_deleted_by_hand_are_made_again(go):
    _, driver = go(Write("a", "1"))
    (driver.folder.path / "out/a.txt").unlink()
    assert go(Write("a", "1"))[0] == ["a"]


def test_a_dry_run_says_what_is_pending_and_writes_nothing(tmp_path, go):
    steps = (Write("a", "1"), Write("b", "2", ("a",)))
    driver = Driver(steps, tmp_path / "run", name="toy")
    assert [(p.step.name, p.current, p.work.stored) for p in driver.dry_run()] == [("a", False, 0), ("b", False, 0)]
    assert not (tmp_path / "run").exists()
    _, driver = go(*steps)
    before = sorted(tmp_path.rglob("*"))
    assert [(p.step.name, p.current) for p in driver.dry_run()] == [("a", True), ("b", True)]
    changed = Driver((Write("a", "9"), Write("b", "2", ("a",))), tmp_path / "run", name="toy")
    assert [(p.step.name, p.current) for p in changed.dry_run()] == [("a", False), ("b", False)]
    assert sorted(tmp_path.rglob("*")) == before


def test_readers_of_a_changed_step_are_stale_until_their_turn(go):
    go(Write("a", "1"), Write("b", "2", ("a",)), Write("c", "3", ("b",)))
    _, driver = go(Write("a", "9"), Write("b", "2", ("a",)), Write("c", "3", ("b",)), only={"a"})
    assert [driver.context.is_current(name) for name in "abc"] == [True, False, False]
    _, driver = go(Write("a", "9"), Write("b", "2", ("a",)), Write("c", "3", ("b",)))
    assert [driver.context.is_current(name) for name in "abc"] == [True, True, True]


def test_refresh_marks_what_other_options_would_not_make(tmp_path, go):
    go(Write("a", "1"), Write("b", "2", ("a",)))
    driver = Driver((Write("a", "1"), Write("b", "9", ("a",))), tmp_path / "run", name="toy")
    with driver.writing():
        driver.refresh()
    assert driver.context.is_current("a")
    assert not driver.context.is_current("b")


def test_part_of_an_output_is_read_alone(go):
    @dataclass
    class Split(Write):
        parts: dict = field(default_factory=dict)

        def run(self, run):
            return super().run(run) | {"outputs": self.parts}

    go(Split("a", "1", parts={"main": "x", "other": "y"}), Write("b", "", ("a:main",)), only={"a"})
    ran, _ = go(Split("a", "1"), Reads("b", ("a:main",)))
    assert ran == ["b"]
    ran, _ = go(Split("a", "2", parts={"main": "x", "other": "z"}), Reads("b", ("a:main",)))
    assert ran == ["a"]
    ran, _ = go(Split("a", "3", parts={"main": "w", "other": "z"}), Reads("b", ("a:main",)))
    assert ran == ["a", "b"]


class Reads(Write):
    """A step that reads part of another."""

    def __init__(self, name, reads):
        super().__init__(name, "", reads)

    def run(self, run):
        self.ran.append(self.name)
        (run.path / self.writes[0]).write_text("")
        return {}


def test_no_secret_is_stored(go):
    _, driver = go(Write("a", "1"))
    assert "secret" not in "".join(p.read_text() for p in driver.folder.path.rglob("*") if p.is_file())


def test_a_folder_of_another_run_is_refused(go, tmp_path):
    go(Write("a", "1"))
    with pytest.raises(StoreError, match="holds the run 'toy'"), Driver((), Path(tmp_path / "run"), name="x").writing():
        pass
