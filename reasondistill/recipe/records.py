"""A recipe: everything about a run, composed of the option records of its parts.

`recipe.read` reads it from YAML. A recipe holds no secret: keys come from the environment.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge, Le, MinLen

from ..curation.options import CurateOptions
from ..engines.options import EngineOptions
from ..export.options import ExportOptions
from ..generation.effort import Effort
from ..generation.spending import MAX_FAILED_SHARE, SpendingOptions
from ..problems.source import ProblemSource
from ..records import Row, Sampling
from ..store import mask_secrets
from ..store.options import Choice, dump_options
from ..training.options import TrainOptions
from ..verification.judging import VerifyOptions

Step = Literal["problems", "generate", "verify", "curate", "export", "train", "evaluate", "report"]
STEPS: tuple[str, ...] = get_args(Step)
"""The steps of a run, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateOptions:
    """How the teacher is sampled."""

    rollouts: tuple[str, ...] = ()
    """Files of existing rollouts to use instead of sampling a teacher; rows as `evaluate --rollouts` takes them. With
    `problems.source: procedural` the rows carry their problems, else they are attempts at the problems of the source.
    """
    strategy: Choice = Choice(name="cot")
    """cot: one turn; code: one program for tests; tir: text and executed code; or `{name: tir, executions: 4}`."""
    decoding: Choice = Choice(name="plain")
    """plain, or budget: thinking of a forced length, `{name: budget, thinking_budget: 512}`."""
    thinking: Effort = "default"
    """Effort of thinking asked of the model."""
    template: str | None = None
    """Prompt template: a built-in name or a YAML file. None: math-few-shot for cot, else the strategy's default."""
    samples: Annotated[int, Ge(1)] = 1
    """Rollouts of each problem."""
    sampling: Sampling = field(default_factory=Sampling)
    budget: SpendingOptions = field(default_factory=SpendingOptions)
    max_failed_share: Annotated[float, Ge(0), Le(1)] = MAX_FAILED_SHARE
    """Share of permanently failed requests above which a step fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions:
    """How models are measured on the held-out sets."""

    strategy: Choice = Choice(name="cot")
    """How the student answers; see `generate.strategy`."""
    decoding: Choice = Choice(name="plain")
    thinking: Effort = "default"
    template: str | None = None
    """The student's prompt, in training and evaluation. None is the strategy's default: math-zero-shot for cot."""
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0.0, max_tokens=160))
    teacher_count: Annotated[int, Ge(1)] | None = None
    """Problems of each held-out set that the teacher is measured on. None is all."""
    few_shot: bool = True
    """Also measure the untrained student with the teacher's prompt: how much of the gain is only format?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentOptions:
    """How one student differs from what `curate:` and `train:` say."""

    data: Literal["correct", "all", "wrong", "random"] | None = None
    """Rollouts that this student is trained on, for a control: all (unverified), wrong, or random (not selected). None
    is the dataset."""
    match: str | None = None
    """Student, named before this one, whose amount of data this one gets."""
    match_by: Literal["tokens", "problems"] = "tokens"
    """Amount that `match` makes equal: trained tokens, or problems in the split."""
    start: str | None = None
    """Student, named before this one, whose weights training starts from. None is `student.model`."""
    method: Choice | None = None
    """Training method. None is `train.method`."""
    seeds: Annotated[int, Ge(1)] | None = None
    """Trainings with different seeds. None is `train.seeds`."""
    train: Row = field(default_factory=dict)
    """Options of `train:` that differ for this student."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything about a run."""

    name: Annotated[str, MinLen(1)] = "run"
    seed: int = 0
    until: Step = "report"
    """Last step to do; `until: export` makes a dataset and trains nothing. The report is always written."""
    out: str | None = None
    """Run folder. None is runs/NAME."""
    problems: ProblemSource = field(default_factory=ProblemSource)
    held_out: dict[str, ProblemSource] = field(default_factory=dict)
    """Evaluation sets by name. `seen` is the headline of the report, or the first set without one of that name."""
    teacher: EngineOptions = field(default_factory=EngineOptions)
    student: EngineOptions = field(default_factory=EngineOptions)
    generate: GenerateOptions = field(default_factory=GenerateOptions)
    verify: VerifyOptions = field(default_factory=VerifyOptions)
    curate: CurateOptions = field(default_factory=CurateOptions)
    export: ExportOptions = field(default_factory=ExportOptions)
    train: TrainOptions = field(default_factory=TrainOptions)
    evaluate: EvaluateOptions = field(default_factory=EvaluateOptions)
    steps: tuple[Choice, ...] = ()
    """Your own steps, `{name: package.module:Name, after: STEP, key: value}`. Without `after` a step runs last."""
    students: dict[str, StudentOptions] = field(default_factory=lambda: {"student": StudentOptions()})
    """Students by name, the main one first. Students in a file replace the default one."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return Path(self.out or f"runs/{self.name}")


def dump_recipe(recipe: Any) -> str:
    """Return a recipe with all its defaults as YAML, without user and password in addresses."""
    import yaml

    return str(yaml.safe_dump(mask_secrets(dump_options(recipe)), sort_keys=False, allow_unicode=True))
