"""Many tool-integrated rollouts at once: a chat server with a fixed latency, and real sandbox sessions.

    python benchmarks/tir_rollouts.py [--rollouts 1000] [--concurrency 1000] [--rounds 3] [--latency 1.0] [--live 64]

The server (a process of its own) answers each turn after the latency: a block, a second block that uses the first
one's variable, then the answer. Printed per round: rollouts and cells per second, the same rollouts without a sandbox
(one turn of text each), processor seconds, and the most memory that this process and its sandbox held at once, the
server's apart: proportional set size, and resident set sizes added up, which counts shared pages again and again.
Every rollout is checked: both outputs must be right. No speed is asserted.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path[:] = [place for place in sys.path if Path(place).resolve() != Path(__file__).resolve().parent]  # sandbox.py

from reasondistill.engines import EngineOptions, open_engine  # noqa: E402
from reasondistill.generation.prompts import load_template  # noqa: E402
from reasondistill.generation.sampling import SamplingJob, sample  # noqa: E402
from reasondistill.generation.sampling_queue import SamplingPlan  # noqa: E402
from reasondistill.generation.strategies import Cot  # noqa: E402
from reasondistill.generation.strategies.tir.options import TirOptions  # noqa: E402
from reasondistill.generation.strategies.tir.strategy import Tir  # noqa: E402
from reasondistill.records import Problem, Sampling  # noqa: E402
from reasondistill.store.table import Table  # noqa: E402
from sandbox import Session  # noqa: E402


def main() -> None:
    """Run the rounds and print one line each."""
    given = _arguments()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs, given.latency), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}/v1"
    with Session() as session:
        session.execute("1")  # the sandbox's warm process starts once, before anything is measured
    try:
        rounds = [_round(given, url, number, server.pid or 0) for number in range(given.rounds)]
    finally:
        server.terminate()
    for key in ("rollouts_per_second", "plain_per_second", "peak_mib", "peak_rss_mib"):
        values = sorted(row[key] for row in rounds)
        print(f"{key}: median {statistics.median(values):.1f}, {values[0]:.1f} to {values[-1]:.1f}, n {len(values)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds that the server takes for a turn")
    parser.add_argument("--live", type=int, default=64, help="sandbox sessions that exist at once")
    return parser.parse_args()


def _round(given: argparse.Namespace, url: str, number: int, server: int) -> dict[str, float]:
    problems = tuple(
        Problem(id=f"{number}-{i}", question=f"{number} {i}", answer=str(2 * i + 1)) for i in range(given.rollouts)
    )
    tir = Tir(template=load_template("tir"), options=TirOptions(syntax="fenced", live_sessions=given.live))
    watch = _MemoryWatch(apart={server})
    before = _processor_seconds({server})
    with watch:
        seconds, rows = _sampled(
            given, url, SamplingPlan(problems=problems, strategy=tir, sampling=Sampling(), model="m")
        )
    used = _processor_seconds({server}) - before
    _check(rows, given.rollouts)
    cot = Cot(template=load_template("math-zero-shot"))
    plain, _ = _sampled(given, url, SamplingPlan(problems=problems, strategy=cot, sampling=Sampling(), model="m"))
    row = {
        "rollouts_per_second": given.rollouts / seconds,
        "cells_per_second": 2 * given.rollouts / seconds,
        "plain_per_second": given.rollouts / plain,
        "seconds": seconds,
        "processor_seconds": used,
        "peak_mib": watch.peak[0] / 2**20,
        "peak_rss_mib": watch.peak[1] / 2**20,
    }
    print(json.dumps({key: round(value, 1) for key, value in row.items()}), flush=True)
    return row


def _sampled(given: argparse.Namespace, url: str, plan: SamplingPlan) -> tuple[float, list[dict]]:
    async def run(table: Table) -> float:
        engine = await open_engine(
            EngineOptions(engine="openai", model="m", base_url=url, concurrency=given.concurrency)
        )
        began = time.monotonic()
        await sample(engine, [SamplingJob(plan=plan, table=table)], concurrency=given.concurrency)
        seconds = time.monotonic() - began
        await plan.strategy.aclose()
        await engine.aclose()
        return seconds

    with tempfile.TemporaryDirectory() as folder, Table(Path(folder) / "rollouts", key="id", writable=True) as table:
        return asyncio.run(run(table)), list(table)


def _check(rows: list[dict], wanted: int) -> None:
    for row in rows:
        number = int(row["messages"][1]["content"].split()[1])
        outputs = [m["content"] for m in row["messages"] if m["role"] == "tool"]
        if outputs != [str(number), str(2 * number + 1)] or str(2 * number + 1) not in row["messages"][-1]["content"]:
            sys.exit(f"a rollout went wrong: {row['messages'][2:]}")
    if len(rows) != wanted:
        sys.exit(f"{len(rows)} of {wanted} rollouts came back")


class _MemoryWatch(threading.Thread):
    """Samples the memory of this process and its descendants; that takes a while, so not often."""

    def __init__(self, *, apart: set[int]) -> None:
        super().__init__(daemon=True)
        self.peak = (0, 0)
        """Most proportional set size, and the most of all resident set sizes added up, in bytes."""
        self._apart, self._over = apart, threading.Event()

    def __enter__(self) -> "_MemoryWatch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(4.0):
            held = [_memory(pid) for pid in _family(os.getpid(), self._apart)]
            pss, rss = sum(p for p, _ in held), sum(r for _, r in held)
            self.peak = max(self.peak[0], pss), max(self.peak[1], rss)


def _family(root: int, apart: set[int]) -> list[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has just ended
    found, border = [], [root]
    while border:
        pid = border.pop()
        found.append(pid)
        border += [child for child, parent in parents.items() if parent == pid and child not in apart]
    return found


def _memory(pid: int) -> tuple[int, int]:
    """Return proportional and resident set size: the second counts what processes share once for each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0  # it has just ended
    sizes = {line.partition(":")[0]: line.split()[1] for line in lines[1:]}
    return int(sizes.get("Pss", 0)) << 10, int(sizes.get("Rss", 0)) << 10


def _processor_seconds(apart: set[int]) -> float:
    """Return what this process, its sandbox and the children that have ended under them have used."""
    ticks = 0
    for pid in _family(os.getpid(), apart):
        try:
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
        except OSError:
            continue  # it has just ended
    return ticks / os.sysconf("SC_CLK_TCK")


def _serve(pipe: Any, latency: float) -> None:
    async def run() -> None:
        server = await asyncio.start_server(lambda r, w: _connection(r, w, latency), "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency: float) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            body = json.loads(await reader.readexactly(length))
            await asyncio.sleep(latency)
            message = {"role": "assistant", "content": _answer(body["messages"])}
            usage = {"prompt_tokens": 100, "completion_tokens": 40}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            data = json.dumps({"choices": [choice], "usage": usage}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _answer(messages: list[dict]) -> str:
    outputs = [m["content"] for m in messages if m["content"].startswith("```output")]
    question = next(m["content"] for m in messages if m["role"] == "user")
    if not outputs:
        return f"First the number.\n```python\nx = {question.split()[1]}\nprint(x)\n```"
    if len(outputs) == 1:
        return "Then twice it.\n```python\ny = 2 * x + 1\ny\n```"
    return f"The answer is \\boxed{{{outputs[-1].splitlines()[1]}}}."


if __name__ == "__main__":
    main()
