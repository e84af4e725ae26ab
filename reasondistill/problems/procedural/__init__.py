"""Built-in arithmetic and algebra word problems: seeded, with exact answers, and templates kept back for evaluation.

A template's combinations of numbers are divided once and for all between training and evaluation, so a `seen` problem
never has the numbers of a `train` problem, whatever the seeds and counts.
"""

from collections.abc import Collection, Iterator
from itertools import chain, islice
from random import Random

from ...errors import RecipeError
from ...records import Kind, Problem, content_id
from . import basics, counting, measures, money, practice, unseen
from .template import Draft, Template

TEMPLATES: tuple[Template, ...] = (
    *basics.TEMPLATES, *money.TEMPLATES, *counting.TEMPLATES, *measures.TEMPLATES, *unseen.TEMPLATES,
    *practice.TEMPLATES,
)  # fmt: skip
SPLITS = ("train", "seen", "unseen")

SEEN_SHARE = 4
"""One in so many combinations of numbers is kept from training, for the `seen` split."""
ATTEMPTS = 20_000
"""Draws in a row without a new problem after which a template counts as used up."""


def generate_procedural(
    *, count: int, seed: int = 0, split: str = "train", exclude: Collection[str] = ()
) -> list[Problem]:
    """Return `count` distinct problems, spread evenly over the split's templates.

    `train` and `seen` share templates but no numbers, `train` has bare calculations besides; `unseen` has templates of
    its own. A smaller count gives the first problems of a larger one. `exclude` holds content hashes that must not
    occur. Raises RecipeError for an unknown split or when the templates have no more problems.

    >>> problem = generate_procedural(count=1, seed=3)[0]
    >>> problem.source, problem.metadata["steps"]
    ('procedural:groups', 1)
    """
    if split not in SPLITS:
        raise RecipeError(f"procedural problems have the splits {', '.join(SPLITS)}, got {split!r}")
    templates = [template for template in TEMPLATES if template.belongs_to(split)]
    streams = [_stream(template, seed, split, frozenset(exclude)) for template in templates]
    # One problem of each template in turn.
    problems = list(islice(chain.from_iterable(zip(*streams, strict=False)), count))
    if len(problems) < count:
        raise RecipeError(f"procedural {split} problems: {count} asked, only {len(problems)} exist; lower the count")
    return problems


def _stream(template: Template, seed: int, split: str, exclude: frozenset[str]) -> Iterator[Problem]:
    rng = Random(f"{template.name}/{split}/{seed}")
    taken = set(exclude)
    failures = 0
    while failures < ATTEMPTS:
        failures += 1
        draft = template.draw(rng)
        if draft is None or _is_for_seen(template, draft) != (split == "seen"):
            continue
        identifier = content_id(Kind.MATH, draft.question, draft.answer, None)
        if identifier not in taken:
            taken.add(identifier)
            failures = 0
            yield Problem(
                id=identifier,
                question=draft.question,
                answer=draft.answer,
                source=f"procedural:{template.name}",
                split=split,
                metadata={"template": template.name, "steps": template.steps, "working": draft.working},
            )


def _is_for_seen(template: Template, draft: Draft) -> bool:
    return template.belongs_to("seen") and int(content_id(template.name, draft.numbers), 16) % SEEN_SHARE == 0
