"""Rows a second of each curation step on synthetic rows, each step alone, and the memory that all of them take.

    python benchmarks/curation.py [--rows 20000] [--benchmarks DIR]

Quality, deduplication, near-duplicates of problems and of traces, choosing, decontamination against every .jsonl.gz in
DIR (or nothing without it), and writing the dataset, on rows of about 2 KB that are made on the way.
`near_duplicates.py` stands beside peers, `curation_scale.py` goes the whole way on a million stored rows. Nothing here
asserts a speed.
"""

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from reasondistill.curation.candidate_source import Candidate, Source
from reasondistill.curation.contamination import ContaminationSearch
from reasondistill.curation.curation_step import Context, CurationStep
from reasondistill.curation.ledger import Ledger
from reasondistill.curation.lookup.held_out import HeldOut, read_benchmarks
from reasondistill.curation.steps.decontaminate import Decontaminate
from reasondistill.curation.steps.duplicates import Duplicates
from reasondistill.curation.steps.limit import Limit, LimitOptions
from reasondistill.curation.steps.near_duplicates import NearDuplicateOptions, NearDuplicates
from reasondistill.curation.steps.quality import Quality, QualityOptions
from reasondistill.curation.steps.s1k import S1k, S1kOptions
from reasondistill.curation.steps.token_budget import TokenBudget, TokenBudgetOptions
from reasondistill.export.dataset import write_dataset
from reasondistill.export.examples import Examples, to_example
from reasondistill.generation.prompts import load_template
from reasondistill.records import FinishReason, Message, Problem, Rollout, Sampling, Usage
from verifiers import Outcome, Verdict

WORDS = [
    f"{a}{b}" for a in ("ta", "re", "mi", "so", "lu", "ne", "ka") for b in ("bor", "tel", "vin", "sam", "dor", "pis")
]
QUESTION_WORDS, TRACE_WORDS = 40, 330
THRESHOLD = 0.9


def main() -> None:
    """Run the steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--benchmarks", type=Path)
    given = parser.parse_args()
    _steps(given.rows, given.benchmarks)


def _steps(rows: int, folder: Path | None) -> None:
    files = sorted(folder.glob("*.jsonl.gz")) if folder else []
    began = time.perf_counter()
    held_out = HeldOut(read_benchmarks([str(path) for path in files]))
    print(f"benchmarks: {sum(held_out.sizes.values())} problems of {len(files)} files in {_since(began)} s")
    steps: dict[str, CurationStep] = {
        "quality (2 checks)": Quality(QualityOptions(repetition=0.5, one_answer=True)),
        "deduplicate": Duplicates(),
        "near-duplicate problems": NearDuplicates(NearDuplicateOptions(problems=THRESHOLD)),
        "near-duplicate traces": NearDuplicates(NearDuplicateOptions(traces=THRESHOLD)),
        "choose 1 a problem": Limit(LimitOptions(count=1, choose="shortest")),
        "choose 1000 as s1K": S1k(S1kOptions(count=1000)),
        "token budget": TokenBudget(TokenBudgetOptions(tokens=rows * TRACE_WORDS // 4)),
        "decontaminate": Decontaminate(),
    }
    source = _made(rows)
    alone = _rate(lambda given: given, rows)
    print(f"making the rows alone: {alone[0]:,.0f} rows/s")
    for name, step in steps.items():
        context = Context(source=source, ledger=Ledger(), contamination=ContaminationSearch(held_out))
        rate, kept = _rate(partial(step, context=context), rows)
        print(f"{name}: {rate:,.0f} rows/s with making them, {kept} of {rows} kept")
    rate, kept = _rate(lambda _given: _export(source), rows)
    print(f"export: {rate:,.0f} rows/s with making them, {kept} of {rows} kept")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak of resident memory: {peak:.2f} GB")


def _rate(step: Callable[[Iterable[Candidate]], Iterable[Candidate]], rows: int) -> tuple[float, int]:
    began = time.perf_counter()
    kept = sum(1 for _ in step(_candidates(rows)))
    return rows / (time.perf_counter() - began), kept


def _made(rows: int) -> Source:
    """Return a source that makes the rows anew each time and holds none."""

    def read(ids: Iterable[str]) -> Iterator[Candidate]:
        wanted = set(ids)
        return (candidate for candidate in _candidates(rows) if candidate.rollout.id in wanted)

    return Source(ids=[candidate.rollout.id for candidate in _candidates(rows)], read=read)


def _export(source: Source) -> Iterable[Candidate]:
    template = load_template("math-zero-shot")
    examples = Examples(kept=source, make=lambda candidate: to_example(candidate, template))
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder) / "dataset", examples, {}, lambda _: "")
    return source


def _candidates(rows: int) -> Iterator[Candidate]:
    """Yield rows of about 2 KB, four rollouts a problem; every tenth problem nearly repeats the one before."""
    draw = random.Random(0)
    question = ""
    for number in range((rows + 3) // 4):
        question = f"{question} Why?" if number % 10 == 9 else f"{number} {_text(draw, QUESTION_WORDS)}?"
        problem = Problem(id=f"p{number}", question=question, answer="7", source="synthetic")
        for index in range(min(4, rows - 4 * number)):
            yield Candidate(
                problem=problem,
                rollout=_rollout(problem, index, f"{_text(draw, TRACE_WORDS)} \\boxed{{7}}"),
                verdict=Verdict(outcome=Outcome.CORRECT, extracted="7"),
            )


def _rollout(problem: Problem, index: int, text: str) -> Rollout:
    return Rollout(
        id=f"{problem.id}-{index}",
        problem_id=problem.id,
        index=index,
        strategy="cot",
        messages=(Message(role="user", content=problem.question), Message(role="assistant", content=text)),
        finish_reason=FinishReason.STOP,
        model="synthetic",
        engine="replay",
        sampling=Sampling(),
        prompt_hash="0" * 20,
        usage=Usage(completion_tokens=TRACE_WORDS),
    )


def _text(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(WORDS, k=count))


def _since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f}"


if __name__ == "__main__":
    main()
