"""What is in a dataset: rows, lengths, sources, verdicts, tool use, diversity, and what it shares with another one.

Rows are read one at a time, ours or anybody's. What compares texts with each other looks at a seeded sample of them,
whose size is reported.
"""

import random
import statistics
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice

from ..curation.lookup.normalise import normalise, spaced_words, text_key, words
from ..records import SCHEMA, Problem, Row
from ..rows.completion import CompletionRow
from .dataset_audit import transcript_of

SAMPLE = 2000
"""Completions among which diversity is measured."""
_PAIRS = 5000
_NGRAMS = (1, 2, 3)
_QUANTILES = {"p5": 0.05, "median": 0.5, "p95": 0.95}
_MOST_NAMES = 20


@dataclass(slots=True, kw_only=True)
class Description:
    """Collects a dataset's rows; `to_row` tells what they are like.

    >>> description = Description()
    >>> from ..records import Message
    >>> turns = (Message(role="assistant", content="2"),)
    >>> description.add(CompletionRow(key="0", question="1+1?", reference="2", turns=turns))
    >>> description.to_row()["rows"], description.to_row()["questions"]
    (1, 1)
    """

    seed: int = 0
    rows: int = 0
    questions: Counter[int] = field(default_factory=Counter)
    """Rows by the hash of their question's words in one spelling."""
    completions: Counter[int] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    judges: Counter[str] = field(default_factory=Counter)
    """Rows by who judged them."""
    finish_reasons: Counter[str] = field(default_factory=Counter)
    with_code: int = 0
    blocks: int = 0
    lengths: dict[str, "array[int]"] = field(
        default_factory=lambda: {name: array("q") for name in ("question", "completion", "tokens")}
    )
    sample: list[tuple[int, str]] = field(default_factory=list)
    """Question hash and completion of rows drawn alike (reservoir sampling)."""
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def add(self, one: CompletionRow) -> None:
        """Count a completion."""
        row, text = one.row, one.trained
        question = hash(tuple(words(normalise(one.question))))
        self.rows += 1
        self.questions[question] += 1
        self.completions[hash(text)] += 1
        self.sources[str(row.get("source") or row.get("data_source") or "not named")] += 1
        judge, outcome = _outcome(one)
        self.outcomes[outcome] += 1
        self.judges[judge] += bool(judge)
        self.finish_reasons[one.finish or "not named"] += 1
        blocks = len(transcript_of(text).blocks) or sum(turn.role == "tool" for turn in one.turns)
        self.with_code += blocks > 0
        self.blocks += blocks
        self.lengths["question"].append(len(spaced_words(one.question)))
        self.lengths["completion"].append(len(spaced_words(text)))
        if isinstance(row.get("completion_tokens"), int):
            self.lengths["tokens"].append(row["completion_tokens"])
        self._draw(question, text)

    def to_row(self) -> Row:
        """Return everything that `reasondistill stats --json` prints of the dataset itself."""
        judged = self.outcomes["correct"] + self.outcomes["incorrect"]
        return {
            "schema": SCHEMA,
            "rows": self.rows,
            "questions": len(self.questions),
            "rows_per_question": _spread(list(self.questions.values())),
            "duplicate_completions": self.rows - len(self.completions),
            "question_words": _spread(self.lengths["question"]),
            "completion_words": _spread(self.lengths["completion"]),
            "completion_tokens": _spread(self.lengths["tokens"]),
            "outcomes": dict(self.outcomes.most_common()),
            "judged_by": dict((+self.judges).most_common(_MOST_NAMES)),
            "pass_rate": self.outcomes["correct"] / judged if judged else None,
            "finish_reasons": dict(self.finish_reasons.most_common()),
            "tool_use": {"rows": self.with_code, "blocks": self.blocks},
            "sources": dict(self.sources.most_common(_MOST_NAMES)),
            "other_sources": max(0, len(self.sources) - _MOST_NAMES),
            "diversity": self._diversity(),
        }

    def _draw(self, question: int, text: str) -> None:
        if len(self.sample) < SAMPLE:
            self.sample.append((question, text))
        elif (place := self._random.randrange(self.rows)) < SAMPLE:
            self.sample[place] = (question, text)

    def _diversity(self) -> Row:
        texts = [text for _, text in self.sample]
        tokens = [words(normalise(text)) for text in texts]
        joined = "\n".join(texts).encode()
        packed = len(zlib.compress(joined, 6)) if joined else 0
        distinct = {}
        for n in _NGRAMS:
            grams = [gram for text in tokens for gram in zip(*(text[i:] for i in range(n)), strict=False)]
            distinct[f"distinct_{n}"] = len(set(grams)) / len(grams) if grams else None
        return {
            "sample": len(texts),
            **distinct,
            "compression_ratio": len(joined) / packed if packed else None,
            "self_similarity": self._similarity(tokens, same=False),
            "self_similarity_of_a_question": self._similarity(tokens, same=True),
        }

    def _similarity(self, tokens: Sequence[list[str]], *, same: bool) -> float | None:
        """Return the mean Jaccard index of the word 3-grams of pairs, of one question or of different ones."""
        sets = [set(zip(t, t[1:], t[2:], strict=False)) for t in tokens]
        if same:
            groups: dict[int, list[int]] = {}
            for i, (question, _) in enumerate(self.sample):
                groups.setdefault(question, []).append(i)
            pairs = list(islice((p for g in groups.values() for p in combinations(g, 2)), _PAIRS))
        else:
            drawn = random.Random(self.seed)
            numbers = range(len(sets))
            pairs = [(drawn.choice(numbers), drawn.choice(numbers)) for _ in range(_PAIRS if len(sets) > 1 else 0)]
            pairs = [(i, j) for i, j in pairs if self.sample[i][0] != self.sample[j][0]]
        values = [len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for i, j in pairs if sets[i] or sets[j]]
        return statistics.fmean(values) if values else None


def shared_with(own: Iterable[str], other: Iterable[str]) -> Row:
    """Return how many different questions of one dataset another one has: the same text, most n-grams, or renamed."""
    from ..curation.lookup.held_out import HeldOut

    theirs = {question for question in other if question.strip()}
    held_out = HeldOut({"other": [Problem(id=str(i), question=q) for i, q in enumerate(sorted(theirs))]})
    seen, found = set[bytes](), Counter[str]()
    for question in own:
        key = text_key(question)
        if question.strip() and key not in seen:
            seen.add(key)
            if (match := held_out.match(question)) is not None:
                found[match.reason] += 1
    return {"questions": len(seen), "shared": found.total(), "reasons": dict(sorted(found.items())), "of": len(theirs)}


def _outcome(one: CompletionRow) -> tuple[str, str]:
    """Return who judged a row, nobody here, and the outcome."""
    if isinstance(told := one.row.get("outcome"), str):
        return f"verdicts of {one.row.get('verifier') or 'an unnamed verifier'}", told
    if one.label is None:
        return "", "not judged"
    return "labels", "correct" if one.label else "incorrect"


def _spread(values: Sequence[int]) -> Row | None:
    """Return `{mean, p5, median, p95, max, total}`, or None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    quantiles = {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in _QUANTILES.items()}
    return {"mean": round(statistics.fmean(values), 2), **quantiles, "max": ordered[-1], "total": sum(values)}
