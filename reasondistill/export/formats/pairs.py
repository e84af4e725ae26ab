"""Preference data: right against wrong rollouts of one problem, paired (DPO) or single (KTO)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ...records import Row, content_id
from ..options import ExportOptions
from ..rendering import chat
from .inputs import Entry, Material
from .table import ORIGIN, Format


def dpo_rows(material: Material) -> Iterator[Row]:
    """Yield `prompt`, `chosen` and `rejected`, problems in the order of the main split."""
    pairs = list(choose_pairs(material))
    samples = material.read(entry for pair in pairs for entry in pair)
    for (right, wrong), chosen, rejected in zip(pairs, samples, samples, strict=False):
        problem = chosen.candidate.problem
        yield {
            "prompt": chat(chosen.example.prompt),
            "chosen": chat(chosen.example.completion),
            "rejected": chat(rejected.example.completion),
            **chosen.tools,
            "chosen_id": right.rollout_id,
            "rejected_id": wrong.rollout_id,
            "chosen_tokens": right.length,
            "rejected_tokens": wrong.length,
            "problem_id": problem.id,
            "source": problem.source,
        }


def kto_rows(material: Material) -> Iterator[Row]:
    """Yield `prompt`, `completion` and `label`; a rollout that was verified neither right nor wrong has no row."""
    for sample in material.read(material.decided):
        yield {
            "prompt": chat(sample.example.prompt),
            "completion": chat(sample.example.completion),
            **sample.tools,
            "label": sample.right,
            **sample.origin,
        }


def choose_pairs(material: Material) -> Iterator[tuple[Entry, Entry]]:
    """Yield pairs of a right and a wrong rollout of one problem."""
    right: dict[str, list[Entry]] = defaultdict(list)
    wrong: dict[str, list[Entry]] = defaultdict(list)
    for entry in material.decided:
        (right if entry.right else wrong)[entry.problem_id].append(entry)
    for problem, chosen in right.items():
        yield from match(chosen, wrong.get(problem, ()), material.options, material.seed)


def match(
    right: Sequence[Entry], wrong: Sequence[Entry], options: ExportOptions, seed: int = 0
) -> list[tuple[Entry, Entry]]:
    """Pair the rollouts of one problem, each at most once; ids and seed decide among equals.

    >>> def entry(name: str, length: int) -> Entry:
    ...     return Entry(rollout_id=name, problem_id="p", length=length, right=None)
    >>> pairs = match([entry("a", 9), entry("b", 5)], [entry("c", 6)], ExportOptions())
    >>> [(chosen.rollout_id, rejected.rollout_id) for chosen, rejected in pairs]
    [('b', 'c')]
    """

    # Length should not tell right from wrong.
    def rank(pair: tuple[Entry, Entry]) -> tuple[float, str]:
        one, other = pair
        apart = abs(one.length - other.length) / max(one.length, other.length, 1)
        return apart if options.length_matched else 0.0, content_id(seed, one.rollout_id, other.rollout_id)

    used: set[str] = set()
    pairs: list[tuple[Entry, Entry]] = []
    for one, other in sorted(((a, b) for a in right for b in wrong), key=rank):
        if len(pairs) == options.pairs_per_problem:
            break
        if not used & {one.rollout_id, other.rollout_id}:
            pairs.append((one, other))
            used |= {one.rollout_id, other.rollout_id}
    return pairs


DPO = Format(
    name="dpo",
    rows=dpo_rows,
    columns={
        "prompt": "messages",
        "chosen": "messages",
        "rejected": "messages",
        "tools": "tools",
        "chosen_id": "text",
        "rejected_id": "text",
        "chosen_tokens": "number",
        "rejected_tokens": "number",
        "problem_id": "text",
        "source": "text",
    },
    about="pairs for TRL's DPOTrainer: a rollout of the main split that was verified right against one of the "
    "same problem that was verified wrong (a missing answer is not: nothing was compared). No rollout stands "
    "in two pairs",
    wrong=True,
)
KTO = Format(
    name="kto",
    rows=kto_rows,
    columns={"prompt": "messages", "completion": "messages", "tools": "tools", "label": "flag", **ORIGIN},
    about="single completions for TRL's KTOTrainer: true for verified right, false for verified wrong",
    wrong=True,
)
