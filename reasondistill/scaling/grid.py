"""The cells of a sweep: which rollouts are sampled, with which forcing, into which folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ..generation.decoding.forcing_options import Control
from ..generation.load_strategy import StrategyChoice
from ..generation.sample_stage import SampleSet
from ..records import Sampling
from ..store.options import Choice, dump_options
from .recipe import REJECTION, ScalingRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One setting of budget, waits and samples.

    >>> Cell(part="sequential", budget=64, waits=1).name
    'sequential-b64-w1'
    """

    part: str
    """sequential, parallel, sc-tir, or the name of a prompted baseline."""
    budget: int
    waits: int = 0
    samples: int = 1

    @property
    def name(self) -> str:
        """Its folder under cells/."""
        return f"{self.part}-b{self.budget}-w{self.waits}"

    @property
    def waits_text(self) -> str:
        """The number of waits in a label, where there are any."""
        return "" if not self.waits else f", {self.waits} wait" if self.waits == 1 else f", {self.waits} waits"

    @property
    def where(self) -> str:
        """The setting in the name of a curve."""
        return SC_TIR if self.part == SC_TIR else f"{self.budget} tokens{self.waits_text}"

    @property
    def label(self) -> str:
        """What the report calls its rollouts."""
        waits = (self.waits_text or ", 0 waits") if self.part in PARTS else ""
        samples = f", {self.samples} samples" if self.samples > 1 else ""
        return f"{self.part}: {self.budget} tokens{waits}{samples}"


PARTS = ("sequential", "parallel")
SC_TIR = "sc-tir"


def cells(recipe: ScalingRecipe) -> Iterator[Cell]:
    """Yield the cells of a sweep, baselines after the forced ones."""
    for budget in recipe.sequential.budgets:
        for waits in recipe.sequential.waits:
            yield Cell(part="sequential", budget=budget, waits=waits)
    for budget in recipe.parallel.budgets:
        for waits in recipe.parallel.waits:
            yield Cell(part="parallel", budget=budget, waits=waits, samples=recipe.parallel.samples)
    if recipe.sc_tir.width:
        yield Cell(part=SC_TIR, budget=recipe.max_tokens, samples=recipe.sc_tir.width)
    for control in (b for b in recipe.baselines if b != REJECTION):
        # `short` and `long` say no number: one cell each, beside the largest budget.
        numbered = control in ("tokens", "steps")
        for budget in recipe.sequential.budgets if numbered else recipe.sequential.budgets[-1:]:
            yield Cell(part=control, budget=budget)


def sample_set(recipe: ScalingRecipe, cell: Cell, *, folder: Path, problems: Path, beside: Path) -> SampleSet:
    """Return what is sampled for a cell."""
    if cell.part == SC_TIR:
        own = recipe.sc_tir
        template, temperature, top_p = own.template, own.temperature, None
        strategy = StrategyChoice(strategy=Choice(name="tir", options=dump_options(own.options())))
    else:
        part = recipe.parallel if cell.part == "parallel" else recipe.sequential
        template, temperature = recipe.template, part.temperature
        top_p = recipe.parallel.top_p if cell.part == "parallel" else None
        control = cast(Control, "force" if cell.part in PARTS else cell.part)
        forcing = recipe.forced(budget=cell.budget, waits=cell.waits, control=control)
        strategy = StrategyChoice(decoding=Choice(name="budget", options=dump_options(forcing)))
    return SampleSet(
        label=cell.label,
        problems=problems,
        folder=folder / "cells" / cell.name,
        template=template,
        sampling=Sampling(temperature=temperature, top_p=top_p, max_tokens=recipe.max_tokens, seed=recipe.seed),
        samples=cell.samples,
        strategy=strategy,
        beside=beside,
    )
