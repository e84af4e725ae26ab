"""A chat server that misbehaves, to try a sampling run on: `python -m tests.hostile_server --help`.

It speaks the OpenAI protocol, streams if asked, continues a last assistant message, and counts what it served
(`GET /stats`). Its model writes numbers in order and boxes the sum of the question's numbers: a lost or repeated token
shows. Standard library only; no model runs. Loopback addresses only.
"""

import argparse
import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

FAULTS = {
    "delay": "answer late",
    "rate_limit": "429, with Retry-After",
    "rate_limit_bare": "429, without",
    "server_error": "500, five times in a row",
    "reset": "reset the connection before any answer",
    "half": "break off in the middle of the answer",
    "invalid_json": "cut the JSON and call it whole",
    "content_type": "an HTML page with status 200",
    "empty_choices": "an answer without choices",
    "empty_content": "an answer without text",
    "null_content": "an answer whose text is null",
    "repeated_choices": "the answer three times where it was asked for once",
    "hang": "no answer, for ever",
    "die": "refuse every connection for some seconds",
}
REFUSE = "refuse"
"""A fault that no further try mends, so not among `all`: 400 for every third question."""


@dataclass(slots=True, kw_only=True)
class Character:
    """How the server behaves."""

    faults: Sequence[str] = tuple(FAULTS)
    share: float = 0.3
    """Share of requests that meet a fault, drawn with `seed`."""
    seed: int = 0
    latency: float = 0.02
    """Seconds before an answer or its first token."""
    rate: float = 0.0
    """Tokens a second; 0 is all at once."""
    tokens: int = 20
    """Length of an answer."""
    dead_seconds: float = 2.0
    streams: bool = True
    code: bool = False
    """Write a Python block that adds the numbers first, and box what it printed."""


@dataclass(slots=True)
class Stats:
    """What the server did."""

    requests: int = 0
    served: Counter[str] = field(default_factory=Counter)
    """Whole answers, by question and seed."""
    faults: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    """Tokens made, of broken answers too."""
    in_flight: int = 0

    def to_row(self) -> Row:
        """Return the JSON object of `GET /stats`."""
        return {
            "requests": self.requests,
            "answers": self.served.total(),
            "samples": len(self.served),
            "served": dict(self.served),
            "faults": dict(self.faults),
            "tokens": self.tokens,
            "in_flight": self.in_flight,
        }


class HostileServer:
    """The server: `await start()`, then it answers at `url` until `close()`."""

    def __init__(self, character: Character, *, port: int = 0) -> None:
        self.stats = Stats()
        self._character, self._port = character, port
        self._chance = random.Random(character.seed)
        self._burst = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._waking: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The address for --base-url."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def start(self) -> None:
        """Listen; a port that was 0 is known afterwards."""
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self._port, backlog=2048)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _die(self) -> None:
        await self.close()
        await asyncio.sleep(self._character.dead_seconds)
        await self.start()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (request := await _read_request(reader)) is not None:
                path, body = request
                if path.endswith("/stats"):
                    _send(writer, self.stats.to_row())
                elif (asked := _conversation(body)) is None:
                    _send(writer, _error("`messages` must hold at least one message"), 400)
                else:
                    await self._counted(asked, reader, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client is gone, which is its right
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _counted(self, body: Row, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.stats.requests += 1
        self.stats.in_flight += 1
        try:
            await self._answer(body, reader, writer)
        finally:
            self.stats.in_flight -= 1

    async def _answer(self, body: Row, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if REFUSE in self._character.faults and sum(_question(body).encode()) % 3 == 0:
            _send(writer, _error("this question is not answered here"), 400)
            return
        fault = self._fault()
        self.stats.faults.update([fault] if fault else [])
        if fault and await self._misbehave(fault, writer):
            return
        await asyncio.sleep(self._character.latency * (20 if fault == "delay" else 1))
        text, tokens, finish = write(body, self._character.tokens, code=self._character.code)
        if body.get("stream") and self._character.streams:
            await self._stream(body, text, finish, reader, writer, broken=fault == "half")
            return
        if self._character.rate:
            await asyncio.sleep(tokens / self._character.rate)
        if reader.at_eof():
            raise ConnectionResetError
        self.stats.tokens += tokens
        answer = _chat(text, finish, tokens, body, copies=3 if fault == "repeated_choices" else 1)
        if fault == "half":
            _send(writer, answer, share=0.5)
            raise ConnectionResetError
        self._served(body)
        _send(writer, answer)

    async def _stream(
        self,
        body: Row,
        text: str,
        finish: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        broken: bool,
    ) -> None:
        """Send the text token by token, as server-sent events."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        pieces = re.findall(r"\s*\S+", text)
        for number, piece in enumerate(pieces):
            if reader.at_eof() or writer.transport.is_closing() or (broken and number > len(pieces) // 2):
                raise ConnectionResetError
            self.stats.tokens += 1
            _event(writer, {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            if self._character.rate:
                await writer.drain()
                await asyncio.sleep(1 / self._character.rate)
        self._served(body)
        _event(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            _event(writer, {"choices": [], "usage": _usage(body, len(pieces))})
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
        raise ConnectionResetError  # the stream has no length: the end of the connection is its end

    def _served(self, body: Row) -> None:
        self.stats.served[f"{_question(body)}#{body.get('seed')}"] += 1

    def _fault(self) -> str | None:
        if self._burst:
            self._burst -= 1
            return "server_error"
        if set(self._character.faults) <= {REFUSE} or self._chance.random() >= self._character.share:
            return None
        fault = self._chance.choice([f for f in self._character.faults if f != REFUSE])
        self._burst = 4 if fault == "server_error" else 0
        return fault

    async def _misbehave(self, fault: str, writer: asyncio.StreamWriter) -> bool:
        """Do what answers nothing useful; False for the faults that end in an answer after all."""
        match fault:
            case "rate_limit":
                _send(writer, _error("slow down"), 429, "Retry-After: 1")
            case "rate_limit_bare":
                _send(writer, _error("slow down"), 429)
            case "server_error":
                _send(writer, _error("internal error"), 500)
            case "reset":
                writer.transport.abort()
                raise ConnectionResetError
            case "invalid_json":
                _send_bytes(writer, b'{"choices": [{"index": 0, "mess')
            case "content_type":
                _send_bytes(writer, b"<html><body>Welcome</body></html>", kind="text/html")
            case "empty_choices":
                _send(writer, {"choices": []})
            case "empty_content":
                _send(writer, _chat("", "stop", 0, {"messages": []}))
            case "null_content":
                _send(writer, _chat(None, "stop", 0, {"messages": []}))
            case "hang":
                await asyncio.Event().wait()
            case "die":
                self._waking = asyncio.create_task(self._die())
                raise ConnectionResetError
            case _:
                return False
        return True


def write(body: Row, length: int, *, code: bool = False) -> tuple[str, int, str]:
    """Return what the model writes to a request: text, tokens (words), finish reason.

    >>> question = {"role": "user", "content": "What is 2 plus 3?"}
    >>> write({"messages": [question]}, 4)
    ('1 2 3 \\\\boxed{5}', 4, 'stop')
    >>> write({"messages": [question, {"role": "assistant", "content": "1 2"}], "max_tokens": 1}, 4)
    (' 3', 1, 'length')
    """
    last = body["messages"][-1]
    begun = last["content"].split() if last["role"] == "assistant" else []
    numbers = re.findall(r"\d+", _question(body))
    if code and not _printed(body):
        text = f"I add them.\n```python\nprint({' + '.join(numbers)})\n```\n"
        return text, len(text.split()), "stop"
    total = _printed(body)[-1] if code else str(sum(map(int, numbers)))
    words = [*map(str, range(1, length)), f"\\boxed{{{total}}}"][len(begun) :]
    kept = words[: body.get("max_tokens") or len(words)]
    text = (" " if begun else "") + " ".join(kept)
    return text, len(kept), "stop" if len(kept) == len(words) else "length"


def _printed(body: Row) -> list[str]:
    """Return what code has printed so far, as far as it is a number."""
    outputs = [str(m["content"]) for m in body["messages"] if _is_output(m)]
    return [found[0] for output in outputs if (found := re.findall(r"-?\d+", output))]


def _conversation(body: bytes) -> Row | None:
    """Return the request, or None where it is none."""
    try:
        asked = json.loads(body)
        return dict(asked) if asked["messages"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _question(body: Row) -> str:
    asked = (m for m in reversed(body["messages"]) if m["role"] == "user" and not _is_output(m))
    return next((str(m["content"]) for m in asked), "")


def _is_output(message: Row) -> bool:
    return bool(message["role"] == "tool" or str(message["content"]).startswith("```output"))


def _chat(text: str | None, finish: str, tokens: int, body: Row, copies: int = 1) -> Row:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return {
        "id": "x",
        "object": "chat.completion",
        "model": body.get("model"),
        "choices": [{**choice, "index": i} for i in range(copies)],
        "usage": _usage(body, tokens),
    }


def _usage(body: Row, tokens: int) -> Row:
    prompt = sum(len(str(m["content"]).split()) for m in body["messages"])
    return {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}


def _error(message: str) -> Row:
    return {"error": {"message": message, "type": "server", "code": None}}


def _event(writer: asyncio.StreamWriter, event: Row) -> None:
    writer.write(b"data: " + json.dumps(event).encode() + b"\n\n")


def _send(writer: asyncio.StreamWriter, payload: Row, status: int = 200, *headers: str, share: float = 1.0) -> None:
    _send_bytes(writer, json.dumps(payload).encode(), status, *headers, share=share)


def _send_bytes(
    writer: asyncio.StreamWriter,
    data: bytes,
    status: int = 200,
    *headers: str,
    kind: str = "application/json",
    share: float = 1.0,
) -> None:
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *headers, "", ""]
    writer.write("\r\n".join(lines).encode() + data[: round(len(data) * share)])


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, bytes] | None:
    """Return (path, body), or None when the client is done."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    length = re.search(r"(?i)^content-length:\s*(\d+)", head, re.MULTILINE)
    return head.split(" ", 2)[1], await reader.readexactly(int(length[1]) if length else 0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted; the first line on standard output is the address."""
    faults = "\n".join(f"  {name:18}{text}" for name, text in FAULTS.items())
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog=f"faults:\n{faults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    plain = Character()
    parser.add_argument("--port", type=int, default=8100, help="0 takes a free one")
    parser.add_argument("--faults", default="all", help="all, none, or names with commas between")
    parser.add_argument("--share", type=float, default=plain.share, help="share of requests that meet a fault")
    parser.add_argument("--seed", type=int, default=plain.seed)
    parser.add_argument("--latency", type=float, default=plain.latency, metavar="SECONDS")
    parser.add_argument("--rate", type=float, default=plain.rate, help="tokens a second of one answer; 0: at once")
    parser.add_argument("--tokens", type=int, default=plain.tokens, help="tokens of an answer")
    parser.add_argument("--dead-seconds", type=float, default=plain.dead_seconds)
    parser.add_argument("--code", action="store_true", help="write code first, for --strategy tir")
    parser.add_argument("--no-stream", action="store_true", help="ignore `stream`, as some servers do")
    given = parser.parse_args(arguments)
    names = {"all": list(FAULTS), "none": []}.get(given.faults, given.faults.split(","))
    if unknown := set(names) - {*FAULTS, REFUSE}:
        parser.error(f"unknown faults {', '.join(sorted(unknown))}; known: {', '.join(FAULTS)}")
    values = {k: getattr(given, k) for k in ("share", "seed", "latency", "rate", "tokens", "dead_seconds")}
    character = Character(faults=names, streams=not given.no_stream, code=given.code, **values)
    try:
        asyncio.run(_serve(HostileServer(character, port=given.port)))
    except KeyboardInterrupt:
        return


async def _serve(server: HostileServer) -> None:
    await server.start()
    print(server.url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
