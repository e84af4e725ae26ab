"""A chat server that thinks before it answers, and goes on in a begun message."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Say = Callable[[str, str], str]
"""(question, turn so far) -> what the model writes up to the end of its turn."""


def thinks(question: str, text: str) -> str:
    """Think in as many words as there are letters, close, answer; after Wait think one word more and change the answer.

    Questions are "What is N plus 1?". The answer is right from four words of thinking up to twelve.
    """
    number = int(question.split()[2])
    thinking, closed, answer = text.removeprefix("<think>\n").partition("</think>")
    rest = ""
    if not closed:
        _, waited, written = thinking.rpartition("Wait")
        words = " so and then" if waited else f"add one to {number} now"
        rest = words.removeprefix(written) + "\n"
    said = len(re.findall(r"\w+", thinking + rest))
    boxed = f"\\boxed{{{number + 1 if 4 <= said < 13 else number}}}"
    if closed:
        return f" {boxed}" if "Final Answer:" in answer else f"\n\n{boxed}"
    return f"{rest}</think>\n\n{boxed}"


class Server:
    """The server; a word, a sign or a line break is a token."""

    def __init__(self, say: Say) -> None:
        self.requests: list[dict[str, Any]] = []
        self.say = say
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        *_, asked, begun = [*body["messages"], *([{"content": ""}] if body["messages"][-1]["role"] == "user" else [])]
        whole = re.findall(r" ?\w+|</think>|.", self.say(asked["content"], begun["content"]), re.DOTALL)
        made, finish = whole[: body["max_tokens"]], "stop" if len(whole) <= body["max_tokens"] else "length"
        for stop in body.get("stop", ()):
            if stop in "".join(made):
                made, finish = made[: made.index(stop)], "stop"
        message = {"role": "assistant", "content": "".join(made)}
        usage = {"prompt_tokens": 9 + len(begun["content"].split()), "completion_tokens": len(made)}
        return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append(body)
                data = json.dumps(outer.answer(body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        return Handler


@pytest.fixture
def thinker() -> Iterator[Server]:
    server = Server(thinks)
    yield server
    server.close()
