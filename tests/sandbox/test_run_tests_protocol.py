"""The line between candidate and tester, fuzzed: whatever a candidate sends, the run ends or a plain value comes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inside.call_link import CallLink, LinkClosed, LinkError
from sandbox.inside.remotes import Remotes, Stop
from sandbox.inside.stand_ins import Remote

TAGS = [
    "value",
    "raise",
    "refused",
    "items",
    "argument",
    "own",
    "h",
    "ref",
    "fun",
    "L",
    "l",
    "t",
    "d",
    "s",
    "n",
    "a",
    "A",
]
NAMES = ["object", "class", "function", "exception", "iterator", "__eq__", "__len__", "ValueError", "Stop"]
ATOMS = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3) | st.sampled_from(TAGS + NAMES)
)
JSON = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=5), max_leaves=15)
HANDLES = st.tuples(
    st.just("h"), st.integers(0, 2), st.sampled_from(NAMES), JSON, st.lists(st.sampled_from(NAMES))
).map(list)
ANSWERS = (
    JSON
    | st.tuples(st.just("value"), JSON | HANDLES).map(list)
    | st.tuples(st.just("value"), JSON | HANDLES, JSON, JSON).map(list)
    | st.tuples(st.just("raise"), st.lists(JSON, min_size=7, max_size=7)).map(list)
)


class Hostile:
    """A channel to a candidate that answers every request with the next of some bodies, and may ask back first."""

    def __init__(self, bodies: list[Any], questions: list[Any]) -> None:
        self._bodies, self._questions = list(bodies), list(questions)
        self._asked: list[str] = []

    def send(self, frame: bytes) -> None:
        message = json.loads(frame)
        if message[0] == "ask":
            self._asked.append(message[1])

    def receive(self, limit: int) -> bytes | None:
        if self._questions:
            return json.dumps(["ask", "mine", self._asked[-1], self._questions.pop()]).encode()
        return json.dumps(["answer", self._asked.pop(), self._bodies.pop()]).encode() if self._bodies else None


def remotes_of(bodies: list[Any], questions: list[Any]) -> Remotes:
    return Remotes(Hostile(bodies, questions), candidate_seconds=5.0, total_seconds=9.0)  # type: ignore[arg-type]


@given(st.lists(ANSWERS, min_size=1, max_size=3), st.lists(JSON, max_size=2))
def test_whatever_is_answered_a_call_ends(bodies: list[Any], questions: list[Any]) -> None:
    remotes = remotes_of(bodies, questions)
    given_list = [1, [2]]
    try:
        got = remotes.call(["ref", 0], "f", (given_list, lambda x: x), {"k": {1}})
    except Stop as stop:
        assert stop.outcome in ("failed", "undecided")
        assert remotes.stopped is stop
        return
    except BaseException:  # noqa: BLE001 - raised in the candidate's name, as an exception of a builtin class
        return
    assert isinstance(got, Remote) or type(got).__eq__(got, got) in (True, False, NotImplemented)


@given(st.lists(ANSWERS, min_size=1, max_size=3))
def test_whatever_is_answered_names_and_items_end(bodies: list[Any]) -> None:
    for ask in (lambda r: r.names(["f"]), lambda r: list(zip(r.items(["ref", 0]), range(99), strict=False))):
        remotes = remotes_of(bodies, [])
        try:
            found = ask(remotes)
        except BaseException:  # noqa: BLE001 - as above
            found = []
        assert isinstance(found, dict | list)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b"[]",
        b"[1]",
        b'["answer"]',
        b'["answer", 1, 2]',
        b'["answer", "0", 2]',
        b'["ask", "1", null, []]',
        b'["other", "1", 2]',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"a": 1e999}',
    ],
)
def test_a_frame_that_answers_nothing_is_refused(frame: bytes) -> None:
    class Line:
        def send(self, data: bytes) -> None:
            pass

        def receive(self, limit: int) -> bytes:
            return frame

    with pytest.raises(LinkError) as caught:
        CallLink(Line(), lambda body: body).ask(["call"])  # type: ignore[arg-type]
    assert not isinstance(caught.value, LinkClosed)


def test_a_closed_line_is_told_apart() -> None:
    with pytest.raises(Stop, match="gone"):
        remotes_of([], []).names(["f"])


def test_what_stopped_a_run_stops_it_again() -> None:
    remotes = remotes_of([["value", 3, [], None], ["value"]], [])
    for _ in range(2):
        with pytest.raises(Stop):
            remotes.call(["ref", 0], "f", (), {})
