"""Strategies: ways to attempt a problem, from its prompt to the last turn that comes back.

A recipe names one as `strategy: tir` or `strategy: {name: tir, executions: 4}`; a strategy of your own is
`package.module:Name`, a subclass of `Strategy` or of `Cot`.
"""

from .base import Attempt, AttemptRequest, Strategy
from .cot import Cot

STRATEGIES = {
    "cot": "reasondistill.generation.strategies.cot:Cot",
    "code": "reasondistill.generation.strategies.code:Code",
    "tir": "reasondistill.generation.strategies.tir.strategy:Tir",
}

__all__ = ["STRATEGIES", "Attempt", "AttemptRequest", "Cot", "Strategy"]
