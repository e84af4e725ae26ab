"""What a recipe says, as frozen records: one YAML file describes everything about a run.

`recipe_file` reads it and `recipe_checks` says which values can work. No secret belongs in a recipe: keys come from the
environment.
"""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..curation.lookup.embedding import TFIDF
from ..curation.steps.near_duplicates import NearDuplicateOptions
from ..curation.steps.quality import QualityOptions
from ..curation.steps.small_set import SmallSetOptions
from ..engines.options import ModelRecipe
from ..generation.decoding.forcing_options import ForcingOptions
from ..generation.spending import BudgetOptions
from ..generation.strategies.tir.options import TirOptions
from ..problems.source import ProblemSource
from ..records import Row, Sampling
from ..store import mask_secrets

STEPS = ("problems", "generate", "verify", "curate", "export", "train", "evaluate", "report")
"""The steps of a run, in order."""
CONTROLS = ("correct", "all", "wrong", "random")
MATCH = ("tokens", "problems")
PER_PROBLEM = ("first", "shortest", "longest", "random", "diverse")
KEEP = ("correct", "all", "wrong")
THINKING = ("as_written", "before_box")
ENGINES = ("auto", "vllm", "transformers", "llamacpp", "openai", "replay")
DTYPES = ("auto", "float32", "bfloat16")
STREAM = ("auto", "always", "never")
CONTINUATION = ("auto", "prefix", "turns")


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

    rollouts: list[str] = field(default_factory=list)
    """Files of rollouts made elsewhere, taken instead of asking a teacher; rows as `evaluate --rollouts` takes them.
    With problems.source left at procedural they state their own problems, else they are attempts at those of it."""
    strategy: str = "cot"
    """cot: one turn; code: one program for tests; tir: text and code that is run; budget: thinking of a forced length.
    """
    thinking: str = "default"
    """Effort of thinking asked of the model: default, off, low, medium or high."""
    template: str | None = None
    """Prompt template: a built-in name or a YAML file. None: math-few-shot for cot, else the strategy's own."""
    tir: TirOptions = field(default_factory=TirOptions)
    forcing: ForcingOptions = field(default_factory=ForcingOptions)
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

    enabled: bool | None = None
    """true: in everything; false: nowhere; null: in the rows for RL alone (export.formats grpo), where this names a
    model or the recipe a student."""
    low: float = 0.1
    high: float = 0.9
    samples: int = 4
    model: str | None = None
    """Reference model; None is the untrained student."""


@dataclass
class IfdRecipe:
    """Keep what a small model finds hard to say after its question; see curation.ifd."""

    model: str | None = None
    """The small model: catalogue name, hub id or directory. None is off."""
    engine: str = "auto"
    """vllm or transformers, which can score."""
    share: float = 0.1
    """Of the rollouts that come to this step, those with the highest IFD below 1."""
    max_tokens: int = 1024
    """Of a completion, beyond which the rest is not read."""


@dataclass
class CurateRecipe:
    """Which rollouts become training examples."""

    keep: str = "correct"
    """correct, wrong, or all."""
    quality: QualityOptions = field(default_factory=QualityOptions)
    deduplicate: bool = True
    near_duplicates: NearDuplicateOptions = field(default_factory=NearDuplicateOptions)
    decontaminate: bool = True
    ngram: int = 8
    """Words of an n-gram in decontamination (s1, open-r1)."""
    coverage: float = 0.5
    """Share of a problem's n-grams in one held-out problem, or of that one's in it, that makes it contaminated."""
    similarity: float = 0.75
    """Jaccard index of character n-grams, names hidden and numbers equal, that makes it a renamed held-out problem."""
    boilerplate: int = 5
    """An n-gram that stands in so many problems of one benchmark is a phrase and counts for nothing."""
    against: list[str] = field(default_factory=list)
    """Benchmarks to decontaminate against besides the held-out sets: files, or any other source of problems."""
    unsolved_by: list[str] = field(default_factory=list)
    """Reference models; a problem that any of them solves, asked once and greedily, is dropped (s1 takes two)."""
    ifd: IfdRecipe = field(default_factory=IfdRecipe)
    max_per_problem: int | None = None
    choose: str = "first"
    """Which rollouts of a problem those are: first, shortest, longest, random or diverse."""
    s1k: int | None = None
    """Draw so many rollouts as s1K was drawn: a domain uniformly, in it the longer ones more often."""
    domain: str = "subject"
    """Key of a problem's metadata that names its domain in that procedure; its source where there is none."""
    diverse: int | None = None
    """Keep so many rollouts, which together stand nearest to all (facility location, Superfiltering.D)."""
    embedding: str = TFIDF
    """Vectors for that: tfidf, or a model whose hidden states are averaged."""
    small_set: SmallSetOptions = field(default_factory=SmallSetOptions)
    max_tokens: int | None = None
    """Completion tokens of all that is kept."""
    pass_rate: PassRateRecipe = field(default_factory=PassRateRecipe)

    def models(self) -> list[str]:
        """Return the models that curation asks, besides the student."""
        embedding = [] if self.diverse is None or self.embedding == TFIDF else [self.embedding]
        return [*filter(None, (self.pass_rate.model, *self.unsolved_by, self.ifd.model)), *embedding]


@dataclass
class ExportRecipe:
    """How a rollout becomes a training example."""

    thinking: str = "as_written"
    """as_written, or before_box: what stands before the line of the final box becomes the thinking, so that the student
    learns to think and then to answer, and its thinking budget can be forced."""
    formats: list[str] = field(default_factory=list)
    """Formats to write beside the main split; names of export.format_names, such as dpo."""
    pairs_per_problem: int = 1
    """Pairs of a right and a wrong rollout at most, in dpo."""
    length_matched: bool = True
    """Pair rollouts whose lengths differ least; off: any."""
    force_licence: bool = False
    """Export statements whose licence forbids it, too."""


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
    forcing: ForcingOptions = field(default_factory=ForcingOptions)
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
    """Also train on `all` (unverified), `wrong` and/or `random` (not selected) rollouts, as many as `match` says."""
    match: str = "tokens"
    """tokens: controls see as many trained tokens; problems: their splits hold as many problems."""
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
    export: ExportRecipe = field(default_factory=ExportRecipe)
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


def dump_recipe(recipe: Any) -> str:
    """Return a resolved recipe as YAML, without user and password in addresses."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(mask_secrets(asdict(recipe))))
