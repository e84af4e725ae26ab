"""Score rollouts by a small model: the likelihood of their text after its question, and alone.

The scores of `steps.ifd` are stored rollout by rollout, so that none is computed twice.
"""

import asyncio
import math
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..engines import Engine, EngineOptions, open_engine
from ..engines.rendering import Renderer
from ..errors import EngineError, RequestError
from ..generation.prompts import load_template
from ..models.resolve import weights_directory
from ..problems import load_problems
from ..progress import StageProgress, say
from ..records import SCHEMA, Message, Rollout, Row
from ..store import Table
from ..store.rollout_table import completion_hash, open_rollouts
from .steps.ifd import ifd


@dataclass(frozen=True, slots=True, kw_only=True)
class IfdStage:
    """Score every rollout of a run that has no score yet."""

    label: str
    """Name shown beside the progress."""
    engine: EngineOptions
    problems: Path
    folder: Path
    """The run folder, with a table `rollouts`; the scores go to its table `ifd`."""
    template: str
    """Prompt template of the question."""
    max_tokens: int
    """Tokens of an answer that are scored."""
    beside: Path | None = None
    """Folder that a template file's relative path starts from."""

    @property
    def loads_model(self) -> bool:
        """Scoring always loads a model."""
        return True

    def run(self) -> Row:
        """Score what is missing; return `{scored, unscored}`. Raises EngineError where the engine cannot score."""
        return asyncio.run(self._run())

    async def _run(self) -> Row:
        with (
            Table(self.folder / "ifd", key="rollout_id", writable=True, warn=say) as table,
            StageProgress() as progress,
        ):
            rollouts = open_rollouts(self.folder)
            # A rollout that was resumed since has another text.
            scored = {row["rollout_id"]: row["completion_hash"] for row in table}
            missing = [head["id"] for head in rollouts.heads() if scored.get(head["id"]) != head["completion_hash"]]
            total = len(rollouts)
            progress.start(self.label, total, done=total - len(missing))
            if not missing:
                return {"scored": total, "unscored": 0}
            problems = {p.id: p for p in load_problems(self.problems)}
            template = load_template(self.template, beside=self.beside)
            renderer = Renderer.load(weights_directory(self.engine.model))
            engine = await open_engine(self.engine, say=say)

            def score(rollout: Rollout) -> Awaitable[Row]:
                return self._row(engine, renderer, template.messages(problems[rollout.problem_id]), rollout)

            texts = (Rollout.from_row(row) for row in rollouts.rows(missing))
            try:
                # In the rollouts' order, so that the table has the same bytes whenever it is made.
                while batch := list(islice(texts, 2 * self.engine.concurrency)):
                    for row in await asyncio.gather(*map(score, batch)):
                        table.append(row)
                        progress.advance(self.label)
            finally:
                await engine.aclose()
            unscored = sum(row["ifd"] is None for row in table)
            return {"scored": len(table) - unscored, "unscored": unscored}

    async def _row(self, engine: Engine, renderer: Renderer, messages: Sequence[Message], rollout: Rollout) -> Row:
        """Return a rollout's row; its IFD is None where the texts are too long for the model, or empty.

        Raises EngineError for any other refusal, which says nothing about the rollout.
        """
        prompt, text = renderer.prompt_ids(messages), rollout.written.strip()
        answer = renderer.prompt_ids(messages, prefix=text)[len(prompt) :][: self.max_tokens] if text else []
        known = {"rollout_id": rollout.id, "schema": SCHEMA, "completion_hash": completion_hash(rollout)}
        row: Row = {**known, "tokens": len(answer), "ifd": None}
        if not answer:
            return row
        try:
            scores = [await engine.score(before, answer) for before in (prompt, prompt[:1])]
        except RequestError as error:
            if error.reason == "prompt_too_long":
                return row
            raise EngineError(f"IFD: {error}") from None
        after, alone = (-sum(score.logprobs) / len(answer) for score in scores)
        if not math.isfinite(after - alone):
            return row
        return row | {"after_question": round(after, 6), "alone": round(alone, 6), "ifd": round(ifd(after, alone), 6)}
