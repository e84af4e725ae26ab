"""Which values of a recipe can work: each one that cannot is refused by its key, with what to write instead."""

import difflib
from collections.abc import Sequence
from dataclasses import asdict

from ..engines.openai.addresses import fault_of
from ..engines.options import ModelRecipe
from ..errors import RecipeError
from ..export.formats.names import FORMATS
from ..generation.effort import EFFORTS
from ..generation.strategies.registry import STRATEGIES
from ..store import mask_secrets
from ..store.options import read_options
from ..training.options import TrainOptions
from .records import CONTINUATION, CONTROLS, DTYPES, ENGINES, KEEP, MATCH, PER_PROBLEM, STEPS, STREAM, THINKING, Recipe

_BUDGET_SHARES = ("hopeless_below", "settled_above", "confidence")


def check_recipe(recipe: Recipe, where: str) -> None:
    """Raise RecipeError for the first value that cannot work, naming its key."""
    _check_numbers(recipe, where)
    _check_words(recipe, where)
    read_options(TrainOptions, asdict(recipe.train), where, "train")
    check_model(recipe.teacher, f"{where}: teacher")
    check_model(recipe.student, f"{where}: student")
    budget = recipe.generate.budget
    if budget.max_cost is not None and not (budget.prompt_price > 0 or budget.completion_price > 0):
        raise RecipeError(f"{where}: generate.budget.max_cost needs prompt_price and completion_price beside it")
    trains = STEPS.index(recipe.until) >= STEPS.index("train")
    imports = bool(recipe.generate.rollouts)
    if imports and recipe.teacher.model:
        raise RecipeError(f"{where}: generate.rollouts takes the place of a teacher; leave teacher.model or it out")
    for key, model in {"teacher.model": recipe.teacher.model, "student.model": recipe.student.model}.items():
        if not model and (trains or key == "teacher.model") and not (imports and key == "teacher.model"):
            raise RecipeError(f"{where}: {key} is missing; name a model, for instance {key}=smollm2-135m-instruct")
    if trains and not recipe.held_out:
        raise RecipeError(f"{where}: held_out names no evaluation set; add one under held_out.seen")
    for name in recipe.held_out:
        if not name.isidentifier() or name == "train":
            raise RecipeError(
                f"{where}: held_out.{name}: a set's name may hold letters, digits and underscores only, "
                "and train is the training problems'"
            )


def check_model(model: ModelRecipe, where: str) -> None:
    """Raise RecipeError for the first value of a model that cannot work; `where` is the file and the model's key."""
    choices = {
        "engine": (model.engine, ENGINES),
        "stream": (model.stream, STREAM),
        "continuation": (model.continuation, CONTINUATION),
        "dtype": (model.dtype, DTYPES),
    }
    for key, (word, accepted) in choices.items():
        if word not in accepted:
            raise RecipeError(
                f"{where}.{key} must be one of {', '.join(accepted)}, got {word!r}{meant(word, accepted)}"
            )
    listed = model.base_url if isinstance(model.base_url, list) else [model.base_url]
    if model.base_url is not None and not (listed and all(isinstance(u, str) and u for u in listed)):
        raise RecipeError(f"{where}.base_url must be an address or a list of addresses, got {model.base_url!r}")
    if model.base_url is not None and (bad := next(filter(fault_of, listed), None)):
        raise RecipeError(f"{where}.base_url {mask_secrets(bad)!r}: {fault_of(bad)}")
    if model.concurrency < 1:
        raise RecipeError(f"{where}.concurrency must be at least 1, got {model.concurrency}")
    for key in ("request_timeout", "requests_per_minute", "tokens_per_minute"):
        value = getattr(model, key)
        if value is not None and not value > 0:
            raise RecipeError(f"{where}.{key} must be above 0, got {value}")


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
        "arms.seeds": recipe.arms.seeds,
        "export.pairs_per_problem": recipe.export.pairs_per_problem,
        "curate.ngram": recipe.curate.ngram,
        "curate.boilerplate": recipe.curate.boilerplate,
        "curate.max_per_problem": recipe.curate.max_per_problem,
        "curate.s1k": recipe.curate.s1k,
        "curate.diverse": recipe.curate.diverse,
        "curate.small_set.count": recipe.curate.small_set.count,
        "curate.ifd.max_tokens": recipe.curate.ifd.max_tokens,
        "curate.max_tokens": recipe.curate.max_tokens,
        "curate.pass_rate.samples": recipe.curate.pass_rate.samples,
    }
    for key, number in at_least_one.items():
        if number is not None and number < 1:
            raise RecipeError(f"{where}: {key} must be at least 1, got {number}")
    above_zero = {
        "generate.budget.max_cost": recipe.generate.budget.max_cost,
        "verify.timeout": recipe.verify.timeout,
        "curate.small_set.temperature": recipe.curate.small_set.temperature,
        "curate.ifd.share": recipe.curate.ifd.share,
    }
    for key, seconds in above_zero.items():
        if seconds is not None and not seconds > 0:
            raise RecipeError(f"{where}: {key} must be above 0, got {seconds}")
    shares = {
        "curate.coverage": recipe.curate.coverage,
        "curate.similarity": recipe.curate.similarity,
        "curate.ifd.share": recipe.curate.ifd.share,
        "curate.quality.repetition": recipe.curate.quality.repetition,
        "curate.quality.foreign_letters": recipe.curate.quality.foreign_letters,
        "curate.near_duplicates.problems": recipe.curate.near_duplicates.problems,
        "curate.near_duplicates.traces": recipe.curate.near_duplicates.traces,
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
        "curate.choose": ([recipe.curate.choose], PER_PROBLEM),
        "arms.controls": (recipe.arms.controls, CONTROLS),
        "arms.match": ([recipe.arms.match], MATCH),
        "export.thinking": ([recipe.export.thinking], THINKING),
        "export.formats": (recipe.export.formats, FORMATS),
        "generate.strategy": ([recipe.generate.strategy], STRATEGIES),
        "generate.thinking": ([recipe.generate.thinking], EFFORTS),
        "evaluate.strategy": ([recipe.evaluate.strategy], STRATEGIES),
        "evaluate.thinking": ([recipe.evaluate.thinking], EFFORTS),
        "until": ([recipe.until], STEPS),
        "curate.ifd.engine": ([recipe.curate.ifd.engine], ("auto", "vllm", "transformers")),
    }
    for key, (words, accepted) in choices.items():
        for word in words:
            if word not in accepted:
                raise RecipeError(
                    f"{where}: {key} must be one of {', '.join(accepted)}, got {word!r}{meant(word, accepted)}"
                )


def nearest(word: str, known: Sequence[str], prefix: str = "") -> str:
    return meant(word, known, prefix) or (f" (known here: {', '.join(known)})" if known else "")


def meant(word: str, known: Sequence[str], prefix: str = "") -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {prefix}{close[0]}?)" if close else ""
