"""The strategy `cot`: chain of thought, one assistant turn."""

from dataclasses import dataclass

from ..decoding.base import WrittenTurn
from .base import Attempt, AttemptRequest, Strategy


@dataclass(slots=True, kw_only=True)
class Cot(Strategy):
    """One assistant turn. A subclass may override `ask` to fill fields of its template."""

    name: str = "cot"

    async def attempt(self, request: AttemptRequest) -> Attempt:
        """Ask once, or continue the last message of `prior`."""
        prompt, extras = self.prompt(request, self.ask(request.problem))
        writer = self.decoding.writer(request.engine)
        begun, partial = request.prior[-1:], request.partial

        def made(written: WrittenTurn) -> Attempt:
            completion = written.completion
            return Attempt(
                prompt=prompt,
                messages=(written.message,),
                finish_reason=completion.finish_reason,
                usage=completion.usage,
                seconds=completion.seconds,
                token_ids=None if begun else completion.token_ids,
                annotations=writer.annotations,
            )

        progress = None if partial is None else (lambda written: partial(made(written)))
        written = await writer.write(prompt, request.sampling, begun=begun, extras=extras, progress=progress)
        return made(written)
