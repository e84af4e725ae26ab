"""A sweep's recipe: one model on one benchmark, at many thinking budgets, with many waits and many samples."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen

from ..engines.options import EngineOptions
from ..errors import RecipeError
from ..generation.decoding.forcing_options import Control, ForcingOptions
from ..generation.spending import MAX_FAILED_SHARE
from ..generation.strategies.tir.options import TirOptions
from ..problems.source import ProblemSource
from ..recipe.read import read_yaml
from ..store.options import Check, read_options
from ..verification.judging import VerifyOptions

REJECTION = "rejection"
Vote = Literal["majority", "confidence", "surest", "steps", "judge", "select"]
"""majority: the most frequent answer; confidence: votes weighted by how sure the model was; surest: the rollout of
which it was surest; steps: best-of-n by a verifier that needs no reference, the rollout whose own arithmetic holds best
(verifiers.steps); judge: the rollout that a model rates best; select: the one that a model picks when it sees all k.
Where the model cannot say, its choice counts as wrong."""
Baseline = Literal["tokens", "steps", "short", "long", "rejection"]


def check_distinct(numbers: tuple[int, ...]) -> None:
    """Raise ValueError for a number below 0 or twice in the list."""
    if len(set(numbers)) < len(numbers) or any(n < 0 for n in numbers):
        raise ValueError(f"must hold different numbers from 0 up, got {list(numbers)}")


Grid = Annotated[tuple[int, ...], Check(check_distinct)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialRecipe:
    """One rollout a problem, thinking longer and longer."""

    budgets: Grid = (64, 128, 256, 512)
    """Tokens of thinking."""
    waits: Annotated[Grid, MinLen(1)] = (0, 1, 2)
    """Ends of thinking that `Wait` replaces at most."""
    temperature: Annotated[float, Ge(0)] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelRecipe:
    """Several rollouts a problem and one answer of them all."""

    budgets: Grid = ()
    """Tokens of thinking of each rollout. Empty: no parallel part."""
    waits: Annotated[Grid, MinLen(1)] = (0,)
    samples: Annotated[int, Ge(1)] = 8
    k: Annotated[Grid, MinLen(1)] = (1, 2, 4, 8)
    """Rollouts that are counted as one system."""
    votes: tuple[Vote, ...] = ("majority",)
    temperature: Annotated[float, Ge(0)] | None = 0.7
    top_p: Annotated[float, Ge(0), Le(1)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScTirRecipe:
    """Self-consistency over tool-integrated rollouts: width, depth, and the rules of restart and pruning.

    The defaults are NuminaMath's competition entry, but for its width of 48.
    """

    width: Annotated[int, Ge(0)] = 0
    """Rollouts of a problem; 0: no such part."""
    depth: int = 4
    """Executed blocks of a rollout at most."""
    restarts: int = 1
    """How often a rollout that ends without code is begun anew."""
    prune: bool = True
    """Whether answers without an executed block, and outputs that the model invented, lose their vote."""
    k: Annotated[Grid, MinLen(1)] = (1,)
    """Rollouts that are counted as one system."""
    syntax: str = "auto"
    template: str = "tir"
    cell_seconds: float = 5.0
    output_chars: int = 200
    temperature: Annotated[float, Ge(0)] | None = 0.8

    def options(self) -> TirOptions:
        """Return the strategy's options. RecipeError for a value that cannot be used."""
        row = {
            "syntax": self.syntax,
            "executions": self.depth,
            "restarts": self.restarts,
            "hallucinated": "prune" if self.prune else "keep",
            "cell_seconds": self.cell_seconds,
            "output_chars": self.output_chars,
        }
        return read_options(TirOptions, row, "", "sc_tir")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectorRecipe:
    """Who judges and selects, for the votes that need a model."""

    model: EngineOptions = field(default_factory=EngineOptions)
    """Without a model it is the measured one."""
    max_tokens: Annotated[int, Ge(1)] = 512
    characters: Annotated[int, Ge(1)] = 1500
    """Characters of a solution that it sees, counted from the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRecipe:
    """Everything about a sweep."""

    name: Annotated[str, MinLen(1)] = "scaling"
    seed: int = 0
    out: str | None = None
    """Its folder; None is runs/NAME."""
    model: EngineOptions = field(default_factory=EngineOptions)
    benchmark: ProblemSource = field(default_factory=ProblemSource)
    template: str = "math-zero-shot"
    max_tokens: Annotated[int, Ge(1)] = 1024
    """Tokens of thinking and answer together."""
    forcing: ForcingOptions = field(default_factory=ForcingOptions)
    """Delimiters and words; budgets and waits are those of the two parts below."""
    sequential: SequentialRecipe = field(default_factory=SequentialRecipe)
    baselines: tuple[Baseline, ...] = ()
    """s1's baselines. tokens, steps, short, long: each length is asked for by a sentence alone; rejection: of the
    parallel samples at the largest budget those that are short enough, the longer ones paid too."""
    parallel: ParallelRecipe = field(default_factory=ParallelRecipe)
    sc_tir: ScTirRecipe = field(default_factory=ScTirRecipe)
    selector: SelectorRecipe = field(default_factory=SelectorRecipe)
    verify: VerifyOptions = field(default_factory=VerifyOptions)
    max_failed_share: Annotated[float, Ge(0), Le(1)] = MAX_FAILED_SHARE

    @property
    def folder(self) -> Path:
        """The sweep's folder."""
        return Path(self.out or f"runs/{self.name}")

    def forced(self, *, budget: int | None, waits: int, control: Control = "force") -> ForcingOptions:
        """Return the options of one cell."""
        confidence = self.needs_confidence
        return replace(self.forcing, thinking_budget=budget, waits=waits, control=control, confidence=confidence)

    @property
    def needs_confidence(self) -> bool:
        """Whether some vote weighs rollouts by their log-probabilities."""
        return bool(self.parallel.budgets) and bool({"confidence", "surest"} & set(self.parallel.votes))


def load_scaling(path: Path, overrides: Sequence[str] = ()) -> ScalingRecipe:
    """Read a sweep's recipe. Raises RecipeError naming the file, the key, and what to write instead."""
    recipe = read_yaml(path, overrides, ScalingRecipe)
    check_scaling(recipe, str(path))
    return recipe


def check_scaling(recipe: ScalingRecipe, where: str) -> None:
    """Raise RecipeError for values that are good alone and cannot work together."""
    if not recipe.model.model:
        raise RecipeError(
            f"{where}: model.model is missing; name a model, for instance model.model=smollm2-135m-instruct"
        )
    sequential, parallel = recipe.sequential, recipe.parallel
    if not sequential.budgets and not parallel.budgets and not recipe.sc_tir.width:
        raise RecipeError(f"{where}: nothing to measure; give sequential.budgets, parallel.budgets or sc_tir.width")
    widths = [("parallel", parallel.k, "samples", parallel.samples)]
    widths += [("sc_tir", recipe.sc_tir.k, "width", recipe.sc_tir.width)] if recipe.sc_tir.width else []
    for part, ks, name, most in widths:
        if any(not 1 <= k <= most for k in ks):
            raise RecipeError(f"{where}: {part}.k must lie between 1 and {part}.{name} {most}, got {list(ks)}")
    for budget in (*sequential.budgets, *parallel.budgets):
        if not 1 <= budget < recipe.max_tokens:
            raise RecipeError(
                f"{where}: a budget must be at least 1 and leave room for an answer within max_tokens "
                f"{recipe.max_tokens}, got {budget}"
            )
    if recipe.forcing.thinking_budget is not None or recipe.forcing.waits or recipe.forcing.control != "force":
        raise RecipeError(f"{where}: forcing.thinking_budget, waits and control come from the grids; leave them out")
    if REJECTION in recipe.baselines and not parallel.budgets:
        raise RecipeError(f"{where}: baselines: rejection takes the parallel samples; give parallel.budgets")
    if parallel.budgets and parallel.temperature == 0:
        raise RecipeError(f"{where}: parallel.temperature is 0, so that all samples would be the same one")
    try:
        recipe.sc_tir.options()
        recipe.forced(budget=None, waits=max(sequential.waits, default=0))
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None
