"""Tokens per second of the local engines on one model, side by side in one run: what `engine: auto` rests on.

    python benchmarks/engines.py [--model smollm2-135m-instruct] [--rounds 3] [--sequences 1 16 64]

Each engine runs in a process of its own; rounds alternate between the engines. Prints n, median and spread. Nothing
here asserts a speed.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time

from reasondistill.engines import EngineOptions, open_engine
from reasondistill.errors import UserError
from reasondistill.generation.prompts import load_template
from reasondistill.problems import generate_procedural
from reasondistill.records import Sampling

ENGINES = ("vllm", "transformers", "llamacpp")


def main() -> None:
    """Serve one engine when called as a child, compare them all otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequences", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--serve", choices=ENGINES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given))
    else:
        compare(given)


def compare(given: argparse.Namespace) -> None:
    """Run the rounds and print the table."""
    measured: dict[tuple[str, int], list[float]] = {}
    for round_number in range(given.rounds):
        for name in ENGINES if round_number % 2 == 0 else reversed(ENGINES):
            command = [sys.executable, __file__, "--serve", name, "--model", given.model, "--max-tokens"]
            command += [str(given.max_tokens), "--sequences", *map(str, given.sequences)]
            child = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            for line in child.stdout.decode().splitlines():
                if line.startswith("{"):
                    row = json.loads(line)
                    measured.setdefault((name, row["sequences"]), []).append(row["rate"])
    print(f"{given.model}, {given.max_tokens} tokens a sequence, {given.rounds} rounds, tokens/s")
    print(f"{'engine':14}{'sequences':>10}{'n':>4}{'median':>10}{'min':>10}{'max':>10}")
    for (name, sequences), rates in sorted(measured.items(), key=lambda item: (item[0][1], item[0][0])):
        median = statistics.median(rates)
        print(f"{name:14}{sequences:>10}{len(rates):>4}{median:>10.1f}{min(rates):>10.1f}{max(rates):>10.1f}")


async def serve(given: argparse.Namespace) -> None:
    """Load one engine, warm it up, time each number of sequences once."""
    try:
        options = EngineOptions(
            engine=given.serve, model=given.model, concurrency=max(given.sequences), max_context=512
        )
        engine = await open_engine(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return
    template = load_template("math-zero-shot")
    problems = generate_procedural(count=max(given.sequences), seed=1, split="seen")
    sampling = Sampling(temperature=1.0, max_tokens=given.max_tokens, stop=())
    await engine.complete(template.messages(problems[0]), Sampling(temperature=1.0, max_tokens=4))
    for sequences in given.sequences:
        began = time.monotonic()
        answers = await asyncio.gather(*(engine.complete(template.messages(p), sampling) for p in problems[:sequences]))
        tokens = sum(answer.usage.completion_tokens for [answer] in answers)
        print(json.dumps({"sequences": sequences, "rate": tokens / (time.monotonic() - began)}), flush=True)
    await engine.aclose()


if __name__ == "__main__":
    main()
