"""Score completions from a file into a folder that keeps them, their verdicts and the report.

The folder is an evaluation like any other: it can be compared, exported, and scored again without the file or a model.
The same command again judges only what has no current verdict.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from verifiers import Outcome, Verdict

from ..errors import RecipeError
from ..evaluation.read import PROBLEMS, read_groups, read_measured, read_problems, repeats, repeats_line
from ..evaluation.scorecard import scorecard
from ..problems import write_problems
from ..progress import StageProgress, say
from ..records import SCHEMA, Kind, Problem, Rollout, Row, content_id
from ..rows.completion_file import CompletionFile, ReadOptions
from ..store import RunFolder, Table
from ..store.rollout_table import completion_hash
from ..store.versions import versions
from ..verification.judging import VerifyOptions, verify_rollouts


@dataclass(slots=True, kw_only=True)
class ScoringRun:
    """What is scored and where to; `run` does it all and returns the report."""

    path: Path
    """File of completions, or the folder of another evaluation, or this one's own folder."""
    folder: Path
    references: Mapping[str, Problem] = field(default_factory=dict)
    """Problems by id, for rows without a reference of their own."""
    benchmark: str = ""
    """Name to note for these problems."""
    read: ReadOptions = field(default_factory=ReadOptions)
    verify: VerifyOptions = field(default_factory=lambda: VerifyOptions(strict=False))
    say: Callable[[str], None] = say

    def run(self, ks: Sequence[int] | None = None) -> Row:
        """Store, judge and measure; return report.json's object.

        Raises DataError for a file with unusable rows, before anything is judged, and RecipeError for a k that no
        problem has rollouts for.
        """
        if self.path.is_dir() and self.path.resolve() == self.folder.resolve():
            return rescore(self.folder, ks=ks, options=self.verify, by_label=self.read.by_label)
        references = self.references or (read_problems(self.path) if self.path.is_dir() else {})
        warnings: list[str] = []
        given = CompletionFile(path=self.path, references=references, options=self.read, warn=warnings.append)
        given.scan()
        _check_ks(ks, given.counts.values(), str(self.path))
        with RunFolder(self.folder) as folder:
            folder.claim("scoring")
            self._store(folder, given)
            _judge(folder, given.problems, self.verify, self.read.by_label)
            about = {"source": str(self.path), "format": given.format, "models": dict(given.models)}
            report = _report(folder, given.problems, ks, about=about, by_label=self.read.by_label)
            report["warnings"] += warnings
            if len(given.models) > 1 and "model" not in self.read.where:
                names = ", ".join(sorted(given.models)[:4])
                taken = f"rollouts of {len(given.models)} models are taken together ({names})"
                report["warnings"].append(f"{taken}; --where model=NAME takes one's")
            folder.write_json("report.json", report)
            return report

    def _store(self, folder: RunFolder, given: CompletionFile) -> None:
        """Keep problems and rollouts; rollouts of another file that was scored here go to `superseded/`."""
        write_problems(folder.path / PROBLEMS, given.problems.values())
        if folder.table("rollouts", key="id").ids() - {rollout.id for rollout in given}:
            folder.supersede("rollouts")
        with folder.table("rollouts", key="id", writable=True, warn=self.say) as table:
            there = {row["id"]: content_id(row) for row in table}
            for row in (rollout.to_row() for rollout in given):
                # The same completion may come with another score or label.
                if there.get(row["id"]) != content_id(row):
                    table.append(row)
        source = str(self.path)
        folder.update_manifest(versions=versions(), source=source, format=given.format, benchmark=self.benchmark)


def rescore(place: Path, *, ks: Sequence[int] | None = None, options: VerifyOptions, by_label: bool = False) -> Row:
    """Judge an evaluation's own rollouts again where they have no verdict by these options, and measure anew."""
    problems = read_problems(place)
    _check_ks(ks, Counter(rollout.problem_id for rollout in read_measured(place)).values(), str(place))
    with RunFolder(place) as folder:
        _judge(folder, problems, options, by_label)
        earlier = folder.read_json("report.json") or {}
        kept = {key: earlier[key] for key in _ABOUT if key in earlier}
        report = _report(folder, problems, ks, about=kept, by_label=by_label)
        folder.write_json("report.json", report)
    return report


_ABOUT = ("source", "format", "models", "model", "benchmark", "sampling", "prompt")
"""What a report says of its rollouts, which stays when they are judged anew."""


def _judge(folder: RunFolder, problems: Mapping[str, Problem], options: VerifyOptions, by_label: bool) -> None:
    rollouts = read_measured(folder.path)
    with folder.table("verdicts", key="rollout_id", writable=True, warn=say) as table, StageProgress() as progress:
        if by_label:
            _take_labels(rollouts, problems, table)
            return
        total = sum(1 for _ in read_measured(folder.path))
        progress.start("score", total)
        judged = verify_rollouts(
            rollouts, problems, table, options, on_verdict=lambda _rollout, _outcome: progress.advance("score")
        )
        progress.advance("score", by=total - judged)


def _take_labels(rollouts: Iterable[Rollout], problems: Mapping[str, Problem], table: Table) -> None:
    """Store the rows' own labels as verdicts; the answers are found as ever, for the votes."""
    from verifiers.math.extract import extract

    there = {row["rollout_id"] for row in table if row.get("judged_with") == LABELLED}
    for rollout in rollouts:
        if rollout.id in there or "label" not in rollout.annotations:
            continue
        problem = problems[rollout.problem_id]
        answer = extract(rollout.text).text if problem.kind is Kind.MATH else None
        outcome = Outcome.CORRECT if rollout.annotations["label"] else Outcome.INCORRECT
        verdict = Verdict(outcome=outcome, extracted=answer, expected=problem.answer, method="label")
        head = {"rollout_id": rollout.id, "schema": SCHEMA, "completion_hash": completion_hash(rollout)}
        table.append({**head, "judged_with": LABELLED, "tries": 1, **verdict.to_row()})


LABELLED = {"labels": True}


def _report(
    folder: RunFolder, problems: Mapping[str, Problem], ks: Sequence[int] | None, *, about: Row, by_label: bool
) -> Row:
    card = scorecard(read_groups(folder.path, problems).values(), ks)
    if repeated := repeats(problems.values()):
        card["warnings"].append(repeats_line(len(repeated), len(problems)))
    judge = "labels" if by_label else "verifiers"
    report = {"schema": SCHEMA, **about, **card, "judged_by": judge, "versions": versions()}
    if not by_label and (labels := _labels(folder)):
        report["labels"] = labels
    return report


def _labels(folder: RunFolder) -> Row | None:
    """Return how often our verdicts meet the labels that the rows brought; None where they brought none."""
    verdicts = {row["rollout_id"]: row["outcome"] for row in folder.table("verdicts", key="rollout_id")}
    pairs = [
        (verdicts[r.id] == Outcome.CORRECT, r.annotations["label"])
        for r in read_measured(folder.path)
        if "label" in r.annotations and r.id in verdicts
    ]
    if not pairs:
        return None
    return {
        "rows": len(pairs),
        "agree": sum(ours == label for ours, label in pairs),
        "right_here_only": sum(ours and not label for ours, label in pairs),
        "right_there_only": sum(label and not ours for ours, label in pairs),
    }


def _check_ks(ks: Sequence[int] | None, counts: Iterable[int], where: str) -> None:
    most = max(counts, default=0)
    for k in ks or ():
        if k > most:
            wide = f"no problem of {where} has so many rollouts, the most is {most}"
            raise RecipeError(f"--k {k}: {wide}; give a smaller k")
