"""Decoding rules: how each assistant turn of an attempt is written, whatever the strategy.

A recipe names one as `decoding: budget` or `decoding: {name: budget, thinking_budget: 512}`; a rule of your own is
`package.module:Name`, a class like `plain.Plain`.
"""

from .base import Decoding, TurnWriter, WrittenTurn

DECODINGS = {
    "plain": "reasondistill.generation.decoding.plain:Plain",
    "budget": "reasondistill.generation.decoding.forcing:BudgetForcing",
}

__all__ = ["DECODINGS", "Decoding", "TurnWriter", "WrittenTurn"]
