"""Judging rollouts that were made elsewhere: rows with `messages` or `completion`, and a reference of their own or from
a problem file."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from verifiers import Verdict
from verifiers.many import verify_each

from ..errors import DataError
from ..progress import StageProgress, say
from ..records import SCHEMA, Row, content_id
from ..rows.files import load_problems
from ..store import RunFolder, Table, read_rows
from .judging import OutcomeCounts, VerifyOptions

REFERENCE_KEYS = ("answer", "gold", "expected_answer", "tests")


def verify_file(given: Path, out: Path, *, problems: Path | None, options: VerifyOptions) -> Row:
    """Judge every row of a file, or of a folder's `rollouts`, into `out/verdicts`; return counts by outcome.

    Rows that have a verdict there, of the same content and options, are left alone. Raises DataError for a row without
    completion or reference, and for an id that stands for two rollouts. A run folder brings its own problems.
    """
    files = [problems] if problems else sorted((given / "problems").glob("*.jsonl"))
    references = {p.id: p.to_row() for file in files for p in load_problems(file)}
    # All rows are looked at before the first is judged; then they are read again, so that none need be held.
    hashes = {case["rollout_id"]: content_id(case, asdict(options)) for case in _cases(given, references)}
    with RunFolder(out) as folder, folder.table("verdicts", key="rollout_id", writable=True, warn=say) as table:
        done = {row["rollout_id"] for row in table if row.get("case_hash") == hashes.get(row["rollout_id"])}
        with StageProgress() as progress:
            progress.start("verify", len(hashes), done=len(done))
            todo = (case for case in _cases(given, references) if case["rollout_id"] not in done)
            for case, verdict in verify_each(todo, lambda case: options.case(case, case["completion"])):
                assert verdict is not None
                identifier = case["rollout_id"]
                head = {"rollout_id": identifier, "schema": SCHEMA, "case_hash": hashes[identifier]}
                table.append({**head, **verdict.to_row()})
                progress.advance("verify")
        counts = OutcomeCounts()
        for stored in table:
            if stored["rollout_id"] in hashes:
                counts.add(Verdict.from_row(stored).outcome)
    outcomes = {str(outcome): n for outcome, n in counts.outcomes.items()}
    return {"rollouts": len(hashes), "outcomes": outcomes, "accuracy": counts.accuracy}


def _cases(given: Path, references: Mapping[str, Row]) -> Iterator[Row]:
    """Yield `{rollout_id, completion, kind, answer|tests}` of every row; a row without an id has one by its content.

    Equal rows are told apart by their order.
    """
    seen: Counter[str] = Counter()
    for number, row in enumerate(_read(given), 1):
        case = _case(number, row, references, given)
        name = case["rollout_id"] or content_id(case)
        seen[name] += 1
        if case["rollout_id"] is None:
            case["rollout_id"] = content_id(name, seen[name])
        elif seen[name] > 1:
            raise DataError(
                f"{given}:{number}: the id {name!r} stands for an earlier rollout too; give each its own `id` "
                "and name the problem in `problem_id`"
            )
        yield case


def _read(given: Path) -> Iterator[Row]:
    if given.is_dir():
        return iter(Table(given / "rollouts", key="id"))
    if not given.is_file():
        raise DataError(f"{given}: no such file or folder of rollouts")
    return read_rows(given, warn=say)


def _case(number: int, row: Row, references: Mapping[str, Row], where: Path) -> Row:
    """Return `{rollout_id, completion, kind, answer|tests}` of one row; the id is None where the row has none."""
    completion = _completion(row)
    if completion is None:
        raise DataError(
            f"{where}:{number}: neither `completion` nor `messages` with an assistant turn; it has {_keys(row)}"
        )
    reference = references.get(str(row.get("problem_id")), row)
    key = next((k for k in REFERENCE_KEYS if reference.get(k) is not None), None)
    if key is None:
        how = "add `answer` or `tests` to the row, or --problems FILE with its problem_id"
        raise DataError(f"{where}:{number}: no reference; {how} (it has {_keys(row)})")
    kind = reference.get("kind") or ("code" if key == "tests" else "math")
    identifier = row.get("id") or row.get("rollout_id")
    return {
        "rollout_id": None if identifier is None else str(identifier),
        "completion": completion,
        "kind": kind,
        ("tests" if key == "tests" else "answer"): reference[key],
    }


def _completion(row: Row) -> str | None:
    if isinstance(row.get("completion"), str):
        return str(row["completion"])
    messages = row.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "assistant":
            content = message.get("content") or ""
            return content if isinstance(content, str) else None
    return None


def _keys(row: Row) -> str:
    return ", ".join(row) or "no keys"
