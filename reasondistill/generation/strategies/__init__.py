"""Strategies: ways to attempt a problem. A recipe names one as `tir` or `{name: tir, executions: 4}`.

Your own is `package.module:Name`, a subclass of `Strategy` or of `Cot`.
"""

from .base import Attempt, AttemptRequest, Strategy
from .cot import Cot

STRATEGIES = {
    "cot": "reasondistill.generation.strategies.cot:Cot",
    "code": "reasondistill.generation.strategies.code:Code",
    "tir": "reasondistill.generation.strategies.tir.strategy:Tir",
}

__all__ = ["STRATEGIES", "Attempt", "AttemptRequest", "Cot", "Strategy"]
