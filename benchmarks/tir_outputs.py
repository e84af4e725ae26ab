"""Whether the first code block of recorded tool-integrated traces gives the output that was recorded after it.

    python -P benchmarks/tir_outputs.py [TRACES] [--isolation auto|full|flat] [--limit N]

TRACES holds `gsm8k_rho1` and `tora_corpus_examples`; without it `../shared/data/traces` beside the checkout is read.
Every block runs in a session of its own, as a generation run would execute it. Prints each block that gives something
else, with the class of the difference, and the counts.
"""

import argparse
import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox import Execution, Pool, Session, Status

FILES = ("tora_corpus_examples", "gsm8k_rho1")
_BLOCKS = re.compile(r"```python\n(.*?)```\s*```output\n(.*?)(?:\n?```|$)", re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A first code block and what was recorded as its output."""

    name: str
    code: str
    output: str


def blocks(traces: Path, name: str) -> Iterator[Block]:
    with gzip.open(traces / f"{name}.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            found = _BLOCKS.search(row["completion"])
            if row["style"] == "tir" and found:
                yield Block(name=f"{row['problem_id']} {row['model']}", code=found[1], output=found[2].strip())


def run(block: Block, pool: Pool) -> tuple[str, str]:
    """Return how the block's output compares, and the output."""
    with Session(pool=pool) as session:
        ran = session.execute(block.code)
        return compare(block, ran), shown(ran)


def shown(ran: Execution) -> str:
    """Return what a trace would record: what was printed, or the last line of the traceback."""
    if ran.status is Status.OK:
        return ran.stdout.strip() or (ran.result or "")
    return ran.stderr.strip().rpartition("\n")[2] or f"{ran.status} {ran.reason}"


def compare(block: Block, ran: Execution) -> str:
    """Return `same`, or the class of the difference."""
    got = shown(ran)
    if got == block.output:
        return "same"
    if _as_numbers(got) == _as_numbers(block.output) is not None:
        return "same numbers, written otherwise"
    if ran.status is Status.TIMEOUT or "timeout" in block.output.lower():
        return "a timeout on one side"
    if ran.status is not Status.OK:
        same = got.partition(":")[0] in block.output
        return "the same exception, other words" if same else "an exception here alone"
    if re.search(r"Error|Exception|Warning", block.output):
        return "an exception there alone"
    return "another value"


def _as_numbers(text: str) -> list[float] | None:
    try:
        return [round(float(token.strip("[](),{}")), 9) for token in text.split()]
    except ValueError:
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "traces", type=Path, nargs="?", default=Path(__file__).parents[2] / "shared" / "data" / "traces"
    )
    parser.add_argument("--isolation", default="auto")
    parser.add_argument("--limit", type=int, default=10**9)
    options = parser.parse_args()
    with Pool(isolation=options.isolation) as pool, ThreadPoolExecutor(2) as executor:
        for name in FILES:
            found = list(blocks(options.traces, name))[: options.limit]
            counts: Counter[str] = Counter()
            for block, (kind, got) in zip(found, executor.map(partial(run, pool=pool), found), strict=True):
                counts[kind] += 1
                if kind != "same":
                    print(json.dumps([name, block.name, kind, got[:200], block.output[:200]]), flush=True)
            print(f"{name}: {counts['same']} of {len(found)} the same; {dict(counts)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
