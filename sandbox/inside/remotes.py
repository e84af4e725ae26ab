"""The tester's half of the link: asks the candidate, and checks and rebuilds all its answers.

An answer in any other shape than an honest candidate's ends the run as forged. The candidate's time is the time spent
waiting for its answers.
"""

import builtins
import functools
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ..wire import Channel
from .brief import brief
from .call_link import CallLink, LinkClosed, LinkError
from .candidate_objects import SPECIAL
from .plain_data import NotPlainError, decode_any, encode_any, note_nan
from .stand_ins import Remote, RemoteClass, RemoteFunction, object_class, target_of

TESTS_FILE = "tests"
TESTS_MODULES = ("tests", "__main__")
"""Names of the module that tests run in; the second where they ask for it."""


STALL_SECONDS = 1.0
"""Processor time after an answer of the program from which the tests' slowness is laid to that answer."""


class Stop(BaseException):
    """Ends a test run; not an Exception, so that tests do not catch it, and latched in case they do."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(outcome, reason)
        self.outcome = outcome
        self.reason = reason


class Remotes:
    """The tester's knowledge of the candidate, and the time that the candidate has used."""

    def __init__(
        self,
        channel: Channel,
        *,
        candidate_seconds: float,
        total_seconds: float,
        keep_arguments: bool = False,
        note: Callable[[], None] | None = None,
    ) -> None:
        """`keep_arguments` leaves arguments and objects of the tests unchanged, but where the tests look at the change.

        `note` is called ahead of the first call of the program.
        """
        self._link = CallLink(channel, self._serve)
        self._known: dict[int, Any] = {}
        self._lent: list[Any] = []
        self._lent_keys: list[Any] = []
        self._lent_numbers: dict[int, int] = {}
        self._exceptions: dict[type, int] = {}
        self._limit = candidate_seconds
        self._ends = time.monotonic() + total_seconds
        self._spent = 0.0
        self._waiting_since: float | None = None
        self._reading = False
        self.keeps_arguments = keep_arguments
        self._kept: dict[tuple[int, str], Any] | None = None
        self._note = note
        self._stdout = sys.stdout
        self._busy_since = time.process_time()
        self.wanted: set[tuple[int, int]] | None = set()
        """Places of the calls in the tests whose changes to arguments are kept whatever `keep_arguments` says."""
        self.classes: set[int] = set()
        """Numbers of the candidate's classes whose name in the tests is that of a class, not of a function."""
        self.calls = 0
        """Number of requests to the candidate, except for names."""
        self.touched = False
        """Whether the tests have used a name of the candidate."""
        self.classes_used = False
        """Whether the tests made an instance of a class of the candidate, or looked into one."""
        self._last: tuple[str, tuple[Any, ...], dict[str, Any]] | None = None
        self._last_text = ""
        self._last_result: Any = None
        self.stopped: Stop | None = None
        self.seeks_nan = False
        """Whether the tests name NaN, so that they may compare lists that hold the one they have handed over."""
        self.changed_arguments = False
        """Whether a call has changed its arguments, or an object of the tests."""
        self.ended_iteration = False
        """Whether a call raised StopIteration, which may have ended a loop of the tests."""

    def start_clock(self) -> None:
        """Stop the run when the candidate or the tests have used up their time."""
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.setitimer(signal.ITIMER_REAL, self._limit, 0.05)

    def stop_clock(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def names(self, names: list[str]) -> dict[str, Any]:
        """Return the candidate's values by name; missing names are left out."""
        self.touched = True
        values = self._ask_value(["names", names])
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, RemoteClass) and str(name).lstrip("_")[:1].isupper():
                self.classes.add(target_of(value)[1])
            self.calls += isinstance(value, type)  # a builtin type, such as `to_list = list`, is used without asking
        return values if isinstance(values, dict) else {}

    def stop(self, outcome: str, reason: str) -> NoReturn:
        """End the run with an outcome."""
        if self.stopped is None:
            self.stopped = Stop(outcome, reason)
            if signal.getitimer(signal.ITIMER_REAL)[0]:  # should tests catch it, another follows, when memory is freed
                signal.setitimer(signal.ITIMER_REAL, 1.0, 1.0)
        raise self.stopped

    def call(self, target: Any, name: str, values: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call an object of the candidate; change the arguments here as the call changed its copies."""
        self.calls += 1
        self._last, self._last_text, self._last_result = (name, values, named), "", _Described("no answer")
        encoded = [self.encode(value) for value in values]
        keeps = self.keeps_arguments and not self._is_wanted()
        outer, self._kept = self._kept, {} if keeps else None
        try:
            answer = self._ask_raw(["call", target, encoded, {key: self.encode(value) for key, value in named.items()}])
        finally:
            self._kept = outer
        if answer[0] != "value":
            self._raise(answer)
        if len(answer) != 4:
            self._forged()
        changed, printed = answer[2:]
        if changed:
            self._last_text = self.last_call  # taken before the change, which would alter it
            self.changed_arguments = True
            if keeps:
                printed = None
                if type(answer[1]) is list and answer[1][:1] == ["argument"] and type(changed) is list:
                    # A returned argument comes with its changes, as a copy.
                    copies = dict(zip(changed[::2], changed[1::2], strict=False))
                    answer[1] = copies.get(answer[1][-1], answer[1]) if type(answer[1][-1]) is int else answer[1]
            else:
                self._apply_changes(changed, values, named)
        if printed and sys.stdout is not self._stdout:
            sys.stdout.write(str(printed)[:100_000])
        self._last_result = result = self._result(answer[1], values)
        return result

    def _is_wanted(self) -> bool:
        """Whether the tests look at what the call that they make now changes."""
        frame = sys._getframe(2)
        while frame.f_code.co_filename != TESTS_FILE:
            if frame.f_back is None:
                return False
            frame = frame.f_back
        line, _, column, _ = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        return (line, column) in (self.wanted or ())

    @property
    def last_call(self) -> str:
        """The last call as text."""
        if self._last is None or self._last_text:
            return self._last_text
        name, values, named = self._last
        return f"{name}({', '.join([*map(brief, values), *(f'{key}={brief(value)}' for key, value in named.items())])})"

    @property
    def last_result(self) -> str:
        """The last call's result or exception, as text."""
        return self._last_result.text if isinstance(self._last_result, _Described) else brief(self._last_result)

    def ask(self, body: list[Any]) -> Any:
        """Ask the candidate something other than a call; return the value."""
        self.calls += 1
        return self._ask_value(body)

    def _ask_value(self, body: list[Any]) -> Any:
        answer = self._ask_raw(body)
        if answer[0] != "value" or len(answer) < 2:
            self._raise(answer)
        return self._decode(answer[1])

    def special(self, target: list[Any], name: str, values: tuple[Any, ...]) -> Any:
        """Call a special method of an object of the candidate."""
        ended = self.ended_iteration
        try:
            return self.ask(["special", target, name, [self.encode(value) for value in values]])
        finally:
            if name == "__next__":
                self.ended_iteration = ended  # StopIteration is the normal end of __next__

    def items(self, target: list[Any]) -> Iterator[Any]:
        """Yield the items of a candidate's iterator, read ahead in growing numbers."""
        most = 1
        while True:
            answer = self._ask_raw(["next", target, most])
            if len(answer) != 3 or answer[0] != "items" or type(answer[1]) is not list or type(answer[2]) is not list:
                self._forged()
            yield from [self._decode(item) for item in answer[1]]
            if answer[2] == ["end"]:
                return
            if answer[2] != ["more"]:
                self._raise(answer[2])
            most = min(most * 2, 256)

    def encode(self, value: Any) -> Any:
        """Encode a value of the tests for the candidate."""
        if self.seeks_nan:
            note_nan(value)
        return encode_any(value, self._refer)

    def _on_alarm(self, _signal: int, _frame: Any) -> None:
        now = time.monotonic()
        waiting = 0.0 if self._waiting_since is None else now - self._waiting_since
        if self._spent + waiting > self._limit - 0.001:
            self.stop("timeout", f"the program ran longer than {self._limit:g} s")
        if now <= self._ends:
            return
        if self._reading:
            self.stop("failed", "not_plain: what the program returned takes too long to read")
        if self.calls and time.process_time() - self._busy_since > STALL_SECONDS:
            self.stop("timeout", "what the tests do with what the program returned does not come to an end")
        if self.calls:
            self.stop("undecided", "the tests ran too long")
        self.stop("bad_tests", "the tests ran too long before they called the program")

    def _ask_raw(self, body: list[Any]) -> list[Any]:
        if self.stopped is not None:
            raise self.stopped
        if self.calls and self._note is not None:
            self._note()
            self._note = None
        outer, began, read = self._waiting_since, time.monotonic(), self._link.reading_seconds
        self._waiting_since = began
        try:
            answer = self._link.ask(body)
        except NotPlainError as error:
            self.stop("undecided", f"an argument of the tests cannot be handed over: {error}")
        except LinkError as error:
            self.stop("failed", "gone" if isinstance(error, LinkClosed) else f"forged: {error}")
        finally:
            self._waiting_since = outer
            if outer is None:
                self._spent += time.monotonic() - began - (self._link.reading_seconds - read)
        if type(answer) is not list or not answer or type(answer[0]) is not str:
            self._forged()
        self._busy_since = time.process_time()
        return answer

    def _forged(self) -> NoReturn:
        self.stop("failed", "forged: it sent an answer of a shape that no answer has")

    def _result(self, encoded: Any, values: tuple[Any, ...]) -> Any:
        if type(encoded) is list and len(encoded) == 2 and encoded[0] == "argument":
            place = encoded[1]
            return values[place] if type(place) is int and 0 <= place < len(values) else self._forged()
        return self._decode(encoded)

    def _apply_changes(self, changed: Any, values: tuple[Any, ...], named: dict[str, Any]) -> None:
        if type(changed) is not list or len(changed) % 2:
            self._forged()
        for place in range(0, len(changed), 2):
            key = changed[place]
            if type(key) is int and 0 <= key < len(values):
                update_in_place(values[key], self._decode(changed[place + 1]))
            elif type(key) is str and key in named:
                update_in_place(named[key], self._decode(changed[place + 1]))
            else:
                self._forged()

    def _raise(self, answer: list[Any]) -> NoReturn:
        if answer[0] == "unreadable":
            self.stop("failed", f"unreadable: {str(answer[1])[:500]}")
        if answer[0] == "refused":
            self.stop("failed", f"not_plain: the program returned {str(answer[1])[:200]}")
        if answer[0] != "raise" or type(answer[1]) is not list or len(answer[1]) != 7:
            self._forged()
        own, names, name, arguments, attributes, text, line = answer[1]
        self._last_result = _Described(f"{str(name)[:80]}: {str(text)[:300]}".removesuffix(": "), line)
        kind = None if own is None else self._decode(own)
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            kind = _builtin_exception(names)
        self.ended_iteration |= issubclass(kind, StopIteration)
        values = tuple(self._decode(a) for a in arguments) if type(arguments) is list else ()
        try:
            error = kind(*values)
            for key, value in dict(self._decode(attributes)).items():
                setattr(error, key, value)
        except Exception:  # noqa: BLE001 - some builtin exceptions need other arguments
            error = kind.__new__(kind)
        error.add_note(self.last_result)
        raise error

    def _serve(self, body: Any) -> Any:
        """Answer the candidate's request to a function or an object that the tests have passed to it."""
        if type(body) is not list or len(body) not in (3, 4) or type(body[1]) is not int:
            self._forged()
        if not 0 <= body[1] < len(self._lent):
            self._forged()
        lent = self._lent[body[1]]
        try:
            if body[0] == "call" and callable(lent):
                values = [self._decode(value) for value in body[2]]
                named = {str(key): self._decode(value) for key, value in dict(body[3]).items()} if body[3] else {}
                return ["value", self.encode(lent(*values, **named))]
            if type(body[2]) is not str or body[2].startswith("_") or callable(lent):
                return ["raise", "AttributeError", [f"{body[2]!r} is not handed over"]]
            if body[0] == "get" and self._kept is not None and (body[1], body[2]) in self._kept:
                return ["value", self._kept[body[1], body[2]]]
            if body[0] == "get":
                return ["value", self.encode(getattr(lent, body[2]))]
            self.changed_arguments = True
            if self._kept is not None:
                self._kept[body[1], body[2]] = self.encode(self._decode(body[3]))
            else:
                setattr(lent, body[2], self._decode(body[3]))
            return ["value", None]
        except Exception as error:  # noqa: BLE001 - an exception of a function of the tests goes to its caller
            names = [k.__name__ for k in type(error).__mro__ if getattr(builtins, k.__name__, None) is k]
            return ["raise", names[0], [str(argument) for argument in error.args]]

    def _refer(self, value: Any) -> Any:
        """Return a reference to an object that is not plain data: the candidate's, or one that the tests lend."""
        if isinstance(value, Remote):
            return target_of(value)
        if isinstance(value, type) and value in self._exceptions:
            return ["ref", self._exceptions[value]]
        if hasattr(value, "__next__"):
            return ["iter", self._lend(functools.partial(next, value), value)]
        if callable(value):
            return ["fun", self._lend(value, value)]
        if type(value).__module__ in TESTS_MODULES:
            return ["obj", self._lend(value, value)]
        return self.stop("undecided", f"the tests hand over an object of the type {type(value).__name__}")

    def _lend(self, value: Any, key: Any) -> int:
        number = self._lent_numbers.setdefault(id(key), len(self._lent))
        if number == len(self._lent):
            self._lent.append(value)
            self._lent_keys.append(key)  # kept, so that its id is not given to another object
        return number

    def _decode(self, message: Any) -> Any:
        outer, self._reading = self._reading, True
        try:
            return decode_any(message, self._resolve)
        except NotPlainError:
            return self._forged()
        finally:
            self._reading = outer

    def _resolve(self, message: list[Any]) -> Any:
        """Return the stand-in for an object that the candidate describes, or an object that the tests lent."""
        if message[0] == "own" and len(message) == 2 and type(message[1]) is int:
            return self._lent[message[1]] if 0 <= message[1] < len(self._lent) else self._forged()
        if message[0] != "h" or len(message) != 5:
            return self._forged()
        number, kind, name, details = message[1:]
        if type(number) is not int or type(name) is not str or type(details) is not list or len(details) > 200:
            return self._forged()
        if number in self._known:
            return self._known[number]
        target, name = ["ref", number], name[:100]
        made: Any
        if kind == "iterator":
            made = self.items(target)
        elif kind == "coroutine":
            made = _coroutine(self, target)
        elif kind == "exception":
            made = type(name, (_builtin_exception(details),), {"__module__": "solution"})
            self._exceptions[made] = number
        elif kind == "class":
            made = RemoteClass(self, number, name)
        elif kind == "function":
            made = RemoteFunction(self, number, name)
        else:
            special = {detail for detail in details if type(detail) is str} & SPECIAL
            made = object_class(name, frozenset(special))(self, number, name)
        self._known[number] = made
        return made


class _Described:
    """Text for a call that did not return plain data."""

    def __init__(self, text: str, line: Any = None) -> None:
        self.text = f"{text} (line {line})" if type(line) is int else text


def _builtin_exception(names: Any) -> type[BaseException]:
    for name in names if type(names) is list else ():
        kind = getattr(builtins, name, None) if type(name) is str else None
        if isinstance(kind, type) and issubclass(kind, BaseException):
            return kind
    return Exception


async def _coroutine(remotes: Remotes, target: list[Any]) -> Any:
    return remotes.ask(["await", target])


def update_in_place(old: Any, new: Any) -> Any:
    """Give a mutable object another's content, keeping its identity and that of inner objects; return the result.

    >>> inner = [1]; outer = [inner, 2]
    >>> update_in_place(outer, [[1, 5], 3]) is outer, inner
    (True, [1, 5])
    """
    if isinstance(old, list) and isinstance(new, list):
        old[:] = _merged(old, new)
    elif isinstance(old, dict) and isinstance(new, dict):
        merged = {key: update_in_place(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(merged)
    elif isinstance(old, set) and isinstance(new, set):
        old.clear()
        old.update(new)
    elif isinstance(old, bytearray) and isinstance(new, bytearray):
        old[:] = new
    elif isinstance(old, deque) and isinstance(new, deque):
        merged_items = _merged(list(old), list(new))
        old.clear()
        old.extend(merged_items)
    elif type(old) is tuple and type(new) is tuple and len(old) == len(new):
        return tuple(_merged(list(old), list(new)))
    elif type(old).__name__ == "array" and type(new) is type(old):
        old[:] = new
    elif type(old).__name__ == "ndarray" and type(new) is type(old) and new.shape == old.shape:
        old[...] = new
    else:
        return new
    return old


def _merged(old: list[Any], new: list[Any]) -> list[Any]:
    kept = [update_in_place(before, after) for before, after in zip(old, new, strict=False)]
    return kept + new[len(kept) :]
