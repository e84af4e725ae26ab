"""The link between a candidate and its tester: framed messages over a socket, with nested requests.

Either side may send a request while it waits for an answer. Every request carries a number that cannot be guessed and
its outer request's; the answer repeats its own. So a message written ahead of its request, or by a stray thread or
process, is no answer. No received message is trusted.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import BadMessage
from ..wire import Channel
from .plain_data import MAX_BYTES, NotPlainError, dumps, loads


class LinkError(Exception):
    """The other side's message does not answer the request."""


class LinkClosed(LinkError):
    """The other side is gone."""


class CallLink:
    """One end of the link; both ends are alike.

    `serve` takes the body of the other side's request and returns the body of the answer.
    """

    def __init__(self, channel: Channel, serve: Callable[[Any], Any]) -> None:
        self._channel = channel
        self._serve = serve

        self._serving: list[str] = []
        self._turn = threading.RLock()
        self.reading_seconds = 0.0
        """Time spent parsing messages, which counts as this side's own."""

    def ask(self, body: Any) -> Any:
        """Send a request; return the body of its answer, serving the other side's requests meanwhile.

        Raises LinkError, and NotPlainError if the request is too long to send.
        """
        with self._turn:
            number = os.urandom(8).hex()
            self._send(["ask", number, self._serving[-1] if self._serving else None, body])
            while True:
                message = self._receive()
                if message[0] == "answer" and message[1] == number:
                    return message[2]
                if message[0] != "ask" or message[2] != number:
                    raise LinkError("it sent an answer to something that was not asked")
                self._answer(message)

    def serve_forever(self) -> None:
        """Answer requests until the other side closes the link."""
        while True:
            try:
                self.serve_once()
            except LinkClosed:
                return

    def serve_once(self) -> None:
        """Answer the next request; raise LinkClosed when the other side is gone."""
        self._answer(self._receive())

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
        sizes = {"ask": 4, "answer": 3}
        if type(message) is not list or not message or type(message[0]) is not str:
            raise LinkError("it sent something else than a message")
        if len(message) != sizes.get(message[0]) or type(message[1]) is not str:
            raise LinkError("it sent something else than a message")
        return message
