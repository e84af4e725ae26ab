"""Decoding rules: how each assistant turn of an attempt is written, whatever the strategy.

A recipe names one as `budget` or `{name: budget, waits: 2}`; your own is `package.module:Name`, like `plain.Plain`.
"""

from .base import Decoding, TurnWriter, WrittenTurn

DECODINGS = {
    "plain": "reasondistill.generation.decoding.plain:Plain",
    "budget": "reasondistill.generation.decoding.forcing:BudgetForcing",
}

__all__ = ["DECODINGS", "Decoding", "TurnWriter", "WrittenTurn"]
