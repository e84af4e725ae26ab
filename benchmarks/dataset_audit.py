"""A dataset made end to end of real rollouts made elsewhere, audited, spoilt on purpose, and audited again.

    python -P benchmarks/dataset_audit.py FILE.jsonl.gz [FILE.jsonl.gz ...] [--rows 50] [--seed 0] [--keep DIR]

The files hold labelled rollouts (`evaluate --rollouts` reads them), some with code and its outputs. They are imported,
judged, curated and exported; the audit must find nothing. Then `--rows` rows each get another answer, another word in
their trace, another output of their code, another hash: the audit must name every one of them and no other.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

Row = dict[str, Any]
COMMAND = [sys.executable, "-m", "reasondistill"]
RECIPE = """\
name: dataset_audit
until: export
generate: {{rollouts: {files}}}
verify: {{strict: false}}
evaluate: {{strategy: tir}}
out: {out}
"""


def answer(row: Row) -> None:
    row["answer"] = str(int(float(row["answer"].replace(",", ""))) + 1)


def trace(row: Row) -> None:
    turn = row["completion"][-1]
    turn["content"] = turn["content"].replace(" ", " surely ", 1) if " " in turn["content"] else turn["content"] + "!"


def output(row: Row) -> None:
    turn = next(m for m in row["completion"] if m["role"] == "tool")
    turn["content"] = f"{turn['content'].rstrip()}7"


def digest(row: Row) -> None:
    row["completion_hash"] = row["completion_hash"][::-1]


SPOILS: dict[str, Callable[[Row], None]] = {"answer": answer, "trace": trace, "code output": output, "hash": digest}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--rows", type=int, default=50, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = given.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        files = json.dumps([str(path.resolve()) for path in given.files])
        (place / "recipe.yaml").write_text(RECIPE.format(files=files, out=place / "run"))
        began = time.perf_counter()
        subprocess.run([*COMMAND, "run", str(place / "recipe.yaml")], check=True, stdout=subprocess.DEVNULL)
        report = json.loads((place / "run" / "report.json").read_text())
        print(f"{report['counts']['rollouts']} rollouts gave {report['counts']['examples']} rows", end=", ")
        print(f"imported, judged, curated and exported in {time.perf_counter() - began:.1f} s")
        dataset = place / "run" / "dataset"
        clean, _ = audited(dataset, place / "clean")
        spoilt = spoil(dataset, given.rows, random.Random(given.seed))
        found, checks = audited(dataset, place / "spoilt")
    kinds = Counter(spoilt.values())
    hit = Counter(kind for number, kind in spoilt.items() if number in found)
    print(f"before: {len(clean)} rows disagree")
    print(f"after:  {sum(hit.values())} of {len(spoilt)} spoilt rows found", end=" (")
    print(", ".join(f"{kind} {hit[kind]} of {n}" for kind, n in kinds.items()), end="), ")
    print(f"{len(found - spoilt.keys())} others; by check: {checks}")
    return 0 if not clean and found == spoilt.keys() else 1


def audited(dataset: Path, out: Path) -> tuple[set[int], Row]:
    """Audit a dataset; return the numbers of the rows that disagree, and the findings counted by check."""
    began = time.perf_counter()
    command = [*COMMAND, "audit", str(dataset), "--out", str(out), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    report = json.loads(done.stdout)
    print(f"audit: {report['rows']} rows in {time.perf_counter() - began:.1f} s, status {done.returncode}")
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    checks = {name: check["rows"] for name, check in report["checks"].items()}
    return {row["row"] for row in rows if row["findings"]}, checks


def spoil(dataset: Path, each: int, draw: random.Random) -> dict[int, str]:
    """Change `each` rows of every kind in place; return the kind by number."""
    [path] = (dataset / "data").glob("*.parquet")
    table = parquet.read_table(path)
    rows = table.to_pylist()
    ran = [number for number, row in enumerate(rows) if row["blocks"]]
    chosen = dict.fromkeys(draw.sample(ran, each), "code output")
    left = [number for number in range(len(rows)) if number not in chosen]
    for kind in ("answer", "trace", "hash"):
        picked = draw.sample(left, each)
        chosen |= dict.fromkeys(picked, kind)
        left = [number for number in left if number not in chosen]
    for number, kind in chosen.items():
        SPOILS[kind](rows[number])
    parquet.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    return chosen


if __name__ == "__main__":
    sys.exit(main())
