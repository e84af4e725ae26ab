"""The candidate's half of a test run: loads the program, then applies the tester's requests to its objects.

It shares memory with the program, which may have patched or read all of it. So it knows neither tests nor expected
values, and its answers count only as values that the program returned.
"""

import io
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..wire import Channel
from . import Channels
from .call_link import CallLink
from .candidate_objects import ObjectTable, describe_exception
from .candidate_program import Program, ProgramError, find_name, load
from .plain_data import NotPlainError, decode_any, encode_any
from .program import finish, guarded, prepare

_MAX_PRINTED = 65_536
_MAX_AHEAD = 256


def main(channels: Channels, payload: bytes) -> int:
    """Serve the tester at the other end of the link; without a link, run the program as a script."""
    program = Program.from_row(json.loads(payload))
    prepare(payload)
    if channels.link is None:

        def run() -> None:
            try:
                load(program)
            except ProgramError as error:
                raise SyntaxError(str(error)) from None

        code = guarded(channels, run)
        return finish(payload) or code
    candidate = Candidate(program, channels.link)
    candidate.load()
    candidate.link.serve_forever()  # until the tester closes it
    return 0


class Candidate:
    """A loaded program, and the objects that have crossed the link in either direction."""

    def __init__(self, program: Program, channel: Channel) -> None:
        self.link = CallLink(channel, self._answer)
        self._objects = ObjectTable()
        self._stand_ins: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._printed = _Printed()
        self._failure: Any = None
        self._program = program

    def load(self) -> None:
        """Run the program's top level; a failure becomes the answer to every request."""
        self._printed.redirect()
        try:
            self._module = load(self._program)
        except ProgramError as error:
            self._failure = ["unreadable", str(error)]
        except BaseException as error:  # noqa: BLE001 - any exception of the program's top level is its result
            self._failure = ["raise", describe_exception(error, self._encode)]

    def _answer(self, body: list[Any]) -> Any:
        if self._failure is not None:
            return self._failure
        operation: Callable[..., Any] = getattr(self, f"_do_{body[0]}")
        try:
            return operation(*body[1:])
        except NotPlainError as error:
            return ["refused", str(error)]
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like are the call's result
            return ["raise", describe_exception(error, self._encode)]

    def _do_names(self, names: list[str]) -> Any:
        """Return the program's top-level values by name; missing names are left out."""
        values = [(name, find_name(self._module, name)) for name in names]
        return ["value", ["d", [part for name, box in values if box for part in (name, self._encode_object(box[0]))]]]

    def _do_call(self, target: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        function = self._decode(target)
        values = [self._decode(argument) for argument in arguments]
        by_name = {name: self._decode(argument) for name, argument in named.items()}
        self._printed.redirect()
        result = function(*values, **by_name)
        # An argument crosses as itself, an instance made by a class as an object.
        same = next(
            (p for p, v in enumerate(values) if v is result and isinstance(v, list | dict | set | bytearray)), -1
        )
        encode_value = self._encode_object if isinstance(function, type) else self._encode
        encoded = ["argument", same] if same >= 0 else encode_value(result)
        changed = self._changes(zip(range(len(values)), arguments, values, strict=True))
        changed += self._changes((name, named[name], value) for name, value in by_name.items())
        return ["value", encoded, changed, self._printed.take()]

    def _do_get(self, target: Any, name: str) -> Any:
        return ["value", self._encode(getattr(self._decode(target), name))]

    def _do_set(self, target: Any, name: str, value: Any) -> Any:
        setattr(self._decode(target), name, self._decode(value))
        return ["value", None]

    def _do_delete(self, target: Any, name: str) -> Any:
        delattr(self._decode(target), name)
        return ["value", None]

    def _do_special(self, target: Any, name: str, arguments: list[Any]) -> Any:
        """Call a special method as the interpreter does: looked up on the type."""
        subject = self._decode(target)
        values = [self._decode(argument) for argument in arguments]
        self._printed.redirect()
        result = getattr(type(subject), name)(subject, *values)
        return ["value", self._encode_object(result), [], self._printed.take()]

    def _do_isinstance(self, target: Any, kind: Any) -> Any:
        return ["value", isinstance(self._decode(target), self._decode(kind))]

    def _do_issubclass(self, kind: Any, other: Any) -> Any:
        return ["value", issubclass(self._decode(kind), self._decode(other))]

    def _do_copy(self, target: Any, deep: bool) -> Any:
        import copy

        return ["value", self._encode_object((copy.deepcopy if deep else copy.copy)(self._decode(target)))]

    def _do_next(self, target: Any, most: int) -> Any:
        """Return up to `most` further items of an iterator, and how it continues."""
        items: list[Any] = []
        try:
            for item in itertools.islice(self._decode(target), min(most, _MAX_AHEAD)):
                items.append(self._encode(item))  # noqa: PERF401 - items before an exception are kept
        except BaseException as error:  # noqa: BLE001 - it ends the iteration there
            return ["items", items, ["raise", describe_exception(error, self._encode)]]
        return ["items", items, ["more" if len(items) == most else "end"]]

    def _do_await(self, target: Any) -> Any:
        import asyncio

        return ["value", self._encode(asyncio.run(self._decode(target)))]

    def _encode_object(self, value: Any) -> Any:
        """Encode an instance of one of the program's classes by reference, even where it is a list, say."""
        if type(value).__module__ == self._module.__name__:
            return self._refer(value)
        return self._encode(value)

    def _changes(self, arguments: Any) -> list[Any]:
        """Return the keys and new values of the arguments that the call has changed."""
        changed: list[Any] = []
        for key, before, value in arguments:
            if type(before) is list and before[0] not in ("ref", "fun", "iter", "obj", "T"):
                after = self._encode(value)
                if after != before:
                    changed += [key, after]
        return changed

    def _encode(self, value: Any) -> Any:
        return encode_any(value, self._refer)

    def _refer(self, value: Any) -> Any:
        number = self._numbers.get(id(value))
        return self._objects.refer(value) if number is None else ["own", number]

    def _decode(self, message: Any) -> Any:
        return decode_any(message, self._resolve)

    def _resolve(self, message: list[Any]) -> Any:
        """Return the object of the program that the tester refers to, or a stand-in for an object of the tests."""
        tag, number = message
        if tag == "ref":
            return self._objects.find(number)
        if number not in self._stand_ins:
            called: Any = self._function(number)
            if tag != "fun":
                called = _iterate(called) if tag == "iter" else _test_object(number, self)
            self._stand_ins[number] = called
            self._numbers[id(self._stand_ins[number])] = number
        return self._stand_ins[number]

    def _function(self, number: int) -> Callable[..., Any]:
        def function(*values: Any, **named: Any) -> Any:
            arguments = [self._encode(value) for value in values]
            return self._ask(["call", number, arguments, {name: self._encode(v) for name, v in named.items()}])

        return function

    def _ask(self, body: list[Any]) -> Any:
        answer = self.link.ask(body)
        if answer[0] == "value":
            return self._decode(answer[1])
        if answer[0] == "refused":
            raise TypeError(answer[1])
        raise getattr(__import__("builtins"), answer[1])(*answer[2])


def _iterate(following: Callable[[], Any]) -> Iterator[Any]:
    while True:
        try:
            item = following()
        except StopIteration:
            return
        yield item


def _test_object(number: int, candidate: Candidate) -> Any:
    ask, encode_value = candidate._ask, candidate._encode

    class TestObject:
        """Stands for an object of the tests, which holds its attributes."""

        def __getattr__(self, name: str) -> Any:
            return ask(["get", number, name])

        def __setattr__(self, name: str, value: Any) -> None:
            ask(["set", number, name, encode_value(value)])

    return TestObject()


class _Printed(io.RawIOBase):
    """Output of the program during a call, bounded, for tests that redirect stdout."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = bytearray()
        self._stream = io.TextIOWrapper(self, "utf-8", "backslashreplace", write_through=True)  # type: ignore[type-var]

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._kept += bytes(data)[: _MAX_PRINTED - len(self._kept)]
        return len(data)

    def redirect(self) -> None:
        """Make it stdout and drop earlier output."""
        sys.stdout = self._stream
        self._kept.clear()

    def take(self) -> str | None:
        return self._kept.decode("utf-8", "replace") if self._kept else None
