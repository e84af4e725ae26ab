"""Scoring by a vLLM server: a completion is sent as a prompt, and the answer holds the prompt's log-probabilities."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import RequestError
from ...records import Row, Usage
from ..base import Score
from .wire import Unusable, read_usage, refuse_error

PATH = "/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A score and its token usage."""

    score: Score
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """A completion to score."""

    ids: Sequence[int]
    start: int
    top_k: int

    def row(self, model: str) -> Row:
        """Return the request's JSON object; it asks for one token, since no server accepts zero."""
        sampling = {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": self.top_k}
        return {"model": model, "prompt": list(self.ids), **sampling}

    def read(self, data: bytes) -> Scored:
        """Return the score in a response's body. Raises Unusable, and RequestError if the server cannot score."""
        try:
            payload = json.loads(data)
            refuse_error(payload)
            choice = payload["choices"][0]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise Unusable("the answer holds no choices", reason="no_choices") from error
        if not isinstance(choice, Mapping) or choice.get("prompt_logprobs") is None:
            message = "this server cannot score completions: it returns no prompt_logprobs, as vLLM's does"
            raise RequestError(message, reason="unsupported")
        try:
            rows = choice["prompt_logprobs"][self.start :]
            places = [{int(token): float(each["logprob"]) for token, each in at.items()} for at in rows]
            logprobs = tuple(at[token] for at, token in zip(places, self.ids[self.start :], strict=True))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unusable("the prompt_logprobs do not fit the tokens sent", reason="invalid_json") from error
        likeliest = (sorted(place.items(), key=lambda pair: -pair[1])[: self.top_k] for place in places)
        top = tuple(map(dict, likeliest)) if self.top_k else ()
        return Scored(score=Score(logprobs=logprobs, top=top), usage=read_usage(payload.get("usage")))
