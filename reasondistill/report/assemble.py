"""From a run folder to report.json and to the page. Joins the summaries of the steps; needs no model and no engine."""

from collections.abc import Iterator

from ..curation.agreement import agreement_rates
from ..curation.contamination import ContaminationReport
from ..evaluation.results import compare, pool
from ..evaluation.scorecard import truncation_lines
from ..records import SCHEMA, Estimate, Problem, Row
from ..rows.run_problems import TRAIN, problem_file
from ..store import Table, read_rows
from ..store.rollout_table import read_rollouts
from .data import Bar, Comparison, Count, Figure, LossPoint, PageData, RolloutView
from .rollout_view import view_rollouts
from .run_results import Results, RunResults, Student
from .text import p_words, percent, points

_ALPHA = 0.05
"""p-value below which a difference is reported as one."""
_MAIN = (("Teacher", "teacher"), ("Student before", "student_before"), ("Student after", "student_after"))


def assemble_report(run: RunResults, *, command: str) -> Row:
    """Return report.json's object: accuracies with intervals, paired tests, tokens, seconds, counts."""
    measured = run.measure()
    students = run.students()
    before = measured.get("before", {})
    report: Row = {
        "schema": SCHEMA,
        "name": run.manifest.get("run", run.path.name),
        "command": command,
        "headline": run.headline,
        "teacher": _model_row(run, measured.get("teacher", {}), str(run.summary("generate").get("model", ""))),
        "counts": count_rows(run),
        "tokens": _token_rows(run),
        "seconds": {name: record["seconds"] for name, record in run.steps.items()},
        "versions": run.manifest.get("versions", {}),
    }
    curated = run.summary("curate")
    if curated.get("suspects"):
        report["suspect_references"] = curated["suspects"]
    if contamination := _contamination(run):
        report["contamination"] = contamination.summary()
    elif curated:
        report["contamination"] = {"checked": False}
    if curated.get("agreement", {}).get("labelled"):
        report["verifier"] = curated["agreement"]
    if before:
        few_shot = {name: r.accuracy.to_row() for name, r in measured.get("few-shot", {}).items()}
        report["student_before"] = {**_model_row(run, before, run.model("before") or ""), "few_shot": few_shot}
    if students and (after := measured.get(students[0].folders[0], {})):
        report["student_after"] = _model_row(run, after, f"models/{students[0].folders[0]}")
        report |= _paired_rows(run, before, after)
    report["warnings"] = [
        f"{label}, {name}: {line}"
        for label, key in _MAIN
        for name, truncated in report.get(key, {}).get("truncated", {}).items()
        for line in truncation_lines(truncated, sum(report[key]["outcomes"][name].values()))
    ]
    if students:
        report["students"] = {student.name: _student_row(run, student, students[0], measured) for student in students}
    return report


def assemble_page(run: RunResults, report: Row) -> PageData:
    """Return what report.html and the closing table show."""
    return PageData(
        title=f"reasondistill: {report['name']}",
        summary=list(_sentences(report)),
        headline=list(_figures(report)),
        accuracies=list(_bars(report)),
        comparisons=list(_comparisons(report)),
        waterfall=_waterfall(report["counts"]),
        contamination=_contamination(run),
        verifier=list(agreement_rates(report.get("verifier", {}))),
        loss=[
            LossPoint(step=point["step"], loss=point["loss"], series=folder)
            for student in run.students()
            for folder, record in zip(student.folders, student.records, strict=True)
            for point in record["summary"]["log"]
            if "loss" in point
        ],
        seconds=list(report["seconds"].items()),
        tokens=[(who, row["prompt"], row["completion"]) for who, row in report["tokens"].items()],
        rollouts=list(_views(run)),
        provenance=_provenance(run, report),
    )


def count_rows(run: RunResults) -> Row:
    """Return the rows of every step from problems to examples; kept and dropped add up."""
    problems = run.summary("problems").get("problems", {})
    result = run.train_results()
    wanted = run.folder.read_json("measured.json") or ()
    rollouts = result.rollouts if result else 0
    curated = run.summary("curate")
    generated = run.summary("generate").get("results", {}).get("teacher", {}).get(TRAIN, {})
    formats = run.summary("export").get("formats")
    return {
        "problems": problems.get(TRAIN, 0),
        "held_out": {name: problems[name] for name in run.held_out},
        "rollouts_wanted": len(wanted),
        "rollouts": rollouts,
        "outcomes": result.outcomes if result else {},
        **({"tool_use": generated["tool_use"]} if generated.get("tool_use") else {}),
        **({"formats": formats} if formats else {}),
        "drops": curated.get("drops", {}),
        "examples": curated.get("examples", 0),
    }


def _contamination(run: RunResults) -> ContaminationReport | None:
    """Return the findings of decontamination, where the current curation has some."""
    row = run.folder.read_json("decontamination.json") if run.summary("curate") else None
    return ContaminationReport.from_row(row) if row and row["benchmarks"] else None


def _model_row(run: RunResults, results: Results, model: str) -> Row:
    """Return `{model, accuracy, <other sets>..., outcomes, truncated}` of one model."""
    headline = run.headline
    row: Row = {"model": model, "accuracy": results[headline].accuracy.to_row() if headline in results else None}
    row |= {name: r.accuracy.to_row() for name, r in results.items() if name != headline}
    row["outcomes"] = {name: r.outcomes for name, r in results.items()}
    row["truncated"] = {name: r.truncated for name, r in results.items()}
    return row


def _paired_rows(run: RunResults, before: Results, after: Results) -> Row:
    names = [name for name in before if name in after]
    by_set = {name: compare([before[name]], [after[name]]) for name in names}
    by_set["all"] = compare([before[name] for name in names], [after[name] for name in names])
    rows = {name: result.to_row() for name, result in by_set.items() if result}
    return {"paired": rows.get(run.headline or "all"), "paired_by_set": rows}


def _student_row(run: RunResults, student: Student, first: Student, measured: dict[str, Results]) -> Row:
    """Return how one student was taught, its accuracies over its seeds, and its differences from the first student."""
    summaries = [record["summary"] for record in student.records]
    row: Row = {
        **{key: summaries[0][key] for key in ("method", "data", "start")},
        "seeds": len(summaries),
        "seconds": round(sum(record["seconds"] for record in student.records), 3),
        "trained_tokens": summaries[0]["trained_tokens"],
        "accuracy": None,
        "by_seed": {},
        "paired": {},
    }
    for name in run.held_out:
        own, others = ([measured[f][name] for f in s.folders if name in measured.get(f, {})] for s in (student, first))
        if own:
            row["accuracy" if name == run.headline else name] = pool(own).accuracy.to_row()
            row["by_seed"][name] = [round(result.accuracy.value, 4) for result in own]
            if student is not first and (result := compare([pool(own)], [pool(others)])):
                row["paired"][name] = result.to_row()
    return row


def _token_rows(run: RunResults) -> Row:
    """Return the tokens of each model over its sets; the teacher's training rollouts stand alone."""
    rows: dict[str, Row] = {}
    for who, name, sampled in run.sampled():
        row = rows.setdefault(f"{who} / {name}" if name == TRAIN else who, {"prompt": 0, "cached": 0, "completion": 0})
        result = run.train_results() if sampled["folder"] == "." else None
        for key in row:
            row[key] += getattr(result, f"{key}_tokens") if result else sampled["tokens"].get(key, 0)
    return dict(rows)


def _sentences(report: Row) -> Iterator[str]:
    counts = report["counts"]
    teacher = report["teacher"]["model"] or "no teacher yet"
    made = f"{counts['problems']:,} problems gave {counts['examples']:,} examples."
    yield f"{counts['rollouts']:,} rollouts of {teacher} on {made}"
    yield from (f"{line}." for line in report["warnings"])
    if suspects := report.get("suspect_references"):
        one = suspects[0]
        yield (
            f"{len(suspects):,} references are contradicted by most rollouts of their problems, such as "
            f"{one['problem_id']}: {one['reference']!r}, where {one['votes']} of {one['rollouts']} say "
            f"{one['answer']!r} (reference_audit.json lists all)."
        )
    if "student_before" not in report or "student_after" not in report:
        return
    before, after = (Estimate.from_row(report[k]["accuracy"]) for k in ("student_before", "student_after"))
    yield (
        f"The student went from {percent(before.value)} to {percent(after.value)} on {after.n} held-out problems "
        f"({_difference(report['paired'])})."
    )


def _difference(row: Row) -> str:
    interval = f"[{points(row['low'])}, {points(row['high'])}]"
    p = p_words(row["p_value"])
    return f"{points(row['difference'])} {interval}, n={row['n']}, p {p if p.startswith('<') else f'= {p}'}"


def _figures(report: Row) -> Iterator[Figure]:
    for label, key in _MAIN:
        if row := report.get(key, {}).get("accuracy"):
            e = Estimate.from_row(row)
            note = f"{percent(e.low)} to {percent(e.high)}, n={e.n}, {report['headline']}"
            yield Figure(label=label, value=percent(e.value), note=note)
    counts = report["counts"]
    yield Figure(label="Examples", value=f"{counts['examples']:,}", note=f"of {counts['rollouts']:,} rollouts")
    total = sum(report["seconds"].values())
    yield Figure(label="Time", value=f"{total / 60:.1f} min", note="all steps, this machine")


def _bars(report: Row) -> Iterator[Bar]:
    for label, key in _MAIN:
        for name, row in _set_rows(report.get(key, {}), report["headline"]):
            yield Bar(label=label.lower(), group=name, estimate=Estimate.from_row(row))
    for name, row in report.get("student_before", {}).get("few_shot", {}).items():
        yield Bar(label="student before, few-shot prompt", group=name, estimate=Estimate.from_row(row))
    for number, (student, taught) in enumerate(report.get("students", {}).items()):
        if number or taught["seeds"] > 1:
            label = f"{student} ({taught['seeds']} seeds)" if taught["seeds"] > 1 else student
            for name, row in _set_rows(taught, report["headline"]):
                yield Bar(label=label, group=name, estimate=Estimate.from_row(row))


def _set_rows(row: Row, headline: str) -> Iterator[tuple[str, Row]]:
    if row.get("accuracy"):
        yield headline, row["accuracy"]
    for name, value in row.items():
        if name != "accuracy" and isinstance(value, dict) and {"value", "low", "high", "n"} <= value.keys():
            yield name, value


def _comparisons(report: Row) -> Iterator[Comparison]:
    students = report.get("students", {})
    first = next(iter(students), "")
    rows = [("student before", "student after", name, row) for name, row in report.get("paired_by_set", {}).items()]
    rows += [(name, first, on, row) for name, taught in students.items() for on, row in taught["paired"].items()]
    for a, b, on, row in rows:
        # With few discordant pairs the interval and the test can disagree; a difference needs both.
        clear = (row["low"] > 0 or row["high"] < 0) and row["p_value"] < _ALPHA
        better = f"{b} is {'better' if row['difference'] > 0 else 'worse'}"
        verdict = better if clear else "no difference can be concluded"
        words = f"{b} against {a} on {on}: {_difference(row)}: {verdict}."
        numbers = {k: row[k] for k in ("difference", "low", "high", "n", "p_value")}
        yield Comparison(label_a=f"{a}, {on}", label_b=f"{b}, {on}", words=words, **numbers)


def _waterfall(counts: Row) -> list[Count]:
    left = counts["rollouts"]
    missing = max(0, counts.get("rollouts_wanted", left) - left)
    rows = [Count(stage="problems", kept=counts["problems"]), Count(stage="rollouts", kept=left, dropped=missing)]
    for step, reasons in counts["drops"].items():
        left -= sum(reasons.values())
        rows.append(Count(stage=f"after {step}", kept=left, dropped=sum(reasons.values()), reasons=reasons))
    return [*rows, Count(stage="examples", kept=counts["examples"])]


def _views(run: RunResults) -> Iterator[RolloutView]:
    """Yield every rollout of the run, evaluations first: right and wrong answers are what readers look for."""
    drops = Table(run.path / "drops", key="rollout_id")
    dropped = {row["rollout_id"]: f"{row['step']}: {row['reason']}" for row in drops}
    otherwise = "kept" if run.summary("curate") else ""
    sampled = list(run.sampled()) or [("teacher", TRAIN, {"folder": "."})]
    for who, name, row in sorted(sampled, key=lambda one: one[1] == TRAIN):
        path, place = run.path / problem_file(name), run.path / row["folder"]
        if path.exists():
            problems = {p["id"]: Problem.from_row(p) for p in read_rows(path)}
            fates = (dropped, otherwise) if row["folder"] == "." else ({}, "")
            yield from view_rollouts(place, read_rollouts(place), problems, f"{who} / {name}", *fates)


def _provenance(run: RunResults, report: Row) -> dict[str, str]:
    inputs = run.summary("problems").get("inputs", {})
    models = {f"model {name.partition('/')[2]}": r["key"] for name, r in run.steps.items() if name.startswith("train/")}
    return {
        "command": report["command"],
        "seed": str(run.manifest.get("seed", "")),
        **{k: str(v) for k, v in report["versions"].items()},
        **{f"problems {name}": value for name, value in inputs.items()},
        **models,
    }
