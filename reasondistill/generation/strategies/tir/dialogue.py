"""The turns of one tool-integrated attempt: what is sent next, and what a completion asks for. Nothing is run here.

The messages are the truth; the prefix for an engine that continues in the middle of a turn is rendered from them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from verifiers.math.extract import extract

from ....engines.base import Completion
from ....records import FinishReason, Message, Row, Usage
from ...decoding import WrittenTurn
from ...syntax import SYNTAXES, Block, Syntax, find_block, find_output, without_blocks
from ...transcripts import native, python_call, render, text_call

_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How calls and outputs are exchanged with a model."""

    syntax: Syntax
    """Syntax of the model's blocks; with `native`, of the calls that an engine leaves in the text."""
    native: bool
    """Whether calls and outputs are tool messages of the chat template."""
    continues: bool
    strips_thinking: bool
    as_stored: bool = False
    """Whether the turns are sent as they are stored, which is how recordings are found."""

    @property
    def name(self) -> str:
        """The syntax's name, native for tool messages."""
        return "native" if self.native else self.syntax.name

    @property
    def in_one_turn(self) -> bool:
        """Whether outputs stand inside the assistant's turn."""
        return self.continues and not self.native and not self.as_stored

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings. None for a server that cannot continue: the text behind another fence would be lost."""
        return self.syntax.stops if self.in_one_turn else ()

    @property
    def understood(self) -> tuple[Syntax, ...]:
        """Every syntax whose blocks are run, the usual one first."""
        return (self.syntax, *(s for s in (SYNTAXES["fenced"], SYNTAXES["tool-call"]) if s is not self.syntax))


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What a completion asks for."""

    finish: FinishReason | None = None
    """Why the attempt is over; None if it continues."""
    calls: tuple[Row, ...] = ()
    """Calls to answer before the next turn; none if the model just continues."""


@dataclass(slots=True, kw_only=True)
class Dialogue:
    """The turns of an attempt so far."""

    prompt: tuple[Message, ...]
    mode: Mode
    executions: int
    messages: list[Message] = field(default_factory=list)
    unfinished: bool = False
    """Whether the last message is a turn that the model has not ended."""
    executed: int = 0
    failed: int = 0
    invented: int = 0
    """Number of outputs that the model wrote itself."""
    unexecuted: int = 0
    """Number of blocks that were written when no more were allowed."""
    spent: int = 0
    """Tokens that the model wrote, those of a shared beginning included."""
    usage: Usage = field(default_factory=Usage)
    """Cost of this attempt; the cost of a shared beginning belongs to one attempt of the group."""

    @property
    def closing(self) -> bool:
        """Whether only the closing turn is left."""
        return self.executed >= self.executions

    def copy(self, *, with_cost: bool) -> "Dialogue":
        """Return a dialogue that continues from here independently, with the cost so far or without."""
        return replace(self, messages=list(self.messages), usage=self.usage if with_cost else Usage())

    def request(self) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        """Return the messages to send, and the messages that are parts of the assistant turn to continue."""
        sent = [self._without_thinking(m) for m in self.messages] if self.mode.strips_thinking else self.messages
        if self.mode.in_one_turn and not any(_is_native(m) for m in sent):
            return self.prompt, tuple(sent)
        begun = tuple(sent[-1:]) if self.unfinished else ()
        earlier = sent[: len(sent) - len(begun)]
        return (*self.prompt, *(earlier if self.mode.as_stored else _as_turns(earlier))), begun

    def take(self, written: WrittenTurn) -> NextStep:
        """Add a turn, or the rest of one; return what it asks for."""
        completion = written.completion
        self.usage += completion.usage
        # Servers that do not count: about four characters a token.
        written_length = len(completion.text) + len(completion.reasoning or "")
        self.spent += completion.usage.completion_tokens or written_length // 4
        if self.unfinished:
            self.messages.pop()
            self.unfinished = False
        return self._called(written.message) if completion.tool_calls else self._read(written.message, completion)

    def so_far(self, written: WrittenTurn) -> tuple[Message, ...]:
        """Return the turns with one that is still being written; its calls are left out, since they may be half."""
        turn = replace(written.message, tool_calls=())
        earlier = self.messages[:-1] if self.unfinished else self.messages
        return (*earlier, turn) if turn.content or turn.reasoning else tuple(self.messages)

    def answer(self, output: str, *, ran: bool = False, failed: bool = False) -> None:
        """Add the output of the next call."""
        self.executed += ran
        self.failed += failed
        if failed:
            self._mark_call("failed")
        self.messages.append(Message(role="tool", content=output))

    def resume(self, messages: Sequence[Message]) -> tuple[Row, ...]:
        """Start from the turns of an earlier, truncated attempt; return the calls that are not answered yet."""
        calls = [call for m in messages for call in m.tool_calls]
        answered = sum(m.role == "tool" for m in messages)
        self.messages, self.executed = list(messages), min(answered, self.executions)
        self.failed = sum(bool(call.get("failed")) for call in calls)
        self.invented = sum(bool(call.get("invented")) for call in calls)
        self.unfinished = messages[-1].role == "assistant" and not messages[-1].tool_calls
        return tuple(calls[answered:])

    def _mark_call(self, what: str) -> None:
        """Note the result of the next call to answer in the call itself, so that a resumed attempt knows it."""
        at = max(i for i, m in enumerate(self.messages) if m.tool_calls)
        turn, number = self.messages[at], len(self.messages) - at - 1
        marked = {**turn.tool_calls[number], what: True}
        calls = (*turn.tool_calls[:number], marked, *turn.tool_calls[number + 1 :])
        self.messages[at] = replace(turn, tool_calls=calls)

    def _called(self, message: Message) -> NextStep:
        if self.closing:
            self.unexecuted += len(message.tool_calls)
            self.messages.append(replace(message, tool_calls=()))
            return NextStep(finish=FinishReason.STOP)
        number = sum(len(m.tool_calls) for m in self.messages)
        ids = [call.get("id") for call in message.tool_calls]
        own = [name if name and ids.count(name) == 1 else f"call_{number + i}" for i, name in enumerate(ids)]
        calls = tuple(
            {"type": "function", **call, "id": name} for call, name in zip(message.tool_calls, own, strict=True)
        )
        self.messages.append(replace(message, tool_calls=calls))
        return NextStep(calls=calls)

    def _read(self, message: Message, completion: Completion) -> NextStep:
        """Add a turn of text: look for a block in its content, or in its thinking if that is still open."""
        thinking = not message.content and message.reasoning is not None
        text = (message.reasoning or "") if thinking else message.content
        blocks = [(block, s) for s in self.mode.understood if (block := find_block(text, s)) is not None]
        found = min(blocks, key=lambda pair: pair[0].start, default=None)
        truncated = completion.finish_reason is not FinishReason.STOP
        if found is None or (truncated and not found[0].closing):
            return self._without_block(message, text, completion, thinking)
        block, syntax = found
        before = text[: block.start]
        prose = without_blocks(before, self.mode.syntax) if self.executed and "\\boxed" in before else ""
        if prose and extract(prose).method == "boxed":
            self.messages.append(_with_text(message, before, thinking))
            return NextStep(finish=FinishReason.STOP)
        if self.closing:
            self.unexecuted += 1
            self.messages.append(message)
            return NextStep(finish=FinishReason.STOP)
        step = self._call(message, text, block, syntax, thinking)
        if find_output(text, syntax, block.end):
            self.invented += 1
            self._mark_call("invented")
        return step

    def _call(self, message: Message, text: str, block: Block, syntax: Syntax, thinking: bool) -> NextStep:
        """Turn a block into a call; the text behind it is dropped, as a stop string would have done."""
        number = sum(len(m.tool_calls) for m in self.messages)
        if self.mode.native and syntax.as_json and block.code is not None:
            before, calls = text[: block.start].removesuffix("\n"), _native_calls(text, block, syntax, number)
        else:
            # A block that the text leaves open is closed as by the stop string that the engine left out.
            found = block if block.closing else find_block(text + syntax.stops[0], syntax, block.start)
            closed = found if found is not None and found.closing else replace(block, closing=syntax.closing)
            before, calls = text[: block.start], (text_call(closed, syntax, number=number, thinking=thinking),)
        self.messages.append(replace(_with_text(message, before, thinking), tool_calls=calls))
        return NextStep(calls=calls)

    def _without_block(self, message: Message, text: str, completion: Completion, thinking: bool) -> NextStep:
        """Add a turn without a call: the end, or a stop string that met the fence of something else."""
        self.messages.append(message)
        outputs = re.finditer(self.mode.syntax.outputs, text, re.MULTILINE)
        self.invented += any("output" in m.group().lower() or m.group().startswith("<") for m in outputs)
        ended, open_fence = completion.finish_reason is FinishReason.STOP, len(_FENCE.findall(text)) % 2 == 1
        self.unfinished = not ended
        if ended and self.mode.in_one_turn and (completion.text or completion.reasoning):
            # A stop string ended the turn but no block; it is written where the engine has left it out.
            stopped = text.endswith(self.mode.stops)
            self.unfinished = stopped or (self.mode.syntax is SYNTAXES["fenced"] and open_fence)
            if self.unfinished and not stopped:
                self.messages[-1] = _with_text(message, f"{text}\n```\n", thinking)
        return NextStep(finish=None if ended and self.unfinished else completion.finish_reason)

    def _without_thinking(self, message: Message) -> Message:
        """Return an earlier turn without its thinking, unless a call was made there."""
        made_there = any((c.get("written") or {}).get("thinking") for c in message.tool_calls)
        last = message is self.messages[-1]
        return message if last or made_there or message.reasoning is None else replace(message, reasoning=None)


def _native_calls(text: str, first: Block, syntax: Syntax, number: int) -> tuple[Row, ...]:
    calls: list[Row] = []
    block: Block | None = first
    while block is not None and block.code is not None:
        calls.append(python_call(block.code, number=number + len(calls)))
        following = find_block(text, syntax, block.end)
        block = following if following and not text[block.end : following.start].strip() else None
    return tuple(calls)


def _as_turns(messages: Sequence[Message]) -> list[Message]:
    """Return a rollout's turns as chat messages; the output of a textual block comes from the user."""
    turns: list[Message] = []
    textual: list[Row] = []
    for message in messages:
        if message.role == "tool" and textual:
            asked = Message(role="assistant", content="", tool_calls=(textual.pop(0),))
            output = render([asked, message]).removeprefix(render([asked]))
            turns.append(Message(role="user", content=output.strip("\n")))
        elif message.role == "assistant" and message.tool_calls and not _is_native(message):
            textual = list(message.tool_calls)
            content = render([replace(message, reasoning=None)]).rstrip("\n")
            turns.append(Message(role="assistant", content=content, reasoning=message.reasoning))
        else:
            turns.append(native(message))
    return turns


def _is_native(message: Message) -> bool:
    return any("syntax" not in call for call in message.tool_calls)


def _with_text(message: Message, text: str, thinking: bool) -> Message:
    return replace(message, reasoning=text) if thinking else replace(message, content=text)
