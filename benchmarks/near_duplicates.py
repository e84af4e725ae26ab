"""Near-duplicates beside datasketch and datatrove on the same texts: rows a second, dropped rows, memory.

    python benchmarks/near_duplicates.py [--rows 100000] [--rounds 3] [--peers PYTHON]

Synthetic texts of about 2 KB, every tenth with a near-duplicate, are read from one file by each contestant in a process
of its own: ours (`Seen`), datasketch's MinHashLSH and datatrove's MinHash stages (signatures, buckets, cluster), all
with word 3-grams, 128 permutations and threshold 0.9 (16 bands of 8). PYTHON is an interpreter with both peers. They
split words at spaces, ours also brings LaTeX, signs and thousands to one spelling. Rounds alternate the order; what
counts is the ratio within a round, of CPU seconds too, since a busy machine stretches the clock alone. Nothing here
asserts a speed.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

THRESHOLD, PERMUTATIONS, BANDS, SHINGLE = 0.9, 128, 16, 3
TEXT_WORDS = 330
WORDS = [
    f"{a}{b}" for a in ("ta", "re", "mi", "so", "lu", "ne", "ka") for b in ("bor", "tel", "vin", "sam", "dor", "pis")
]


def main() -> None:
    """Compare, or be one contestant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter with datasketch and datatrove")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        compete(given.contestant, given.texts)
        return
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.jsonl"
        write_texts(texts, given.rows)
        names = ["ours", *(["datasketch", "datatrove"] if given.peers else [])]
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for number in range(given.rounds):
            for name in names if number % 2 == 0 else names[::-1]:
                python = sys.executable if name == "ours" else given.peers
                runs[name].append(child(python, name, texts))
                print(f"round {number + 1}: {name} {runs[name][-1]}", flush=True)
    report(runs, given.rows)


def report(runs: dict[str, list[dict[str, float]]], rows: int) -> None:
    """Print medians, and ours over each peer within the rounds."""
    n = len(runs["ours"])
    print(f"{rows:,} rows, {n} rounds; median, (lowest-highest)")
    for name, measured in runs.items():
        line = f"{name:12}{rows / statistics.median(r['seconds'] for r in measured):10,.0f} rows/s"
        line += f"{statistics.median(r['cpu'] for r in measured):9.1f} CPU s"
        line += f"{max(r['gb'] for r in measured):7.2f} GB at most{measured[0]['dropped']:9,} dropped"
        if name != "ours":
            for key, words in (("seconds", "times as fast"), ("cpu", "by CPU time")):
                ratios = [theirs[key] / own[key] for theirs, own in zip(measured, runs["ours"], strict=True)]
                line += f"; ours {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) {words}"
        print(line)


def child(python: str, name: str, texts: Path) -> dict[str, float]:
    """Run one contestant and return `{seconds, cpu, gb, dropped}`."""
    command = [python, __file__, "--contestant", name, "--texts", str(texts)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        sys.exit(f"{name} failed: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compete(name: str, path: Path) -> None:
    """Do one contestant's work and print what it took; imports and reading the texts are not counted."""
    texts = [json.loads(line)["text"] for line in path.open()]
    work = CONTESTANTS[name]()
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    dropped = work(texts)
    seconds, cpu = time.perf_counter() - began, sum(os.times()[:4]) - cpu
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "cpu": cpu, "gb": int(peak.split()[1]) / 1e6, "dropped": dropped}))


def write_texts(path: Path, rows: int) -> None:
    """Write the texts; every tenth is the one before with a word more."""
    draw, text = random.Random(1), ""
    with path.open("w") as file:
        for number in range(rows):
            text = f"{text} once" if number % 10 == 9 else " ".join(draw.choices(WORDS, k=TEXT_WORDS))
            file.write(json.dumps({"text": text, "id": str(number)}) + "\n")


def ours() -> Callable[[list[str]], int]:
    """The index of `curation.near_duplicates`."""
    from reasondistill.curation.steps.near_duplicates import Seen, minhash

    minhash("warm up")

    def work(texts: list[str]) -> int:
        seen = Seen(THRESHOLD)
        return sum(seen.twin(str(number), text) is not None for number, text in enumerate(texts))

    return work


def datasketch() -> Callable[[list[str]], int]:
    """datasketch as its documentation uses it; a candidate counts as a duplicate without a check."""
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found]

    def work(texts: list[str]) -> int:
        lsh = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, PERMUTATIONS // BANDS))
        dropped = 0
        for number, text in enumerate(texts):
            tokens = text.lower().split()
            minhash = MinHash(num_perm=PERMUTATIONS)
            minhash.update_batch([" ".join(tokens[i : i + SHINGLE]).encode() for i in range(len(tokens) - SHINGLE + 1)])
            if lsh.query(minhash):
                dropped += 1
            else:
                lsh.insert(number, minhash)
        return dropped

    return work


def datatrove() -> Callable[[list[str]], int]:
    """datatrove's stages in one process, with words split at spaces instead of by a language model's tokenizer."""
    import shutil

    from datatrove.data import Document  # type: ignore[import-not-found]
    from datatrove.pipeline.dedup import minhash  # type: ignore[import-not-found]
    from loguru import logger  # type: ignore[import-not-found]
    from xxhash import xxh64_intdigest  # type: ignore[import-not-found]

    logger.remove()

    class Spaces:
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

    minhash.load_word_tokenizer = lambda _language: Spaces()

    def work(texts: list[str]) -> int:
        config = minhash.MinhashConfig(n_grams=SHINGLE, num_buckets=BANDS, hashes_per_bucket=PERMUTATIONS // BANDS)
        folder = tempfile.mkdtemp()
        try:
            documents = (Document(text=text, id=str(number)) for number, text in enumerate(texts))
            signatures = minhash.MinhashDedupSignature(f"{folder}/signatures", config=config)
            # Its own hash hands text to xxhash, of which newer versions take bytes alone.
            signatures._hash_func = lambda gram: xxh64_intdigest(gram.encode())
            signatures.run(documents)
            for bucket in range(BANDS):
                minhash.MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config).run(
                    None, bucket, BANDS
                )
            minhash.MinhashDedupCluster(f"{folder}/buckets", f"{folder}/remove", config=config).run(None)
            return sum(path.stat().st_size // 4 for path in Path(folder, "remove").glob("*.remove"))
        finally:
            shutil.rmtree(folder)

    return work


CONTESTANTS: dict[str, Callable[[], Callable[[list[str]], int]]] = {
    "ours": ours,
    "datasketch": datasketch,
    "datatrove": datatrove,
}


if __name__ == "__main__":
    main()
