"""Verdicts on somebody's rollouts, row by row, without metrics: what `reasondistill verify FILE` writes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from verifiers import Verdict
from verifiers.many import verify_each

from ..errors import DataError
from ..progress import StageProgress, say
from ..records import SCHEMA, Problem, Row, content_id
from ..rows.completion_file import CompletionFile
from ..store import RunFolder
from .judging import OutcomeCounts, VerifyOptions


def verify_file(given: CompletionFile, out: Path, options: VerifyOptions) -> Row:
    """Judge every row of a file, or of a folder's `rollouts`, into `out/verdicts`; return counts by outcome.

    Rows that have a verdict there, of the same content and options, are left alone. Raises DataError for a row without
    completion or reference, and for an id that stands for two rollouts.
    """
    # All rows are looked at before the first is judged; then they are read again, so that none need be held.
    hashes = {name: content_id(problem.content_hash, text, asdict(options)) for name, problem, text in _cases(given)}
    given.warn_of_skipped()
    with RunFolder(out) as folder, folder.table("verdicts", key="rollout_id", writable=True, warn=say) as table:
        done = {row["rollout_id"] for row in table if row.get("case_hash") == hashes.get(row["rollout_id"])}
        with StageProgress() as progress:
            progress.start("verify", len(hashes), done=len(done))
            todo = (case for case in _cases(given) if case[0] not in done)
            for (name, _, _), verdict in verify_each(todo, lambda case: options.case(case[1], case[2])):
                assert verdict is not None
                head = {"rollout_id": name, "schema": SCHEMA, "case_hash": hashes[name]}
                table.append({**head, **verdict.to_row()})
                progress.advance("verify")
        counts = OutcomeCounts()
        for stored in table:
            if stored["rollout_id"] in hashes:
                counts.add(Verdict.from_row(stored).outcome)
    outcomes = {str(outcome): n for outcome, n in counts.outcomes.items()}
    return {"rollouts": len(hashes), "outcomes": outcomes, "accuracy": counts.accuracy}


def _cases(given: CompletionFile) -> Iterator[tuple[str, Problem, str]]:
    """Yield name, problem and completion of every row; a row without an id is named by its content.

    Equal rows are told apart by their order.
    """
    seen: Counter[str] = Counter()
    for raw, completion, problem in given.cases():
        name = completion.id or content_id(problem.content_hash, completion.answer)
        seen[name] += 1
        if completion.id is None:
            name = content_id(name, seen[name])
        elif seen[name] > 1:
            raise DataError(
                f"{raw.place}: the id {name!r} stands for an earlier rollout too; give each its own `id` "
                "and name the problem in `problem_id`"
            )
        yield name, problem, completion.answer
