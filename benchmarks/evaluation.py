"""The numbers that the traces' own authors published, made again by `reasondistill evaluate --rollouts`.

    python -P benchmarks/evaluation.py [DATA] [--share 1.0] [--only PART ...]

DATA holds `benchmarks/` and `traces/`; by default `../shared/data` beside the checkout. `--share` takes a seeded part
of the programs that are executed. Parts: labels (metrics from the files' own labels), codegen (16,400 programs executed
again, each verdict that differs from its label by its class), canonical (reference solutions pass), mutants (changed
ones do not). Exits with 1 where something differs that nothing explains.
"""

import argparse
import contextlib
import gzip
import io
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reasondistill.cli.main import main as reasondistill
from reasondistill.store import Table
from verifiers.code.mutants import mutants

Row = dict[str, Any]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Where the labels' runner cut a completion."""
GOLDEN: dict[str, dict[str, float]] = {
    "humaneval_codegen16b_x100": {
        "pass@1": 0.2211,
        "pass@2": 0.3079,
        "pass@5": 0.4203,
        "pass@10": 0.5038,
        "pass@25": 0.6154,
        "pass@50": 0.6869,
        "pass@100": 0.7378,
    },
    "math100x8_qwen": {
        "pass@1": 0.91,
        "maj@8": 0.925,
        "maj_first@8": 0.93,
        "rm@8": 0.94,
        "weighted_maj@8": 0.94,
        "pass@8": 0.96,
    },
}
"""Metrics from the labels in the files, to four digits."""
SAME, UNASKED = "means the same", "not asked"
SURVIVORS = {
    "HumanEval/35, line 10: 0 -> 1": f"{UNASKED}: a list whose first element is its largest",
    "HumanEval/52, line 12: return False -> return None": f"{UNASKED}: the tests take any false value",
    "HumanEval/116, line 13: 2 -> 3": f"{SAME}: every number but 0 loses its leading 1, and 0 sorts first anyway",
    "HumanEval/124, line 30: 6 -> 7": f"{UNASKED}: a day 0 in June",
    "HumanEval/127, line 28: if num % i == 0: -> if not num % i == 0:": f"{UNASKED}: a length above 2",
    "mbpp/318, line 4: 1 -> 2": f"{UNASKED}: a sum of 3, where alone it differs",
    "mbpp/415, line 6: 0 -> 1": f"{UNASKED}: a best pair with the first element",
    "mbpp/489, line 3: 1 -> 2": f"{UNASKED}: a largest value that stands first",
    "mbpp/498, line 3: 0 -> 1": f"{UNASKED}: a division that leaves 1",
    "mbpp/506, line 2: 1 -> 2": f"{SAME}: one column more, which is never read",
    "mbpp/566, line 5: n / 10 -> n // 10": f"{SAME}: the quotient is cut to an integer anyway",
    "mbpp/721, line 8: 0 -> 1": f"{UNASKED}: a best path along the first row",
    "mbpp/823, line 11: return 'entered string isnt a substring' -> return None": f"{UNASKED}: no substring at all",
    "mbpp/924, line 2: x > y -> x >= y": f"{SAME}: of two equal numbers either is the larger",
}
"""Changed solutions that the benchmark's tests accept, and why they may."""


def evaluate(rollouts: Path, out: Path, *options: str) -> Row:
    """Run the command as a user would; return its report."""
    answer = io.StringIO()
    with contextlib.redirect_stdout(answer):
        status = reasondistill(["evaluate", "--rollouts", str(rollouts), "--out", str(out), "--json", *options])
    if status:
        raise SystemExit(f"evaluate --rollouts {rollouts} ended with status {status}")
    report: Row = json.loads(answer.getvalue())
    return report


def labels(data: Path, name: str, out: Path) -> dict[str, tuple[float, float]]:
    """Return (found, published) of each golden metric of a trace file."""
    golden = GOLDEN[name]
    ks = ",".join(sorted({metric.partition("@")[2] for metric in golden}, key=int))
    report = evaluate(data / "traces" / f"{name}.jsonl.gz", out, "--by-label", "--k", ks)
    return {metric: (round(report["metrics"][metric]["value"], 4), value) for metric, value in golden.items()}


def rows(path: Path) -> Iterable[Row]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def write(path: Path, found: Iterable[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


def cut(completion: str) -> str:
    """Cut a base model's completion where its labels were made."""
    ends = [completion.find(word) for word in STOPS]
    return completion[: min([end for end in ends if end >= 0], default=len(completion))]


def codegen(data: Path, out: Path, share: float = 1.0, seed: int = 0) -> tuple[Row, list[Row]]:
    """Execute the CodeGen completions again; return the report and the rows that differ from their label, classed."""
    chosen = _some(rows(data / "traces" / "humaneval_codegen16b_x100.jsonl.gz"), share, seed)
    keys = ("problem_id", "is_correct", "reason", "sample_idx")
    given = [{**{key: row[key] for key in keys}, "completion": cut(row["completion"])} for row in chosen]
    path = write(out / "codegen.jsonl", given)
    report = evaluate(path, out / "codegen", "--problems", str(data / "benchmarks" / "humaneval.jsonl.gz"), "--k", "1")
    reasons = {(row["problem_id"], row["completion"]): row["reason"] for row in given}
    flips = []
    for rollout, verdict in judged(out / "codegen"):
        text = rollout["messages"][-1]["content"]
        if (verdict["outcome"] == "correct") is not rollout["annotations"]["label"]:
            flip = {
                "problem": rollout["problem_id"],
                "label": rollout["annotations"]["label"],
                "label_reason": reasons[rollout["problem_id"], text],
                "outcome": verdict["outcome"],
                "reason": verdict["reason"],
                "completion": text,
            }
            flips.append({**flip, "class": flip_class(flip)})
    return report, flips


def flip_class(flip: Row) -> str:
    """Return why a program is judged otherwise than its label says; "unexplained" where no class fits."""
    if flip["label"]:
        return "slower here" if flip["outcome"] == "timeout" else "unexplained"
    by_reason = {
        "NameError": "needs a name of the usual header",
        "ModuleNotFoundError": "needs a module that the labels' runner lacked",
        "ImportError": "needs a module that the labels' runner lacked",
        "TIMEOUT": "takes longer than the labels' 2 s",
        "SyntaxError": "ends in an unfinished line, which is dropped here",
        "IndentationError": "ends in an unfinished line, which is dropped here",
    }
    return by_reason.get(flip["label_reason"], "unexplained")


def canonical(data: Path, name: str, out: Path, share: float = 1.0, seed: int = 0) -> tuple[Row, list[str]]:
    """Score a benchmark's own solutions; return the report and the problems whose solution is not accepted."""
    path = data / "benchmarks" / f"{name}.jsonl.gz"
    found = _some(rows(path), share, seed)
    given = [{"problem_id": row["id"], "completion": row["canonical_solution"]} for row in found]
    report = evaluate(write(out / f"{name}.jsonl", given), out / name, "--problems", str(path), "--k", "1")
    return report, [row["problem_id"] for row, verdict in judged(out / name) if verdict["outcome"] != "correct"]


def mutated(
    data: Path, name: str, out: Path, share: float = 1.0, count: int = 100
) -> tuple[Row, list[tuple[str, str]]]:
    """Score one changed solution for each of `count` problems; return the report and what survives, by its change."""
    path = data / "benchmarks" / f"{name}.jsonl.gz"
    changes: dict[tuple[str, str], str] = {}
    for number, row in enumerate(random.Random(0).sample(list(rows(path)), count)):
        head = row["prompt"] if name == "humaneval" else ""
        found = mutants(head + row["canonical_solution"], first_line=head.count("\n") + 1, seed=number)
        if found:
            mutant = random.Random(number).choice(found)
            changes[row["id"], mutant.source] = f"{row['id']}, line {mutant.line}: {mutant.change}"
    given = [{"problem_id": problem, "completion": source} for problem, source in changes]
    given = _some(given, share, 0)
    place = out / f"{name}-mutants"
    report = evaluate(write(out / f"{name}-mutants.jsonl", given), place, "--problems", str(path), "--k", "1")
    alive = [row for row, verdict in judged(place) if verdict["outcome"] == "correct"]
    return report, [changes[row["problem_id"], row["messages"][-1]["content"]] for row in alive]


def judged(place: Path) -> Iterable[tuple[Row, Row]]:
    """Return the rollouts of an evaluation with their verdicts."""
    verdicts = {row["rollout_id"]: row for row in Table(place / "verdicts", key="rollout_id")}
    return [(row, verdicts[row["id"]]) for row in Table(place / "rollouts", key="id")]


def _some(found: Iterable[Row], share: float, seed: int) -> list[Row]:
    given = list(found)
    return random.Random(seed).sample(given, max(1, round(share * len(given)))) if share < 1 else given


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=DATA)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--only", nargs="*", choices=("labels", "codegen", "canonical", "mutants"), default=[])
    parser.add_argument("--out", type=Path, help="keep the evaluations here; by default they are thrown away")
    options = parser.parse_args()
    if not (options.data / "traces").is_dir():
        print(f"no traces in {options.data}: nothing to measure")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        return _all(options, options.out or Path(scratch))


def _all(options: argparse.Namespace, out: Path) -> int:
    wanted = options.only or ("labels", "codegen", "canonical", "mutants")
    wrong = 0
    if "labels" in wanted:
        for name in GOLDEN:
            found = labels(options.data, name, out / name)
            wrong += sum(value != golden for value, golden in found.values())
            print(f"{name}: {', '.join(f'{m} {value:.4f} ({golden:.4f})' for m, (value, golden) in found.items())}")
    if "codegen" in wanted:
        report, flips = codegen(options.data, out, options.share)
        classes = Counter(flip["class"] for flip in flips)
        wrong += classes["unexplained"]
        print(f"codegen: {report['rollouts']} executed, {report['labels']['agree']} as labelled; pass@1 ", end="")
        print(f"{report['metrics']['pass@1']['value']:.4f}; others: {dict(classes.most_common())}")
    for name in ("humaneval", "mbpp_full") if "canonical" in wanted else ():
        report, missed = canonical(options.data, name, out, options.share)
        wrong += len(missed)
        print(f"{name}: {report['outcomes'].get('correct', 0)} of {report['rollouts']} solutions pass; not: {missed}")
    for name in ("humaneval", "mbpp_full") if "mutants" in wanted else ():
        report, alive = mutated(options.data, name, out, options.share)
        print(f"{name}: {report['rollouts'] - len(alive)} of {report['rollouts']} changed solutions are refused")
        wrong += sum(change not in SURVIVORS for change in alive)
        for change in alive:
            print(f"  {change}: {SURVIVORS.get(change, 'unexplained')}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
