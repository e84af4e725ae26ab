"""An engine of one's own: it adds up the numbers of the question."""

import re

from reasondistill.engines import Abilities, Completion, Traffic
from reasondistill.engines.base import NoScore
from reasondistill.records import FinishReason, Usage


class Adder(NoScore):
    """Completes every conversation with the sum of its numbers in a box."""

    name, continues, chat_template = "adder", False, None
    abilities = Abilities()

    def __init__(self, model):
        self.model, self.traffic = model, Traffic()

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=None):
        """Return n equal completions."""
        total = sum(map(int, re.findall(r"\d+", messages[-1].content)))
        text = f"The sum is {total}, so the answer is \\boxed{{{total}}}."
        usage = Usage(prompt_tokens=1, completion_tokens=len(text.split()))
        return [Completion(text=text, finish_reason=FinishReason.STOP, usage=usage, seconds=0.0)] * n

    async def aclose(self):
        """Nothing to free."""


async def open_adder(options):
    """Return the engine."""
    return Adder(options.model)
