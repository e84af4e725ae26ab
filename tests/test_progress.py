"""Progress lines: what is said where there is no terminal, and when."""

import pytest

from reasondistill.progress import PLAIN_SECONDS, StageProgress


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def _lines(capsys):
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()


def test_a_plain_line_has_count_rate_time_left_and_note(capsys, clock):
    with StageProgress(terminal=False, clock=clock) as progress:
        progress.start("teacher", 100, done=20)
        clock.now += PLAIN_SECONDS
        progress.advance("teacher", by=30, note="80 % right")
        assert _lines(capsys) == ["teacher: 50/100, 2.00/s, 0:25 left, 80 % right"]


def test_lines_are_said_at_most_every_few_seconds_and_at_the_end(capsys, clock):
    with StageProgress(terminal=False, clock=clock) as progress:
        progress.start("teacher", 40)
        for _ in range(40):
            clock.now += PLAIN_SECONDS / 10
            progress.advance("teacher")
    counts = [line.split(",")[0] for line in _lines(capsys)]
    assert counts == ["teacher: 10/40", "teacher: 20/40", "teacher: 30/40", "teacher: 40/40"]


def test_a_stage_with_nothing_to_do_says_nothing(capsys, clock):
    with StageProgress(terminal=False, clock=clock) as progress:
        progress.start("teacher", 40, done=40)
    assert _lines(capsys) == []


def test_an_interrupted_stage_says_how_far_it_came(capsys, clock):
    with pytest.raises(KeyboardInterrupt), StageProgress(terminal=False, clock=clock) as progress:
        progress.start("teacher", 40)
        progress.advance("teacher", by=3)
        raise KeyboardInterrupt
    [line] = _lines(capsys)
    assert line.startswith("teacher: 3/40")


def test_stages_have_lines_of_their_own(capsys, clock):
    with StageProgress(terminal=False, clock=clock) as progress:
        progress.start("seen", 2)
        progress.start("unseen", 3)
        progress.advance("unseen")
        clock.now += 1
        progress.advance("seen")
    assert [line.split(",")[0] for line in _lines(capsys)] == ["seen: 1/2", "unseen: 1/3"]


def test_a_terminal_gets_moving_lines_without_markup(capsys):
    with StageProgress(terminal=True) as progress:
        progress.start("[bold]teacher[/bold]", 2)
        progress.advance("[bold]teacher[/bold]", note="[red]note[/red]")
    said = capsys.readouterr()
    assert said.out == ""
    assert "[bold]teacher[/bold]" in said.err and "1/2" in said.err
