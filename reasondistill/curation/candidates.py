"""A judged rollout on its way through the curation steps."""

import json
from dataclasses import dataclass

from verifiers import Verdict

from ..records import Message, Problem, Rollout
from .ledger import Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A rollout with what is known of it."""

    problem: Problem
    rollout: Rollout
    verdict: Verdict

    def drop(self, step: str, reason: str, evidence: str = "") -> Drop:
        """Return the ledger's row for leaving it out."""
        return Drop(rollout_id=self.rollout.id, problem_id=self.problem.id, step=step, reason=reason, evidence=evidence)


def told(message: Message) -> str:
    """Return everything that a message says: reasoning, content and calls, whatever ids the calls have."""
    calls = json.dumps([call.get("function") for call in message.tool_calls]) if message.tool_calls else ""
    return f"{message.reasoning or ''}\n{message.content}{calls}"
