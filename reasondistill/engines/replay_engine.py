"""The replay engine: recorded answers, in the same order every time. The messages before an answer identify it.

Every assistant turn of a recorded rollout can be requested, so rollouts with tool turns replay too.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, RequestError
from ..progress import say
from ..records import FinishReason, Message, Row, Sampling, Usage, content_id, to_messages
from ..store import read_rows
from .base import PLAIN, Abilities, Completion, Extras, NoScore, Traffic, no_logprobs
from .options import EngineOptions
from .rendering import ended_at_stop


async def open_replay(options: EngineOptions, *, latency: float = 0.0) -> "ReplayEngine":
    """Read the recordings of a run, folder or file (`options.replay`); each answer takes `latency` seconds."""
    if not options.replay:
        raise DataError("the replay engine needs a folder or file of recorded rollouts: give --replay PATH")
    rows = read_recordings(Path(options.replay))
    model = options.model_id or options.model or str(rows[0].get("model", "replay"))
    return ReplayEngine(rows, model=model, latency=latency)


class ReplayEngine(NoScore):
    """Answers from recorded rollouts: the one with the request's seed, else the next unused one, in recorded order."""

    name = "replay"
    continues = True
    abilities = Abilities(include_stop=True, seeds=True)

    def __init__(self, rows: Sequence[Row], *, model: str, latency: float = 0.0) -> None:
        self.traffic, self.model, self._latency = Traffic(), model, latency
        self.chat_template: str | None = None
        self._turns: defaultdict[str, list[_Turn]] = defaultdict(list)
        self._used: Counter[str] = Counter()
        for row in rows:
            for key, turn in _turns(row):
                self._turns[key].append(turn)

    async def complete(
        self, messages: Sequence[Message], sampling: Sampling, *, prefix: str = "", n: int = 1, extras: Extras = PLAIN
    ) -> list[Completion]:
        """Return n recorded completions; RequestError with reason not_recorded when none is left."""
        if extras.logprobs:
            raise no_logprobs(self.name)
        turns = [self._find(messages, prefix, sampling.seed + i) for i in range(n)]
        await asyncio.sleep(self._latency)
        return [_completion(turn, prefix, sampling, extras, self._latency) for turn in turns]

    async def aclose(self) -> None:
        self._turns.clear()

    def _find(self, messages: Sequence[Message], prefix: str, seed: int) -> "_Turn":
        key = _key(messages)
        turns = [t for t in self._turns.get(key, ()) if t.message.content.startswith(prefix)]
        with_seed = [t for t in turns if t.seed == seed]
        if len(with_seed) == 1:
            return with_seed[0]
        turns, place = (with_seed, content_id(key, prefix, seed)) if with_seed else (turns, content_id(key, prefix))
        self._used[place] += 1
        if self._used[place] > len(turns):
            message = f"{len(turns)} answers are recorded for this prompt and one more was asked for"
            raise RequestError(message, reason="not_recorded")
        return turns[self._used[place] - 1]


def read_recordings(path: Path) -> list[Row]:
    """Return the rollout rows below a path, in the order of file names; a torn last line is left out with a warning."""
    folder = path / "rollouts" if (path / "rollouts").is_dir() else path
    shards = sorted(f for f in folder.rglob("*") if f.name.endswith((".jsonl", ".jsonl.zst")))
    recorded = []
    for file in [path] if path.is_file() else shards:
        for number, row in enumerate(read_rows(file, warn=say), 1):
            if not isinstance(row.get("messages"), list):
                raise DataError(f"{file}: row {number} is not a rollout row with `messages`: fix or remove it")
            recorded.append(row)
    if not any(row["messages"] for row in recorded):
        raise DataError(f"{path}: no recorded rollouts (.jsonl or .jsonl.zst with `messages`)")
    return [row for row in recorded if row["messages"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    message: Message
    seed: int | None
    finish_reason: FinishReason
    usage: Usage
    token_ids: tuple[int, ...] | None


def _key(messages: Sequence[Message]) -> str:
    return content_id([[m.role, m.content] for m in messages])


def _turns(row: Mapping[str, object]) -> Iterator[tuple[str, _Turn]]:
    """Yield each assistant turn after the last question; the last one carries the row's finish reason and usage."""
    messages = to_messages(row["messages"])  # type: ignore[arg-type]
    sampling, usage, ids = row.get("sampling"), row.get("usage"), row.get("token_ids")
    seed = sampling.get("seed") if isinstance(sampling, Mapping) else None
    last_question = max((i for i, m in enumerate(messages) if m.role == "user"), default=-1)
    for i in range(last_question + 1, len(messages)):
        message = messages[i]
        if message.role != "assistant":
            continue
        final = i == len(messages) - 1
        inner = FinishReason.TOOL_CALLS if message.tool_calls else FinishReason.STOP
        turn = _Turn(
            message=message,
            seed=seed,
            finish_reason=FinishReason(str(row.get("finish_reason", "stop"))) if final else inner,
            usage=Usage(**usage) if final and isinstance(usage, Mapping) else Usage(),
            token_ids=tuple(ids) if final and isinstance(ids, list) else None,
        )
        yield _key(messages[:i]), turn


def _completion(turn: _Turn, prefix: str, sampling: Sampling, extras: Extras, seconds: float) -> Completion:
    """Return the recording after the prefix, up to a stop string; caps do not apply."""
    text, stop = ended_at_stop(turn.message.content[len(prefix) :], sampling.stop, keep=extras.include_stop)
    return Completion(
        text=text,
        reasoning=turn.message.reasoning,
        tool_calls=() if stop else turn.message.tool_calls,
        token_ids=None if prefix or stop else turn.token_ids,
        stop=stop,
        finish_reason=FinishReason.STOP if stop else turn.finish_reason,
        usage=turn.usage,
        seconds=seconds,
    )
