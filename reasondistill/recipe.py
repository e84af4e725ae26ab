"""A recipe: one YAML file that says everything about a run, read into frozen records.

Unknown keys are refused with the nearest known one. Values on the command line (`key=value`) win over the file. No
secret belongs in a recipe: keys come from the environment.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from .engines.addresses import fault_of
from .errors import RecipeError
from .generation.budget import BudgetOptions
from .generation.strategies import STRATEGIES
from .generation.thinking import EFFORTS
from .generation.tir_options import TirOptions
from .records import Row, Sampling
from .store import mask_secrets
from .training.options import TrainOptions

STEPS = ("problems", "generate", "verify", "curate", "export", "train", "evaluate", "report")
"""The steps of a run, in order."""
KEEP = ("correct", "all", "wrong")
ENGINES = ("auto", "vllm", "transformers", "llamacpp", "openai", "replay")
DTYPES = ("auto", "float32", "bfloat16")
STREAM = ("auto", "always", "never")
CONTINUATION = ("auto", "prefix", "turns")
_BUDGET_SHARES = ("hopeless_below", "settled_above", "confidence")


@dataclass
class ProblemSource:
    """Where a set of problems comes from."""

    source: str = "procedural"
    """`procedural`, `gym:NAME`, a .jsonl/.parquet file, or a dataset's hub id."""
    split: str = "train"
    """procedural: train, seen or unseen; a hub dataset: the name of its split."""
    count: int | None = None
    """How many problems at most; procedural sets need it."""
    skip_bad: bool = False
    """Leave out rows that cannot be read instead of stopping."""


@dataclass
class ModelRecipe:
    """A model and how it is run."""

    model: str = ""
    """Model reference: catalogue name, hub id, directory, .gguf file, or the name that a server serves."""
    model_id: str | None = None
    engine: str = "auto"
    base_url: Any = None
    """One address of a server, or a list of several that serve the same model."""
    dtype: str = "auto"
    concurrency: int = 64
    max_context: int = 1024
    request_timeout: float = 600.0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    stream: str = "auto"
    continuation: str = "auto"
    replay: str | None = None


@dataclass
class SamplingRecipe:
    """How tokens are drawn; see records.Sampling."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int = 1024
    stop: list[str] = field(default_factory=list)

    def sampling(self, seed: int) -> Sampling:
        """Return the record."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            max_tokens=self.max_tokens,
            stop=tuple(self.stop),
            seed=seed,
        )


@dataclass
class TirRecipe:
    """How text and code interleave in the strategy `tir`; see generation.tir_options."""

    syntax: str = "auto"
    executions: int = 8
    cell_seconds: float = 10.0
    memory_mb: int = 1024
    output_chars: int = 1000
    fresh: bool = False
    wall_seconds: float = 1800.0
    hallucinated: str = "keep"
    earlier_thinking: str = "keep"
    branch_at_code: int = 1
    live_sessions: int = 64
    isolation: str = "auto"

    def options(self) -> TirOptions:
        """Return the record. RecipeError for a value that cannot be used."""
        return TirOptions(**asdict(self))


@dataclass
class BudgetRecipe:
    """How many samples a problem gets and what they may cost; see generation.budget for the rule."""

    until_correct: int | None = None
    """Right rollouts of a problem that are enough; `samples` is the most it gets then."""
    hopeless_below: float = 0.25
    settled_above: float = 0.75
    confidence: float = 0.95
    max_tokens_total: int | None = None
    max_cost: float | None = None
    """By the two prices, in their currency."""
    prompt_price: float = 0.0
    """Of a million tokens."""
    completion_price: float = 0.0

    def options(self) -> BudgetOptions:
        """Return the record."""
        return BudgetOptions(**{f.name: getattr(self, f.name) for f in fields(self)})


@dataclass
class GenerateRecipe:
    """What is asked of the teacher."""

    strategy: str = "cot"
    """cot: one turn; code: one program for tests; tir: text and code that is run."""
    thinking: str = "default"
    """Effort of thinking asked of the model: default, off, low, medium or high."""
    template: str | None = None
    """Prompt template: a built-in name or a YAML file. None: math-few-shot for cot, else the strategy's own."""
    tir: TirRecipe = field(default_factory=TirRecipe)
    samples: int = 1
    """Rollouts of each problem."""
    sampling: SamplingRecipe = field(default_factory=SamplingRecipe)
    budget: BudgetRecipe = field(default_factory=BudgetRecipe)
    max_failed_share: float = 0.02
    """The stage fails when a larger share of its requests failed for good."""


@dataclass
class VerifyRecipe:
    """How rollouts are judged."""

    strict: bool = True
    """Only a marked answer counts (a box, `####`, "the answer is")."""
    timeout: float = 2.0
    """Seconds that one comparison may take."""


@dataclass
class PassRateRecipe:
    """Keep problems that the student, or a named model, solves sometimes. Meant for RL data; off for SFT."""

    enabled: bool = False
    low: float = 0.1
    high: float = 0.9
    samples: int = 4
    model: str | None = None
    """Reference model; None is the untrained student."""


@dataclass
class CurateRecipe:
    """Which rollouts become training examples."""

    keep: str = "correct"
    """correct, wrong, or all."""
    deduplicate: bool = True
    decontaminate: bool = True
    ngram: int = 8
    """Words of an n-gram in decontamination (s1, open-r1)."""
    coverage: float = 0.5
    """Share of a problem's n-grams found in one held-out problem from which it counts as contaminated."""
    max_per_problem: int | None = None
    pass_rate: PassRateRecipe = field(default_factory=PassRateRecipe)


@dataclass
class TrainRecipe:
    """How the student is trained; see training.TrainOptions."""

    mode: str = "full"
    epochs: float = 1.0
    max_steps: int = -1
    batch_size: int = 8
    gradient_accumulation: int = 1
    learning_rate: float = 2e-4
    warmup_ratio: float = 0.05
    scheduler: str = "cosine"
    weight_decay: float = 0.0
    max_length: int = 1024
    max_truncated_share: float = 0.05
    dtype: str = "auto"
    save_steps: int = 20
    lora_rank: int = 16
    lora_alpha: int = 32


@dataclass
class EvaluateRecipe:
    """How models are measured on the held-out sets."""

    sampling: SamplingRecipe = field(default_factory=lambda: SamplingRecipe(temperature=0.0, max_tokens=160))
    strategy: str = "cot"
    """How the student answers; `tir` takes its options from generate.tir."""
    thinking: str = "default"
    template: str | None = None
    """The student's prompt, in training and evaluation. None is the strategy's own: math-zero-shot for cot."""
    teacher_count: int | None = None
    """Problems of each held-out set that the teacher is measured on; None is all."""


@dataclass
class ArmsRecipe:
    """Comparisons that keep the claim honest."""

    few_shot: bool = True
    """Measure the untrained student with the teacher's prompt too: how much is only format?"""
    controls: list[str] = field(default_factory=list)
    """Also train on `all` (unverified) and/or `wrong` rollouts, at the same number of training tokens."""
    seeds: int = 1
    """Train each arm this many times, with other seeds."""


@dataclass
class Recipe:
    """Everything about a run."""

    name: str = "run"
    seed: int = 0
    until: str = "report"
    """Last step to do; `until: export` makes a dataset and trains nothing. The report is always written."""
    out: str | None = None
    """Run folder; None is runs/NAME."""
    problems: ProblemSource = field(default_factory=ProblemSource)
    held_out: dict[str, ProblemSource] = field(default_factory=dict)
    """Evaluation sets by name; `seen` is the headline, the others stand beside it."""
    teacher: ModelRecipe = field(default_factory=ModelRecipe)
    student: ModelRecipe = field(default_factory=ModelRecipe)
    generate: GenerateRecipe = field(default_factory=GenerateRecipe)
    verify: VerifyRecipe = field(default_factory=VerifyRecipe)
    curate: CurateRecipe = field(default_factory=CurateRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    evaluate: EvaluateRecipe = field(default_factory=EvaluateRecipe)
    arms: ArmsRecipe = field(default_factory=ArmsRecipe)

    @property
    def folder(self) -> Path:
        """The run folder."""
        return Path(self.out or f"runs/{self.name}")

    def to_row(self) -> Row:
        """Return the recipe as a plain JSON object."""
        return asdict(self)


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file, apply `key=value` overrides, check it.

    Raises RecipeError naming the file, the key, and what to write instead.
    """
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not path.is_file():
        raise RecipeError(f"{path}: no such recipe file{_similar_files(path)}")
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_environment(str(path), (text, *overrides))
        _check_keys(str(path), yaml.safe_load(text), Recipe())
        given = OmegaConf.load(path)
        for override in overrides:
            _check_override(override)
        merged = OmegaConf.merge(OmegaConf.structured(Recipe), given, OmegaConf.from_dotlist(list(overrides)))
        recipe = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        raise RecipeError(f"{path}: {f'{key}: ' if key else ''}{str(error).splitlines()[0]}") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
    assert isinstance(recipe, Recipe)
    check_recipe(recipe, str(path))
    return recipe


def parse_options(pairs: Sequence[str]) -> TrainOptions:
    """Read the `key=value` words of `train`. RecipeError for an unknown key or a value that cannot be used.

    >>> parse_options(["epochs=2", "mode=lora"]).epochs
    2.0
    """
    options = _from_words(TrainOptions, pairs, "train", "epochs=2")
    assert isinstance(options, TrainOptions)
    return options


def parse_tir(pairs: Sequence[str]) -> TirOptions:
    """Read the `key=value` words of `--tir`. RecipeError for an unknown key or a value that cannot be used.

    >>> parse_tir(["executions=4"]).executions
    4
    """
    options = _from_words(TirRecipe, pairs, "tir", "executions=4")
    assert isinstance(options, TirRecipe)
    return options.options()


def dump_recipe(recipe: Recipe) -> str:
    """Return the resolved recipe as YAML, without user and password in addresses."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(mask_secrets(recipe.to_row())))


def check_recipe(recipe: Recipe, where: str) -> None:
    """Raise RecipeError for the first value that cannot work, naming its key."""
    _check_numbers(recipe, where)
    _check_words(recipe, where)
    try:
        TrainOptions(**{f.name: getattr(recipe.train, f.name) for f in fields(recipe.train)})
        recipe.generate.tir.options()
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None
    for key, url in {"teacher.base_url": recipe.teacher.base_url, "student.base_url": recipe.student.base_url}.items():
        listed = url if isinstance(url, list) else [url]
        if url is not None and not (listed and all(isinstance(u, str) and u for u in listed)):
            raise RecipeError(f"{where}: {key} must be an address or a list of addresses, got {url!r}")
        if url is not None and (bad := next(filter(fault_of, listed), None)):
            raise RecipeError(f"{where}: {key} {mask_secrets(bad)!r}: {fault_of(bad)}")
    budget = recipe.generate.budget
    if budget.max_cost is not None and not (budget.prompt_price > 0 or budget.completion_price > 0):
        raise RecipeError(f"{where}: generate.budget.max_cost needs prompt_price and completion_price beside it")
    trains = STEPS.index(recipe.until) >= STEPS.index("train")
    for key, model in {"teacher.model": recipe.teacher.model, "student.model": recipe.student.model}.items():
        if not model and (trains or key == "teacher.model"):
            raise RecipeError(f"{where}: {key} is missing; name a model, for instance {key}=smollm2-135m-instruct")
    if trains and not recipe.held_out:
        raise RecipeError(f"{where}: held_out names no evaluation set; add one under held_out.seen")
    for name in recipe.held_out:
        if not name.isidentifier() or name == "train":
            raise RecipeError(
                f"{where}: held_out.{name}: a set's name may hold letters, digits and underscores only, "
                "and train is the training problems'"
            )


def _from_words(kind: type, pairs: Sequence[str], where: str, example: str) -> Any:
    """Read `key=value` words into a dataclass."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    names = [f.name for f in fields(kind)]
    for pair in pairs:
        key, equals, _ = pair.partition("=")
        if not equals:
            raise RecipeError(f"{pair}: an option is written key=value, for instance {example}")
        if key not in names:
            raise RecipeError(f"{pair}: unknown option {key}{_nearest(key, names)}")
        _yaml_value(pair)
    try:
        merged = OmegaConf.merge(OmegaConf.structured(kind), OmegaConf.from_dotlist(list(pairs)))
        return OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise RecipeError(f"{where}.{getattr(error, 'full_key', '')}: {str(error).splitlines()[0]}") from None


def _check_numbers(recipe: Recipe, where: str) -> None:
    held_out = {f"held_out.{name}.count": source.count for name, source in recipe.held_out.items()}
    at_least_one = {
        "problems.count": recipe.problems.count,
        **held_out,
        "generate.samples": recipe.generate.samples,
        "generate.budget.until_correct": recipe.generate.budget.until_correct,
        "generate.budget.max_tokens_total": recipe.generate.budget.max_tokens_total,
        "generate.sampling.max_tokens": recipe.generate.sampling.max_tokens,
        "evaluate.sampling.max_tokens": recipe.evaluate.sampling.max_tokens,
        "evaluate.teacher_count": recipe.evaluate.teacher_count,
        "teacher.concurrency": recipe.teacher.concurrency,
        "student.concurrency": recipe.student.concurrency,
        "arms.seeds": recipe.arms.seeds,
        "curate.ngram": recipe.curate.ngram,
        "curate.max_per_problem": recipe.curate.max_per_problem,
        "curate.pass_rate.samples": recipe.curate.pass_rate.samples,
    }
    for key, number in at_least_one.items():
        if number is not None and number < 1:
            raise RecipeError(f"{where}: {key} must be at least 1, got {number}")
    above_zero = {
        "generate.budget.max_cost": recipe.generate.budget.max_cost,
        "verify.timeout": recipe.verify.timeout,
        **{
            f"{who}.{key}": getattr(model, key)
            for who, model in (("teacher", recipe.teacher), ("student", recipe.student))
            for key in ("request_timeout", "requests_per_minute", "tokens_per_minute")
        },
    }
    for key, seconds in above_zero.items():
        if seconds is not None and not seconds > 0:
            raise RecipeError(f"{where}: {key} must be above 0, got {seconds}")
    shares = {
        "curate.coverage": recipe.curate.coverage,
        **{f"generate.budget.{k}": getattr(recipe.generate.budget, k) for k in _BUDGET_SHARES},
        "generate.max_failed_share": recipe.generate.max_failed_share,
        "curate.pass_rate.low": recipe.curate.pass_rate.low,
        "curate.pass_rate.high": recipe.curate.pass_rate.high,
        "generate.sampling.top_p": recipe.generate.sampling.top_p,
        "evaluate.sampling.top_p": recipe.evaluate.sampling.top_p,
    }
    for key, share in shares.items():
        if share is not None and not 0 <= share <= 1:
            raise RecipeError(f"{where}: {key} must be between 0 and 1, got {share}")
    for key, sampling in {"generate": recipe.generate.sampling, "evaluate": recipe.evaluate.sampling}.items():
        if sampling.temperature is not None and not sampling.temperature >= 0:
            raise RecipeError(f"{where}: {key}.sampling.temperature must be at least 0, got {sampling.temperature}")


def _check_words(recipe: Recipe, where: str) -> None:
    if not recipe.name:
        raise RecipeError(f"{where}: name is empty; it names the run and its folder")
    choices = {
        "curate.keep": ([recipe.curate.keep], KEEP),
        "arms.controls": (recipe.arms.controls, KEEP),
        "generate.strategy": ([recipe.generate.strategy], STRATEGIES),
        "generate.thinking": ([recipe.generate.thinking], EFFORTS),
        "evaluate.strategy": ([recipe.evaluate.strategy], STRATEGIES),
        "evaluate.thinking": ([recipe.evaluate.thinking], EFFORTS),
        "teacher.engine": ([recipe.teacher.engine], ENGINES),
        "student.engine": ([recipe.student.engine], ENGINES),
        "teacher.stream": ([recipe.teacher.stream], STREAM),
        "student.stream": ([recipe.student.stream], STREAM),
        "teacher.continuation": ([recipe.teacher.continuation], CONTINUATION),
        "student.continuation": ([recipe.student.continuation], CONTINUATION),
        "teacher.dtype": ([recipe.teacher.dtype], DTYPES),
        "student.dtype": ([recipe.student.dtype], DTYPES),
        "until": ([recipe.until], STEPS),
    }
    for key, (words, accepted) in choices.items():
        for word in words:
            if word not in accepted:
                raise RecipeError(
                    f"{where}: {key} must be one of {', '.join(accepted)}, got {word!r}{_meant(word, accepted)}"
                )


def _check_keys(where: str, given: Any, known: Any, prefix: str = "") -> None:
    """Raise RecipeError for the first key that no field has."""
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise RecipeError(f"{where}: {prefix.rstrip('.') or 'the file'} must be a mapping of keys to values")
    names = [f.name for f in fields(known)]
    for key, value in given.items():
        if key not in names:
            raise RecipeError(f"{where}: unknown key {prefix}{key}{_nearest(str(key), names, prefix)}")
        inner = getattr(known, key)
        if is_dataclass(inner):
            _check_keys(where, value, inner, f"{prefix}{key}.")
        elif key == "held_out" and value is not None:
            if not isinstance(value, Mapping):
                raise RecipeError(f"{where}: held_out must be a mapping of set names to sources")
            for name, source in value.items():
                _check_keys(where, source, ProblemSource(), f"held_out.{name}.")


def _refuse_environment(where: str, texts: Iterable[str]) -> None:
    """Refuse OmegaConf's `oc.env`: what it reads would be written into the run folder, a secret among it."""
    if any("oc.env" in text for text in texts):
        raise RecipeError(
            f"{where}: `oc.env` is not allowed in a recipe; keys are read from the environment by themselves"
        )


def _check_override(override: str) -> None:
    key, equals, _ = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"{override}: an override is written key=value, for instance generate.samples=2")
    value = _yaml_value(override)
    known: Any = Recipe()
    path = key.split(".")
    for depth, part in enumerate(path):
        names = [f.name for f in fields(known)] if is_dataclass(known) else []
        if part not in names:
            raise RecipeError(f"{override}: unknown key {key}{_nearest(part, names, '.'.join([*path[:depth], '']))}")
        known = getattr(known, part)
        if part == "held_out":
            nested: Any = value
            for inner in reversed(path):
                nested = {inner: nested}
            _check_keys(override, nested, Recipe())
            return
    if is_dataclass(known):
        _check_keys(override, value, known, f"{key}.")


def _yaml_value(pair: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(pair.partition("=")[2])
    except yaml.YAMLError:
        raise RecipeError(
            f"{pair}: the value is not YAML; put quotes around text that looks like a list or a map"
        ) from None


def _nearest(word: str, known: Sequence[str], prefix: str = "") -> str:
    return _meant(word, known, prefix) or (f" (known here: {', '.join(known)})" if known else "")


def _meant(word: str, known: Sequence[str], prefix: str = "") -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {prefix}{close[0]}?)" if close else ""


def _similar_files(path: Path) -> str:
    beside = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, beside, n=1)
    if close:
        return f" (did you mean {path.parent / close[0]}?)"
    return f"; beside it: {', '.join(beside[:5])}" if beside else ""
