"""An engine that gives the completions of a script, and problems to ask it."""

from dataclasses import dataclass, field

import pytest

from reasondistill.engines import PLAIN, Completion, Extras
from reasondistill.records import FinishReason, Message, Usage


@dataclass
class Scripted:
    """Gives the completions of a script, one a request, and keeps what it was asked."""

    script: list[Completion]
    continues: bool = True
    chat_template: str | None = None
    name: str = "scripted"
    model: str = "scripted-1"
    asked: list[tuple[tuple[Message, ...], str, Extras]] = field(default_factory=list)

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
        self.asked.append((tuple(messages), prefix, extras))
        return [self.script[len(self.asked) - 1]]

    async def aclose(self):
        return None


def said(text, reasoning=None, finish=FinishReason.STOP):
    return Completion(
        text=text, reasoning=reasoning, finish_reason=finish, usage=Usage(completion_tokens=3), seconds=0.5
    )


@pytest.fixture(scope="session")
def scripted():
    return Scripted


@pytest.fixture(scope="session", name="said")
def _said():
    return said
