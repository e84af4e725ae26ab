"""A sweep's recipe: one model on one benchmark, at many thinking budgets, with many waits and many samples."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..engines.options import ModelRecipe
from ..errors import RecipeError
from ..generation.decoding.forcing_options import SENTENCES, ForcingOptions
from ..generation.strategies.tir.options import TirOptions
from ..problems.source import ProblemSource
from ..recipe.check import check_model
from ..recipe.read import read_structured
from ..recipe.records import VerifyRecipe

REJECTION = "rejection"
VOTES = ("majority", "confidence", "surest", "steps", "judge", "select")
"""majority: the most frequent answer; confidence: votes weighted by how sure the model was; surest: the rollout of
which it was surest; steps: best-of-n by a verifier that needs no reference, the rollout whose own arithmetic holds best
(verifiers.steps); judge: the rollout that a model rates best; select: the one that a model picks when it sees all k.
Where the model cannot say, its choice counts as wrong."""


@dataclass
class SequentialRecipe:
    """One rollout a problem, thinking longer and longer."""

    budgets: list[int] = field(default_factory=lambda: [64, 128, 256, 512])
    """Tokens of thinking."""
    waits: list[int] = field(default_factory=lambda: [0, 1, 2])
    temperature: float = 0.0


@dataclass
class ParallelRecipe:
    """Several rollouts a problem and one answer of them all."""

    budgets: list[int] = field(default_factory=list)
    """Tokens of thinking of each rollout; empty: no parallel part."""
    waits: list[int] = field(default_factory=lambda: [0])
    samples: int = 8
    k: list[int] = field(default_factory=lambda: [1, 2, 4, 8])
    """Rollouts that are counted as one system."""
    votes: list[str] = field(default_factory=lambda: ["majority"])
    temperature: float | None = 0.7
    top_p: float | None = None


@dataclass
class ScTirRecipe:
    """Self-consistency over tool-integrated rollouts: width, depth, and the rules of restart and pruning.

    The defaults are NuminaMath's competition entry, but for its width of 48.
    """

    width: int = 0
    """Rollouts of a problem; 0: no such part."""
    depth: int = 4
    """Executed blocks of a rollout at most."""
    restarts: int = 1
    """How often a rollout that ends without code is begun anew."""
    prune: bool = True
    """Whether answers without an executed block, and outputs that the model invented, lose their vote."""
    k: list[int] = field(default_factory=lambda: [1])
    """Rollouts that are counted as one system."""
    syntax: str = "auto"
    template: str = "tir"
    cell_seconds: float = 5.0
    output_chars: int = 200
    temperature: float | None = 0.8

    def options(self) -> TirOptions:
        """Return the strategy's options. RecipeError for a value that cannot be used."""
        return TirOptions(
            syntax=self.syntax,
            executions=self.depth,
            restarts=self.restarts,
            hallucinated="prune" if self.prune else "keep",
            cell_seconds=self.cell_seconds,
            output_chars=self.output_chars,
        )


@dataclass
class SelectorRecipe:
    """Who judges and selects, for the votes that need a model."""

    model: ModelRecipe = field(default_factory=ModelRecipe)
    """Without a model it is the measured one."""
    max_tokens: int = 512
    characters: int = 1500
    """Of each solution it is shown the end."""


@dataclass
class ScalingRecipe:
    """Everything about a sweep."""

    name: str = "scaling"
    seed: int = 0
    out: str | None = None
    """Its folder; None is runs/NAME."""
    model: ModelRecipe = field(default_factory=ModelRecipe)
    benchmark: ProblemSource = field(default_factory=ProblemSource)
    template: str = "math-zero-shot"
    max_tokens: int = 1024
    """Of thinking and answer together."""
    forcing: ForcingOptions = field(default_factory=ForcingOptions)
    """Delimiters and words; budgets and waits are those of the two parts below."""
    sequential: SequentialRecipe = field(default_factory=SequentialRecipe)
    baselines: list[str] = field(default_factory=list)
    """s1's baselines. tokens, steps, short, long: each length is asked for by a sentence alone; rejection: of the
    parallel samples at the largest budget those that are short enough, the longer ones paid too."""
    parallel: ParallelRecipe = field(default_factory=ParallelRecipe)
    sc_tir: ScTirRecipe = field(default_factory=ScTirRecipe)
    selector: SelectorRecipe = field(default_factory=SelectorRecipe)
    verify: VerifyRecipe = field(default_factory=VerifyRecipe)
    max_failed_share: float = 0.02

    @property
    def folder(self) -> Path:
        """The sweep's folder."""
        return Path(self.out or f"runs/{self.name}")

    def forced(self, *, budget: int | None, waits: int, control: str = "force") -> ForcingOptions:
        """Return the options of one cell."""
        confidence = self.needs_confidence
        return replace(self.forcing, thinking_budget=budget, waits=waits, control=control, confidence=confidence)

    @property
    def needs_confidence(self) -> bool:
        """Whether some vote weighs rollouts by their log-probabilities."""
        return bool(self.parallel.budgets) and bool({"confidence", "surest"} & set(self.parallel.votes))


def load_scaling(path: Path, overrides: Sequence[str] = ()) -> ScalingRecipe:
    """Read a sweep's recipe. Raises RecipeError naming the file, the key, and what to write instead."""
    recipe = read_structured(path, overrides, ScalingRecipe)
    check_scaling(recipe, str(path))
    return recipe


def check_scaling(recipe: ScalingRecipe, where: str) -> None:
    """Raise RecipeError for the first value that cannot work, naming its key."""
    if not recipe.name:
        raise RecipeError(f"{where}: name is empty; it names the sweep and its folder")
    if not recipe.model.model:
        raise RecipeError(
            f"{where}: model.model is missing; name a model, for instance model.model=smollm2-135m-instruct"
        )
    check_model(recipe.model, f"{where}: model")
    check_model(recipe.selector.model, f"{where}: selector.model")
    for key in ("max_tokens", "characters"):
        if getattr(recipe.selector, key) < 1:
            raise RecipeError(f"{where}: selector.{key} must be at least 1, got {getattr(recipe.selector, key)}")
    sequential, parallel = recipe.sequential, recipe.parallel
    _check_lists(recipe, where)
    for budget in (*sequential.budgets, *parallel.budgets):
        if not 1 <= budget < recipe.max_tokens:
            raise RecipeError(
                f"{where}: a budget must be at least 1 and leave room for an answer within max_tokens "
                f"{recipe.max_tokens}, got {budget}"
            )
    if recipe.forcing.thinking_budget is not None or recipe.forcing.waits or recipe.forcing.control != "force":
        raise RecipeError(f"{where}: forcing.thinking_budget, waits and control come from the grids; leave them out")
    temperatures = {p: getattr(recipe, p).temperature for p in ("sequential", "parallel", "sc_tir")}
    for part, temperature in temperatures.items():
        if temperature is not None and not temperature >= 0:
            raise RecipeError(f"{where}: {part}.temperature must be at least 0, got {temperature}")
    if REJECTION in recipe.baselines and not parallel.budgets:
        raise RecipeError(f"{where}: baselines: rejection takes the parallel samples; give parallel.budgets")
    if parallel.budgets and parallel.temperature == 0:
        raise RecipeError(f"{where}: parallel.temperature is 0, so that all samples would be the same one")
    try:
        recipe.sc_tir.options()
        recipe.forced(budget=None, waits=max(sequential.waits, default=0))
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None


def _check_lists(recipe: ScalingRecipe, where: str) -> None:
    sequential, parallel = recipe.sequential, recipe.parallel
    if not sequential.budgets and not parallel.budgets and not recipe.sc_tir.width:
        raise RecipeError(f"{where}: nothing to measure; give sequential.budgets, parallel.budgets or sc_tir.width")
    lists = {
        "sequential.budgets": sequential.budgets,
        "sequential.waits": sequential.waits,
        "parallel.budgets": parallel.budgets,
        "parallel.waits": parallel.waits,
        "parallel.k": parallel.k,
        "sc_tir.k": recipe.sc_tir.k,
    }
    for key, numbers in lists.items():
        if len(set(numbers)) < len(numbers) or any(n < 0 for n in numbers):
            raise RecipeError(f"{where}: {key} must hold different numbers from 0 up, got {numbers}")
    for key in ("sequential.waits", "parallel.waits", "parallel.k", "sc_tir.k"):
        if not lists[key]:
            raise RecipeError(f"{where}: {key} is empty; [{1 if key.endswith('k') else 0}] is the least")
    if recipe.sc_tir.width < 0:
        raise RecipeError(f"{where}: sc_tir.width must be at least 0, got {recipe.sc_tir.width}")
    widths = [("parallel", parallel.k, "samples", parallel.samples)]
    widths += [("sc_tir", recipe.sc_tir.k, "width", recipe.sc_tir.width)] if recipe.sc_tir.width else []
    for part, ks, name, most in widths:
        if most < 1 or any(not 1 <= k <= most for k in ks):
            raise RecipeError(f"{where}: {part}.k must lie between 1 and {part}.{name} {most}, got {ks}")
    for key, words, accepted in (
        ("parallel.votes", parallel.votes, VOTES),
        ("baselines", recipe.baselines, (*SENTENCES, REJECTION)),
    ):
        for word in words:
            if word not in accepted:
                raise RecipeError(f"{where}: {key} must be of {', '.join(accepted)}, got {word!r}")
