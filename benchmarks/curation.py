"""Rows a second of each curation step on synthetic rows, MinHash beside datasketch's, and the memory that it takes.

    python benchmarks/curation.py [steps] [--rows 20000] [--benchmarks DIR]
    python benchmarks/curation.py minhash [--rows 20000] [--rounds 3]

`steps`: quality, near-duplicates of problems, decontamination against every .jsonl.gz in DIR (or nothing without it)
and choosing one rollout a problem, each alone on rows of about 2 KB that are made on the way, and the peak of memory.
`minhash`: the same texts, 3-grams, 128 permutations and threshold through ours and datasketch's LSH (which must be
installed beside), in turns; the paired ratio is what counts. Nothing here asserts a speed.
"""

import argparse
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from reasondistill.curation.candidates import Candidate
from reasondistill.curation.choosing import limit_per_problem
from reasondistill.curation.contamination import ContaminationReport
from reasondistill.curation.decontamination import HeldOut, read_benchmarks
from reasondistill.curation.ledger import Ledger
from reasondistill.curation.near_duplicates import NearDuplicateOptions, Seen, drop_near_duplicates
from reasondistill.curation.quality import QualityOptions, keep_quality
from reasondistill.curation.steps import drop_contaminated
from reasondistill.curation.text import normalise, words
from reasondistill.records import FinishReason, Message, Problem, Rollout, Sampling, Usage
from verifiers import Outcome, Verdict

WORDS = [
    f"{a}{b}" for a in ("ta", "re", "mi", "so", "lu", "ne", "ka") for b in ("bor", "tel", "vin", "sam", "dor", "pis")
]
QUESTION_WORDS, TRACE_WORDS = 40, 330
THRESHOLD = 0.9


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="steps", choices=("steps", "minhash"))
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--benchmarks", type=Path)
    given = parser.parse_args()
    _minhash(given.rows, given.rounds) if given.part == "minhash" else _steps(given.rows, given.benchmarks)


def _steps(rows: int, folder: Path | None) -> None:
    files = sorted(folder.glob("*.jsonl.gz")) if folder else []
    began = time.perf_counter()
    held_out = HeldOut(read_benchmarks([str(path) for path in files]))
    print(f"benchmarks: {sum(held_out.sizes.values())} problems of {len(files)} files in {_since(began)} s")
    near, quality = NearDuplicateOptions(problems=THRESHOLD), QualityOptions(repetition=0.5, one_answer=True)
    steps: dict[str, Callable[[Iterable[Candidate]], Iterator[Candidate]]] = {
        "quality (2 checks)": lambda given: keep_quality(given, quality, Ledger()),
        "near-duplicates": lambda given: drop_near_duplicates(given, near, Ledger()),
        "choose 1 a problem": lambda given: limit_per_problem(given, 1, Ledger(), choose="shortest"),
        "decontaminate": lambda given: drop_contaminated(given, ContaminationReport(held_out), Ledger()),
    }
    alone = _rate(lambda given: given, rows)
    print(f"making the rows alone: {alone[0]:,.0f} rows/s")
    for name, step in steps.items():
        rate, kept = _rate(step, rows)
        print(f"{name}: {rate:,.0f} rows/s with making them, {kept} of {rows} kept")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak of resident memory: {peak:.2f} GB")


def _rate(step: Callable[[Iterable[Candidate]], Iterable[Candidate]], rows: int) -> tuple[float, int]:
    began = time.perf_counter()
    kept = sum(1 for _ in step(_candidates(rows)))
    return rows / (time.perf_counter() - began), kept


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


def _minhash(rows: int, rounds: int) -> None:
    draw = random.Random(1)
    texts = [_text(draw, TRACE_WORDS) for _ in range(rows)]
    texts[1::10] = texts[0 : len(texts[1::10]) * 10 : 10]
    ratios = []
    for number in range(rounds):
        order = (_ours, _datasketch) if number % 2 == 0 else (_datasketch, _ours)
        rates = {}
        for run in order:
            began = time.perf_counter()
            dropped = run(texts)
            rates[run] = rows / (time.perf_counter() - began)
            print(f"{run.__name__.strip('_')}: {rates[run]:,.0f} rows/s, {dropped} dropped")
        ratios.append(rates[_ours] / rates[_datasketch])
    print(
        f"ours / datasketch: median {statistics.median(ratios):.2f} of {rounds} ({min(ratios):.2f}-{max(ratios):.2f})"
    )


def _ours(texts: list[str]) -> int:
    seen = Seen(THRESHOLD)
    return sum(seen.twin(str(number), text) is not None for number, text in enumerate(texts))


def _datasketch(texts: list[str]) -> int:
    from datasketch import MinHash, MinHashLSH

    lsh, dropped = MinHashLSH(threshold=THRESHOLD, num_perm=128), 0
    for number, text in enumerate(texts):
        tokens = words(normalise(text))
        minhash = MinHash(num_perm=128)
        minhash.update_batch([" ".join(tokens[i : i + 3]).encode() for i in range(len(tokens) - 2)])
        if lsh.query(minhash):
            dropped += 1
        else:
            lsh.insert(number, minhash)
    return dropped


def _since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f}"


if __name__ == "__main__":
    main()
