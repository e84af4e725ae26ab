"""Fuzzes extraction, parser and comparison with mutated answers: nothing may raise, run long or depend on the order.

    python benchmarks/fuzz_verifiers.py [--minutes 1] [--seed 0]

Starts from answers of the benchmarks beside the repository and from pieces of notation. Prints what it finds, with the
input, and how many inputs were tried. Exits with 1 if there was a finding.
"""

import argparse
import gzip
import json
import random
import sys
from pathlib import Path
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

from verifiers.math.compare import Comparison, is_undefined
from verifiers.math.extract import extract
from verifiers.math.gold import compare_readings, read_answer
from verifiers.math.policy import DEFAULT
from verifiers.steps import check_steps

DATA = Path(__file__).parents[2] / "shared" / "data"
SLOW_SECONDS = 0.8
_NOTATION = r"""\frac \sqrt { } ( ) [ ] \{ \} , ; = < > \le \ne \in \cup \cap \setminus \infty \pm \mp \cdot \times / ^
_
! % | ' : \text{cm} \text{or} \text{and} \mathrm{m} \begin{pmatrix} \end{pmatrix} \\ & \sin \cos^{-1} \log_2 \ln \exp
\binom \choose \int \sum_{k=1}^{n} \lim_{x\to0} dx \overline{3} \overline{AB} 0. 1e9 1,000 12_8 x y n f(x) f' e i \pi
\theta ^\circ \$ \% \left \right \lfloor \rfloor \lceil \rceil \langle \rangle \mathbb{R} \emptyset \dots \boxed{ $ $$
\( \) <think> </think> and or not mod 3:30 p.m. 999999999999 10^{10^{10}} (10^9)! -1 2 3 7 ½ ² √ π ∞ − ≤ × \quad \! ~
#### answer is"""
PIECES = _NOTATION.split()


def main() -> int:
    """Fuzz for a while; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    corpus = _corpus()
    end, tried, findings = perf_counter() + 60 * options.minutes, 0, 0
    while perf_counter() < end:
        a, b = _mutated(rng, corpus), _mutated(rng, corpus)
        for found in _findings(a, b):
            findings += 1
            print(json.dumps({"found": found, "a": a, "b": b}), flush=True)
        tried += 1
    print(f"{tried} pairs tried, {findings} findings")
    return int(findings > 0)


def _corpus() -> list[str]:
    answers = list(PIECES)
    for name in ("math_test5000", "olympiadbench_en_math", "minerva_math"):
        file = DATA / "benchmarks" / f"{name}.jsonl.gz"
        if file.exists():
            with gzip.open(file, "rt") as lines:
                answers += [str(json.loads(line)["answer"])[:200] for line in lines]
    return sorted(set(answers))


def _mutated(rng: random.Random, corpus: list[str]) -> str:
    text = rng.choice(corpus)
    for _ in range(rng.randint(0, 6)):
        at, to = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        change = rng.randint(0, 5)
        if change == 0:
            text = text[:at] + text[to:]
        elif change == 1:
            text = text[:at] + rng.choice(PIECES) + text[at:]
        elif change == 2:
            text = text[:at] + text[at:to] * rng.randint(2, 5) + text[to:]
        elif change == 3:
            text = text[:at] + rng.choice(corpus) + text[to:]
        elif change == 4:
            text = text[:at] + f" {rng.choice(PIECES)} " + text[to:]
        else:
            text = text[:at] + chr(rng.choice((rng.randint(32, 126), rng.randint(160, 0x2FFF)))) + text[at + 1 :]
    return text[:3000]


def _findings(a: str, b: str) -> list[str]:
    started = process_time()
    try:
        found = _violations(a, b)
    except Exception as error:  # noqa: BLE001 - whatever is raised is a finding
        found = [f"raised {type(error).__name__}: {error}"]
    seconds = process_time() - started
    return [*found, f"took {seconds:.2f} s"] if seconds > SLOW_SECONDS else found


def _violations(a: str, b: str) -> list[str]:
    extract(a)
    check_steps(a)
    first, second = read_answer(a), read_answer(b)
    found = []
    there = compare_readings(first, second, Comparison(DEFAULT))
    back = compare_readings(second, first, Comparison(DEFAULT))
    one_way = any(sign in a + b for sign in ("%", "percent", "pct", "％"))  # 0.5 is accepted for 0.5 %, not the reverse
    if there.equal is not back.equal and None not in (there.equal, back.equal) and not one_way:
        found.append(f"not symmetric: {there} {back}")
    if first.node is not None and not is_undefined(first.node):
        itself = Comparison(DEFAULT).judge(first.node, first.node)
        if itself.equal is False and itself.reason != "contradiction" and "undefined" not in itself.reason:
            found.append(f"not reflexive: {itself}")
    return found


if __name__ == "__main__":
    sys.exit(main())
