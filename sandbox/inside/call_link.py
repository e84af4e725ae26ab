"""The line between a candidate and its tester: framed messages over a socket, and requests that nest.

Either side may ask the other while it waits for an answer itself: a candidate calls a function that it was given.
Every request carries a number that cannot be guessed and the number of the request that it belongs to, and an answer
repeats it: what was written ahead of its request, or by a stray thread or process, is no answer. Nothing that arrives
is trusted.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from ..channel import Channel
from ..errors import BadMessage
from .plain_data import MAX_BYTES, NotPlainError, dumps, loads


class LinkError(Exception):
    """What the other side sent does not answer what was asked."""


class LinkClosed(LinkError):
    """The other side is gone."""


class CallLink:
    """One end of the line; both ends are alike.

    `serve` is given the body of a request of the other side and returns the body of the answer.
    """

    def __init__(self, channel: Channel, serve: Callable[[Any], Any]) -> None:
        self._channel = channel
        self._serve = serve
        self._asked: list[str] = []
        self._serving: list[str] = []
        self._turn = threading.RLock()
        self.reading_seconds = 0.0
        """Time spent on turning what arrived into messages, which is this side's own."""

    def ask(self, body: Any) -> Any:
        """Send a request; return the body of its answer, serving the other side's requests meanwhile.

        Raises LinkError, and NotPlainError if the request is too long to send.
        """
        with self._turn:
            number = os.urandom(8).hex()
            self._send(["ask", number, self._serving[-1] if self._serving else None, body])
            self._asked.append(number)
            try:
                return self._await_answer(number)
            finally:
                self._asked.pop()

    def serve_forever(self) -> None:
        """Answer requests until the other side closes the line."""
        while True:
            try:
                self.serve_once()
            except LinkClosed:
                return

    def serve_once(self) -> None:
        """Answer the next request; raises LinkClosed when none will come."""
        self._answer(self._receive())

    def _await_answer(self, number: str) -> Any:
        while True:
            message = self._receive()
            if message[0] == "answer" and message[1] == number:
                return message[2]
            if message[0] != "ask" or message[2] != number:
                raise LinkError("it sent an answer to something that was not asked")
            self._answer(message)

    def _answer(self, message: list[Any]) -> None:
        if message[0] != "ask":
            raise LinkError("it sent an answer where nothing was asked")
        self._serving.append(message[1])
        try:
            body = self._serve(message[3])
        finally:
            self._serving.pop()
        try:
            self._send(["answer", message[1], body])
        except NotPlainError as error:
            self._send(["answer", message[1], ["refused", str(error)]])

    def _send(self, message: list[Any]) -> None:
        data = dumps(message)
        try:
            self._channel.send(data)
        except OSError as error:
            raise LinkClosed("it is gone") from error

    def _receive(self) -> list[Any]:
        try:
            data = self._channel.receive(MAX_BYTES)
            if data is None:
                raise LinkClosed("it is gone")
            began = time.monotonic()
            message = loads(data)
            self.reading_seconds += time.monotonic() - began
        except (BadMessage, NotPlainError) as error:
            raise LinkError(f"it sent {error}") from None
        except OSError as error:
            raise LinkClosed("it is gone") from error
        lengths = {"ask": 4, "answer": 3}
        if type(message) is not list or not message or type(message[0]) is not str:
            raise LinkError("it sent something else than a message")
        if len(message) != lengths.get(message[0]) or type(message[1]) is not str:
            raise LinkError("it sent something else than a message")
        return message
