"""What a run would do: rollouts wanted and there, tokens at most, students to train. Nothing is written."""

from collections.abc import Iterator, Mapping

from ..generation.sample_stage import SampleSet, SampleStage
from ..progress import say
from ..recipe.records import STEPS
from ..records import Problem, Row
from ..store import RunFolder, Table
from ..store.rollout_table import open_rollouts
from .plan import Plan

CHARACTERS_PER_TOKEN = 3.5
"""A rough guess for prompts, whose tokenizer is not loaded here; a little low for English, so the guess is high."""


def dry_run(plan: Plan) -> tuple[Row, list[str]]:
    """Return what would be done as an object and as lines for people."""
    until = STEPS.index(plan.recipe.until)
    problems = dict(plan.read_sources(warn=say))
    stages = [("generate", plan.teacher())] if until >= STEPS.index("generate") else []
    scores = plan.recipe.curate.ifd.model if until >= STEPS.index("curate") else None
    there = len(Table(plan.folder / "rollouts", key="id")) if plan.imports else 0
    if plan.rates_problems and until >= STEPS.index("curate"):
        stages.append(("pass rate", plan.pass_rate()))
    if until >= STEPS.index("curate"):
        stages += [(f"reference {model}", stage) for model, stage in plan.references().items()]
    current = plan.trained(RunFolder(plan.folder))
    trained = list(_trainings(plan, current)) if until >= STEPS.index("train") else []
    if until >= STEPS.index("evaluate"):
        stages.append(("evaluate before", plan.before()))
        stages += [(f"evaluate {arm.name}", plan.after(arm, current.get(arm.name, "new"))) for arm in plan.arms()]
    sampled = [_row(step, given, stage, problems) for step, stage in stages for given in stage.sets]
    result = {
        "folder": str(plan.folder),
        "problems": {k: len(v) for k, v in problems.items()},
        "sample": sampled,
        "score": scores,
        "import": {"files": list(plan.recipe.generate.rollouts), "there": there},
        "train": trained,
    }
    return result, list(_lines(result))


def _row(step: str, given: SampleSet, stage: SampleStage, problems: dict[str, list[Problem]]) -> Row:
    from ..generation.prompts import load_template
    from ..generation.sampling_plan import SamplingPlan

    name = given.problems.stem
    template = load_template(given.template, beside=given.beside)
    plan = SamplingPlan(
        problems=tuple(problems[name][: given.count]),
        strategy=given.strategy.make(template),
        sampling=given.sampling,
        samples=given.samples,
        model=stage.model,
    )
    wanted = len(plan.problems) * plan.samples
    missing = plan.missing(open_rollouts(given.folder))
    characters = sum(len(m.content) for _, problem, _ in missing for m in template.messages(problem))
    return {
        "step": step,
        "set": given.label,
        "model": stage.model,
        "wanted": wanted,
        "there": wanted - len(missing),
        "prompt_tokens_about": round(characters / CHARACTERS_PER_TOKEN),
        "completion_tokens_at_most": len(missing) * given.sampling.max_tokens,
    }


def _trainings(plan: Plan, current: Mapping[str, str]) -> Iterator[Row]:
    for arm in plan.arms():
        saved = (plan.model(arm) / "training.json").is_file()
        finished = saved and arm.name in current
        yield {"student": arm.name, "model": plan.recipe.student.model, "rows": arm.keep, "there": finished}


def _lines(result: Row) -> Iterator[str]:
    yield f"run folder: {result['folder']}"
    yield "problems: " + ", ".join(f"{name} {n}" for name, n in result["problems"].items())
    if result["import"]["files"]:
        yield f"generate: rollouts from {', '.join(result['import']['files'])}; {result['import']['there']} there"
    for row in result["sample"]:
        there = f"{row['step']}: {row['set']}: {row['there']} of {row['wanted']} rollouts there"
        cost = (
            f"{row['prompt_tokens_about']:,} prompt and at most {row['completion_tokens_at_most']:,} completion tokens"
        )
        missing = row["wanted"] - row["there"]
        yield f"{there}, {missing} to sample with {row['model']} (about {cost})" if missing else there
    if result["score"]:
        yield f"curate: IFD of every rollout by {result['score']}, two texts each"
    for row in result["train"]:
        yield f"train {row['student']} on {row['rows']} rollouts: {'there' if row['there'] else 'to do'}"
    yield "nothing was written"
