"""The strategy `tir`: text and code alternate, and each attempt's code runs in an interpreter of its own.

Where an engine continues a prefix, a textual syntax makes one turn with the outputs inside; else each is a turn.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from sandbox import Limits

from ....engines.base import Engine
from ....evaluation.tool_use import tool_use
from ....records import FinishReason, Problem, Rollout, Row
from ...prompts import PromptTemplate
from ...syntax import PYTHON_TOOL, SYNTAXES
from ..base import Attempt, AttemptRequest, Strategy
from .attempt import TirAttempt
from .dialogue import Dialogue, Mode
from .interpreters import Interpreters
from .options import AUTO, INSTRUCTIONS, NATIVE, NOTICES, TirOptions
from .shared_beginnings import SharedBeginnings

_MIB = 1 << 20
_SEEDS_APART = 1 << 16
"""Distance between the seeds of two tries; the turns of one try take neighbouring seeds."""


@dataclass(slots=True, kw_only=True)
class Tir(Strategy):
    """Attempts with a Python interpreter."""

    Options: ClassVar[type] = TirOptions
    TEMPLATE: ClassVar[str] = "tir"
    FIELDS: ClassVar[tuple[str, ...]] = ("tools",)
    in_flight: ClassVar[float] = 1.25

    name: str = "tir"
    options: TirOptions = field(default_factory=TirOptions)
    _interpreters: Interpreters | None = field(default=None, init=False)
    _beginnings: SharedBeginnings = field(init=False)

    def __post_init__(self) -> None:
        self._beginnings = SharedBeginnings(self.options.branch_at_code)

    @property
    def group_size(self) -> int:
        return self.options.branch_at_code

    def identity(self) -> Row:
        """Return the base's, with the tool and the texts that the model reads."""
        texts = {"tool": PYTHON_TOOL, "instructions": INSTRUCTIONS, "notices": NOTICES}
        return {**Strategy.identity(self), **texts}

    def ask(self, problem: Problem, annotations: Row | None = None) -> PromptTemplate:
        """Fill `{tools}` with how to call the interpreter; where the options leave it open, as the rollout did."""
        chosen = self.options.syntax
        name = (annotations or {}).get("syntax", "fenced") if chosen == AUTO else chosen
        return self.template.filled(tools=INSTRUCTIONS[name])

    async def attempt(self, request: AttemptRequest) -> Attempt:
        """Let the model write and run code until it answers, and start anew where it wrote none, if asked."""
        made = await self._try(request)
        restarts, usage, seconds = 0, made.usage, made.seconds
        while not request.prior and restarts < self.options.restarts and made.finish_reason is FinishReason.STOP:
            left = request.sampling.max_tokens - usage.completion_tokens
            if left < 1 or made.annotations.get("executions"):
                break
            restarts += 1
            seed = request.sampling.seed + restarts * _SEEDS_APART
            sampling = replace(request.sampling, max_tokens=left, seed=seed)
            made = await self._try(replace(request, sampling=sampling, partial=None))
            usage, seconds = usage + made.usage, seconds + made.seconds
        noted = {"restarts": restarts} if restarts else {}
        return replace(made, usage=usage, seconds=seconds, annotations={**made.annotations, **noted})

    @classmethod
    def measure(cls, rollouts: Iterable[Rollout]) -> Row:
        """Return `tool_use`: how the rollouts used the interpreter."""
        used = tool_use(rollouts)
        return {"tool_use": used} if used else {}

    async def aclose(self) -> None:
        await self._beginnings.aclose()
        if self._interpreters is not None:
            await self._interpreters.aclose()
            self._interpreters = None

    async def _try(self, request: AttemptRequest) -> Attempt:
        attempt = self._start(request)
        try:
            if request.prior:
                await attempt.resume(request.prior)
            elif self.group_size > 1:
                group = (request.problem.id, request.index // self.group_size)
                await self._beginnings.join(attempt, group, lambda: self._start(replace(request, partial=None)))
            await attempt.run()
            return attempt.attempt()
        finally:
            attempt.interpreter.close()

    def _start(self, request: AttemptRequest) -> TirAttempt:
        mode = mode_of(self.options, request.engine)
        tools: tuple[Row, ...] = (PYTHON_TOOL,) if mode.native else ()
        prompt, extras = self.prompt(request, self.template.filled(tools=INSTRUCTIONS[mode.name]), tools)
        options = self.options
        if self._interpreters is None:
            limits = Limits(wall_seconds=options.cell_seconds, memory_bytes=options.memory_mb * _MIB)
            live, fresh = options.live_sessions, options.fresh
            self._interpreters = Interpreters(limits=limits, isolation=options.isolation, live=live, fresh=fresh)
        return TirAttempt(
            writer=self.decoding.writer(request.engine),
            sampling=request.sampling,
            options=options,
            extras=extras,
            dialogue=Dialogue(prompt=prompt, mode=mode, executions=options.executions),
            interpreter=self._interpreters.open(),
            partial=request.partial,
        )


def mode_of(options: TirOptions, engine: Engine) -> Mode:
    """Return how calls and outputs are exchanged with the engine's model."""
    name: str = options.syntax
    if name == AUTO:
        name = NATIVE if "tools" in (engine.chat_template or "") else "fenced"
    return Mode(
        syntax=SYNTAXES["tool-call" if name == NATIVE else name],
        native=name == NATIVE,
        continues=engine.continues,
        strips_thinking=options.earlier_thinking == "strip",
        as_stored=engine.name == "replay",
    )
