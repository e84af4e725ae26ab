"""Sampling beside a bare loop: what our orchestration costs.

    python benchmarks/generation.py [mock] [--rows 2000] [--rounds 5] [--curator PYTHON]
    python benchmarks/generation.py engine [--engine vllm] [--rows 64] [--rounds 5]
    python benchmarks/generation.py adaptive

`mock`: rows/s and CPU seconds per 1,000 rows against a server of fixed latency: the whole of `generate` (with its
run folder, with and without verdicts), a bare asyncio + openai loop, and bespokelabs-curator in an environment of its
own (PYTHON is that environment's interpreter). `engine`: tokens/s with a real model, ours / the engine driven bare, in
one process. `adaptive`: tokens per kept trace, sampling until 4 are right against a fixed number, on simulated pass
rates. Rounds alternate the order; medians, spread and n are printed. Nothing here asserts a speed.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUESTION = "What is {} plus 1?"


def main() -> None:
    """Run one part; the children of `mock` come here too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="mock", choices=("mock", "engine", "adaptive", *CHILDREN))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds, of the mock server")
    parser.add_argument("--curator", metavar="PYTHON", help="interpreter with bespokelabs-curator")
    parser.add_argument("--engine", default="vllm", choices=("vllm", "llamacpp", "transformers"))
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part in CHILDREN:
        CHILDREN[given.part](given)
    else:
        {"mock": mock, "engine": engine, "adaptive": adaptive}[given.part](given)


def mock(given: argparse.Namespace) -> None:
    """Compare against the mock server, each contestant in a process of its own."""
    given.rows = given.rows or 2000
    names = ["ours", "ours-verdicts", "bare", *(["curator"] if given.curator else [])]
    command = [sys.executable, "-m", "tests.hostile_server", "--faults", "none", "--port", "0"]
    with subprocess.Popen([*command, "--latency", str(given.latency)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        measured: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for number in range(given.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                measured[name].append(child(name, url, given))
        server.kill()
    print(f"{given.rows} rows, latency {given.latency} s, concurrency {given.concurrency}, {given.rounds} rounds")
    print(f"{'':16}{'rows/s':>9}{'min':>9}{'max':>9}{'CPU s / 1000 rows':>20}{'rows/s over bare':>22}")
    for name, runs in measured.items():
        rates = [run["rate"] for run in runs]
        ratios = [run["rate"] / bare["rate"] for run, bare in zip(runs, measured["bare"], strict=True)]
        cpu = statistics.median(run["cpu"] for run in runs)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        rate = f"{statistics.median(rates):>9.1f}{min(rates):>9.1f}{max(rates):>9.1f}"
        print(f"{name:16}{rate}{cpu:>20.2f}{spread:>22}")


def child(name: str, url: str, given: argparse.Namespace) -> dict[str, float]:
    """Run one contestant and return `{rate, cpu}`."""
    python = given.curator if name == "curator" else sys.executable
    words = [name, "--url", url, "--rows", str(given.rows), "--concurrency", str(given.concurrency)]
    environment = {**os.environ, "OPENAI_API_KEY": "none"}
    done = subprocess.run([python, __file__, *words], stdout=subprocess.PIPE, check=False, env=environment)
    lines = [line for line in done.stdout.decode().splitlines() if line.startswith('{"rate"')]
    if not lines:
        sys.exit(f"{name} failed")
    return dict(json.loads(lines[-1]))


def timed(rows: int, work: Callable[[], Any]) -> None:
    """Do the work and print rows/s and CPU seconds per 1,000 rows, children included, imports not."""
    began, cpu = time.monotonic(), sum(os.times()[:4])
    work()
    seconds, used = time.monotonic() - began, sum(os.times()[:4]) - cpu
    print(json.dumps({"rate": rows / seconds, "cpu": 1000 * used / rows}), flush=True)


def ours(given: argparse.Namespace, judged: bool = False) -> None:
    """Sample as `reasondistill generate` does, into a run folder."""
    import openai.types  # noqa: F401 - what is lazy there is paid before the clock starts, as for the bare loop

    from reasondistill.engines import EngineOptions
    from reasondistill.records import Sampling
    from reasondistill.run.sample_folder import SamplingRun

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "problems.jsonl"
        problems = ({"question": QUESTION.format(n), "answer": n + 1} for n in range(given.rows))
        source.write_text("".join(json.dumps(p) + "\n" for p in problems))
        options = EngineOptions(engine="openai", model="m", base_url=given.url, concurrency=given.concurrency)
        run = SamplingRun(
            folder=Path(folder) / "out", source=str(source), engine=options, sampling=Sampling(max_tokens=64)
        )
        timed(given.rows, lambda: run.sample(judged=judged))


def bare(given: argparse.Namespace) -> None:
    """The loop that anybody would write: openai's client, a semaphore, answers appended to a file."""
    import openai

    async def loop(path: Path) -> None:
        slots = asyncio.Semaphore(given.concurrency)
        async with openai.AsyncOpenAI(base_url=given.url) as client:
            with path.open("w") as file:

                async def one(number: int) -> None:
                    messages: Any = [{"role": "user", "content": QUESTION.format(number)}]
                    async with slots:
                        answer = await client.chat.completions.create(model="m", messages=messages, max_tokens=64)
                    file.write(json.dumps({"messages": [*messages, answer.choices[0].message.to_dict()]}) + "\n")

                await asyncio.gather(*(one(number) for number in range(given.rows)))

    with tempfile.TemporaryDirectory() as folder:
        timed(given.rows, lambda: asyncio.run(loop(Path(folder) / "answers.jsonl")))


def curator(given: argparse.Namespace) -> None:
    """bespokelabs-curator's online processor, by its litellm backend (its openai one wants a file from the network)."""
    cache = tempfile.mkdtemp()
    os.environ.update(
        CURATOR_DISABLE_CACHE="1", TELEMETRY_ENABLED="0", CURATOR_DISABLE_RICH_DISPLAY="1", CURATOR_CACHE_DIR=cache
    )
    from bespokelabs import curator as library  # type: ignore[import-not-found]

    llm = library.LLM(
        model_name="openai/m",
        backend="litellm",
        backend_params={
            "base_url": given.url,
            "max_concurrent_requests": given.concurrency,
            "max_requests_per_minute": 10**8,
            "max_tokens_per_minute": 10**11,
        },
        generation_params={"max_tokens": 64},
    )
    timed(given.rows, lambda: llm([QUESTION.format(n) for n in range(given.rows)]))


CHILDREN: dict[str, Callable[[argparse.Namespace], None]] = {
    "ours": ours,
    "ours-verdicts": lambda given: ours(given, judged=True),
    "bare": bare,
    "curator": curator,
}


def engine(given: argparse.Namespace) -> None:
    """Compare tokens/s with and without our orchestration, on one loaded model."""
    given.rows = given.rows or 64
    ratios = asyncio.run(engine_rounds(given))
    low, high = min(ratios), max(ratios)
    median = statistics.median(ratios)
    print(f"ours / bare: median {median:.3f}, {low:.3f}-{high:.3f}, n={len(ratios)} paired rounds")


async def engine_rounds(given: argparse.Namespace) -> list[float]:
    """Load the model once; each round samples the same prompts both ways."""
    from reasondistill.engines import EngineOptions, open_engine
    from reasondistill.generation.prompts import load_template
    from reasondistill.problems import generate_procedural
    from reasondistill.records import Sampling

    options = EngineOptions(
        engine=given.engine, model=given.model, concurrency=given.concurrency, max_context=512, dtype="float32"
    )
    opened = await open_engine(options)
    template = load_template("math-zero-shot")
    problems = generate_procedural(count=given.rows, seed=1, split="seen")
    ratios = []
    for number in range(given.rounds + 1):
        # Greedy, so that both write the same tokens; the seed only makes the rollouts of each round new ones.
        sampling = Sampling(temperature=0.0, max_tokens=given.max_tokens, seed=number)
        ways = [
            ("ours", lambda s=sampling: with_ours(opened, problems, template, s, given)),
            ("bare", lambda s=sampling: without(opened, problems, template, s, given)),
        ]
        rates = {}
        for name, way in ways if number % 2 == 0 else reversed(ways):
            began = time.monotonic()
            tokens = await way()
            rates[name] = tokens / (time.monotonic() - began)
        if number:  # the first round warms the prefix cache
            ratios.append(rates["ours"] / rates["bare"])
            print(f"round {number}: ours {rates['ours']:.1f}, bare {rates['bare']:.1f} tokens/s", flush=True)
    await opened.aclose()
    return ratios


async def with_ours(opened: Any, problems: Any, template: Any, sampling: Any, given: argparse.Namespace) -> int:
    """Sample into a table, with verdicts, as a stage does."""
    from reasondistill.generation.partial import PartialLog
    from reasondistill.generation.sampling import SamplingJob, sample
    from reasondistill.generation.sampling_queue import SamplingPlan
    from reasondistill.generation.strategies import Cot
    from reasondistill.store import Table
    from reasondistill.verification.judging import VerdictStream, VerifyOptions

    plan = SamplingPlan(problems=tuple(problems), strategy=Cot(template=template), sampling=sampling, model=given.model)
    with (
        tempfile.TemporaryDirectory() as folder,
        Table(Path(folder) / "rollouts", key="id", writable=True) as rollouts,
        Table(Path(folder) / "verdicts", key="rollout_id", writable=True) as verdicts,
        PartialLog(Path(folder) / "partial") as partial,
    ):
        async with VerdictStream({p.id: p for p in problems}, verdicts, VerifyOptions()) as stream:
            job = SamplingJob(plan=plan, table=rollouts, partial=partial, on_rollout=stream.put)
            await sample(opened, [job], concurrency=given.concurrency)
    return job.counts.usage.completion_tokens


async def without(opened: Any, problems: Any, template: Any, sampling: Any, given: argparse.Namespace) -> int:
    """Hand the same prompts to the engine, all at once, and keep nothing."""
    answers = await asyncio.gather(*(opened.complete(template.messages(p), sampling) for p in problems))
    return sum(answer.usage.completion_tokens for [answer] in answers)


def adaptive(given: argparse.Namespace) -> None:
    """Print tokens per kept trace (at most 4 right ones of a problem) of fixed and adaptive sampling."""
    for samples in (8, 16, 32):
        costs = {}
        for name, target in (("fixed", None), ("adaptive", 4)):
            tokens, kept = asyncio.run(simulated(samples, target))
            costs[name] = tokens / kept
            print(f"samples {samples:3} {name:9}{tokens:10} tokens{kept:6} kept{tokens / kept:10.1f} tokens a trace")
        print(f"samples {samples:3} saves {1 - costs['adaptive'] / costs['fixed']:.0%} of the tokens of a kept trace")


async def simulated(samples: int, target: int | None) -> tuple[int, int]:
    """Sample 400 problems whose pass rates are drawn from Beta(0.6, 0.6): many easy, many hopeless, some between."""
    import random
    from collections import Counter

    from reasondistill.engines import Completion
    from reasondistill.generation.prompts import PromptTemplate
    from reasondistill.generation.sampling import SamplingJob, sample
    from reasondistill.generation.sampling_queue import SamplingPlan
    from reasondistill.generation.spending import SpendingOptions
    from reasondistill.generation.strategies import Cot
    from reasondistill.records import FinishReason, Problem, Sampling, Usage
    from reasondistill.store import Table

    chance = random.Random(0)
    problems = tuple(Problem(id=f"p{n}", question=str(chance.betavariate(0.6, 0.6)), answer="1") for n in range(400))

    class Simulated:
        name, model, continues, chat_template = "simulated", "m", True, None

        async def complete(self, messages: Any, sampling: Any, **_: Any) -> list[Completion]:
            await asyncio.sleep(0)
            right = random.Random(sampling.seed).random() < float(messages[-1].content)
            usage = Usage(prompt_tokens=50, completion_tokens=200)
            return [Completion(text=str(right), finish_reason=FinishReason.STOP, usage=usage, seconds=0.0)]

    right: Counter[str] = Counter()
    plan = SamplingPlan(
        problems=problems,
        strategy=Cot(template=PromptTemplate(name="t", user="{question}")),
        sampling=Sampling(temperature=1.0),
        samples=samples,
        model="m",
        budget=SpendingOptions(until_correct=target),
    )
    with tempfile.TemporaryDirectory() as folder, Table(Path(folder), key="id", writable=True) as table:

        async def judge(rollout: Any) -> None:
            right[rollout.problem_id] += rollout.text == "True"
            job.queue.judged(rollout.problem_id, rollout.text == "True")

        job = SamplingJob(plan=plan, table=table, on_rollout=judge)
        await sample(Simulated(), [job], concurrency=64)  # type: ignore[arg-type]
    spent = job.counts.usage
    return spent.prompt_tokens + spent.completion_tokens, sum(min(4, n) for n in right.values())


if __name__ == "__main__":
    main()
