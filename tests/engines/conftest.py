"""A chat server on a loopback port that answers like a very small model, or misbehaves as told."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reasondistill.engines.auto import limit_openmp_spinning

# Before any test imports torch.
limit_openmp_spinning()

TOY_ANSWER = "The sum of two and two is 4. That is all there is to say about it."
"""What the toy model answers to everything; a word is a token."""
TOY_EMOJI = "\U0001f600" * 12
"""What it answers to a question for an emoji; half a character is a token."""
TOY_CONTEXT = 500


class Exchange:
    """One request and the means to answer it, well or badly."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        self.handler, self.body = handler, body
        self.path = handler.path

    def raw(self, status: int, data: bytes, *, length: int | None = None, **headers: str) -> None:
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", headers.pop("Content_Type", "application/json"))
        self.handler.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def json(self, payload: Any, status: int = 200, **headers: str) -> None:
        self.raw(status, json.dumps(payload).encode(), **headers)

    def error(self, status: int, message: str = "no", **headers: str) -> None:
        self.json({"error": {"message": message, "code": None}}, status, **headers)

    def message(self, message: Any, finish: str | None = "stop", choice: Any = None, **usage: Any) -> None:
        choice = {"index": 0, "message": message, "finish_reason": finish, **(choice or {})}
        self.json({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage or None})

    def answer(self, content: Any = TOY_ANSWER, finish: str | None = "stop", choice: Any = None, **usage: Any) -> None:
        self.message({"role": "assistant", "content": content}, finish, choice, **usage)


Behaviour = Callable[[Exchange], None]


def toy_model(exchange: Exchange) -> None:
    """Answer as vLLM's server does: continue a prefix, stop at stop strings, keep to the cap, score a prompt."""
    body = exchange.body
    if exchange.path.endswith("/completions") and "prompt" in body:
        exchange.json({"choices": [{"prompt_logprobs": toy_scores(body)}], "usage": {"prompt_tokens": 9}})
        return
    words = sum(len(m["content"].split()) for m in body["messages"])
    if words > TOY_CONTEXT:
        exchange.error(400, f"This model's maximum context length is {TOY_CONTEXT} tokens, you gave {words}")
        return
    last = body["messages"][-1]
    given = last["content"] if last["role"] == "assistant" else ""
    text, finish, stop, tokens = toy_text(body, given)
    choice: dict[str, Any] = {"stop_reason": stop}
    if body.get("logprobs"):
        choice["logprobs"] = {"content": [{"token": "?", "logprob": -0.25}] * tokens}
    exchange.answer(text, finish, choice, prompt_tokens=words, completion_tokens=tokens)


def toy_text(body: dict[str, Any], given: str) -> tuple[str, str, str | None, int]:
    """Return what follows the given text: text, finish reason, stop string, number of tokens."""
    if "emoji" in body["messages"][0]["content"]:
        data = TOY_EMOJI.removeprefix(given).encode()
        kept = data[: 2 * body["max_tokens"]]
        return kept.decode(errors="replace"), "stop" if kept == data else "length", None, len(kept) // 2
    text, ended = TOY_ANSWER.removeprefix(given), None
    for stop in body.get("stop", ()):
        before, found, _ = text.partition(stop)
        if found:
            text, ended = before + (stop if body.get("include_stop_str_in_output") else ""), stop
    tokens = text.split(" ") if text else []
    kept_words = tokens[: body["max_tokens"]]
    finish = "stop" if len(kept_words) == len(tokens) else "length"
    return " ".join(kept_words), finish, ended, len(kept_words)


def toy_scores(body: dict[str, Any]) -> list[Any]:
    """Return vLLM's prompt_logprobs: token t has the log-probability -t/100, and the likeliest are the smallest."""
    places: list[Any] = [None]
    for token in body["prompt"][1:]:
        chosen = {*range(body["prompt_logprobs"]), token}
        places.append({str(t): {"logprob": -t / 100, "rank": t + 1, "decoded_token": "?"} for t in chosen})
    return places


class Loopback:
    """The server: request i is answered by behaviour i, and further ones by the last."""

    def __init__(self) -> None:
        self.behaviours: list[Behaviour] = [toy_model]
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def hang(self, exchange: Exchange) -> None:
        self.released.wait(60)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer._lock:
                    outer.requests.append(body)
                    outer.headers.append({k.lower(): v for k, v in self.headers.items()})
                    behaviour = outer.behaviours[min(len(outer.requests), len(outer.behaviours)) - 1]
                try:
                    behaviour(Exchange(self, body))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        return Handler


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    server = Loopback()
    yield server
    server.close()


@pytest.fixture(scope="module")
def toy_server() -> Iterator[Loopback]:
    server = Loopback()
    yield server
    server.close()


@pytest.fixture(scope="session")
def toy_answer() -> str:
    return TOY_ANSWER


CHATML = """\
{%- for m in messages %}<|im_start|>{{ m.role }}
{% if m.reasoning_content is defined and m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif -%}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@pytest.fixture(scope="session")
def chatml() -> str:
    return CHATML


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    """Return a byte-level BPE tokenizer of a few hundred tokens with a ChatML template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(["the answer is four, the question is what two and two make"] * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|endoftext|>")
    tokenizer.chat_template = CHATML
    return tokenizer
