"""From a run folder to report.json and to what the page shows. Nothing is measured here that is not in the folder."""

from collections import Counter
from collections.abc import Iterator

from ..curation.agreement import agreement_rates
from ..curation.contamination import ContaminationReport
from ..evaluation.results import SetResult, compare, measure, pool
from ..evaluation.tool_use import tool_use
from ..generation.sample_stage import SampleSet, SampleStage
from ..problems import load_problems
from ..records import Estimate, Row
from ..report.data import Bar, Comparison, Count, Figure, LossPoint, PageData, RolloutView
from ..report.rollout_view import view_rollout
from ..report.text import p_words, percent, points
from ..store import RunFolder, Table
from ..store.rollout_table import read_rollouts
from ..verification.judging import read_verdicts
from .plan import Arm, Plan

HEADLINE = "seen"
"""The held-out set behind `accuracy`; the recipe's first set where none is called so."""

Results = dict[str, SetResult]
"""Results of one model by held-out set."""

_ALPHA = 0.05
"""p-value below which a difference is told as one."""


def assemble_report(plan: Plan, folder: RunFolder, *, command: str) -> Row:
    """Return report.json's object: accuracies with intervals, paired tests, tokens, seconds, counts."""
    measured = measure_all(plan, folder)
    before, after = measured.get("before", {}), measured.get("student", {})
    manifest = folder.read_json("manifest.json") or {}
    report: Row = {
        "schema": 1,
        "name": plan.recipe.name,
        "command": command,
        "headline": _headline_set(plan),
        "teacher": _model_row(plan, measured.get("teacher", {}), plan.recipe.teacher.model or _imported(manifest)),
        "counts": count_rows(plan, folder),
        "tokens": {who: _token_row(results) for who, results in measured.items()} | _train_tokens(plan, folder),
        "seconds": manifest.get("seconds", {}),
        "versions": manifest.get("versions", {}),
    }
    suspects = (folder.read_json("gold_audit.json") or {}).get("suspects", [])
    if suspects:
        report["suspect_golds"] = suspects
    if (found := _contamination(plan, folder)) is not None:
        report["contamination"] = found.summary()
    if (agreement := _agreement(folder)).get("labelled"):
        report["verifier"] = agreement
    if before:
        few_shot = {name: r.accuracy.to_row() for name, r in measured.get("few-shot", {}).items()}
        report["student_before"] = {**_model_row(plan, before, plan.recipe.student.model), "few_shot": few_shot}
    if before and after:
        report["student_after"] = _model_row(plan, after, str(plan.model(next(plan.arms()))))
        report |= _paired_rows(plan, before, after)
        report["arms"] = _arm_rows(plan, measured)
    return report


def assemble_page(plan: Plan, folder: RunFolder, report: Row) -> PageData:
    """Return what report.html and the closing table show."""
    return PageData(
        title=f"reasondistill: {plan.recipe.name}",
        summary=list(_sentences(report)),
        headline=list(_figures(report)),
        accuracies=list(_bars(report)),
        comparisons=list(_comparisons(report)),
        waterfall=_waterfall(report["counts"]),
        contamination=_contamination(plan, folder),
        verifier=list(agreement_rates(_agreement(folder))),
        loss=list(_loss(plan, folder)),
        seconds=list(report["seconds"].items()),
        tokens=[(who, row["prompt"], row["completion"]) for who, row in report["tokens"].items()],
        rollouts=list(_views(plan, folder)),
        provenance=_provenance(plan, folder, report),
    )


def _imported(manifest: Row) -> str:
    """Return whose the rollouts made elsewhere are."""
    return str(manifest.get("teacher", {}).get("name", ""))


def measure_all(plan: Plan, folder: RunFolder) -> dict[str, Results]:
    """Measure every model on every held-out set that has been sampled, by the name of its evaluation."""
    stages: list[tuple[str, SampleStage]] = [("teacher", plan.teacher())]
    if plan.recipe.student.model:
        stages.append(("student", plan.before()))
        stages += [(arm.name, stage) for arm, stage in _trained(plan, folder)]
    found: dict[str, Results] = {}
    for _, stage in stages:
        for given in stage.sets:
            if given.folder == plan.folder or not given.problems.exists():
                continue
            wanted = [identifier for identifier, _, _ in given.plan(stage.model).wanted()]
            who, _, held_out = given.label.partition(" / ")
            if result := measure(given.folder, only=wanted):
                found.setdefault(who, {})[held_out] = result
    return found


def _trained(plan: Plan, folder: RunFolder) -> Iterator[tuple[Arm, SampleStage]]:
    models = plan.trained(folder)
    return ((arm, plan.after(arm, models[arm.name])) for arm in plan.arms() if arm.name in models)


def _headline_set(plan: Plan) -> str | None:
    names = list(plan.recipe.held_out)
    return HEADLINE if HEADLINE in names else next(iter(names), None)


def _model_row(plan: Plan, results: Results, model: str) -> Row:
    """Return `{model, accuracy, <other sets>..., outcomes, truncated}` of one model."""
    headline = _headline_set(plan)
    row: Row = {"model": model, "accuracy": results[headline].accuracy.to_row() if headline in results else None}
    row |= {name: r.accuracy.to_row() for name, r in results.items() if name != headline}
    row["outcomes"] = {name: r.outcomes for name, r in results.items()}
    row["truncated"] = {name: r.truncated for name, r in results.items()}
    return row


def _paired_rows(plan: Plan, before: Results, after: Results) -> Row:
    """Return the paired tests: on the headline set, on each set, and on all problems together."""
    names = [name for name in before if name in after]
    by_set = {name: compare([before[name]], [after[name]]) for name in names}
    by_set["all"] = compare([before[name] for name in names], [after[name] for name in names])
    rows = {name: result.to_row() for name, result in by_set.items() if result}
    return {"paired": rows.get(_headline_set(plan) or "all"), "paired_by_set": rows}


def _arm_rows(plan: Plan, measured: dict[str, Results]) -> Row:
    """Return each trained arm's accuracy over its seeds and its paired difference from the main arm, by set."""
    kinds: dict[str, list[str]] = {}
    for arm in plan.arms():
        if arm.name in measured:
            kinds.setdefault(arm.kind, []).append(arm.name)
    rows: Row = {}
    first = next(iter(plan.recipe.students))
    for kind, names in kinds.items():
        rows[kind] = {"seeds": len(names)}
        for held_out in plan.recipe.held_out:
            own = [measured[name][held_out] for name in names if held_out in measured[name]]
            main = [measured[name][held_out] for name in kinds[first] if held_out in measured[name]]
            if not own:
                continue
            rows[kind][held_out] = {
                "accuracy": pool(own).accuracy.to_row(),
                "by_seed": [round(result.accuracy.value, 4) for result in own],
            }
            if kind != first and (result := compare([pool(own)], [pool(main)])):
                rows[kind][held_out]["paired_to_student"] = result.to_row()
    return rows


def count_rows(plan: Plan, folder: RunFolder) -> Row:
    """Return the rows of every stage from problems to examples; kept and dropped add up."""
    path = plan.problem_file("train")
    if not path.exists():
        return {"problems": 0, "rollouts": 0}
    wanted = plan.train_rollouts()
    result = measure(plan.folder, only=wanted)
    curated = (folder.path / "drops").is_dir()
    drops: dict[str, Counter[str]] = {}
    for row in Table(folder.path / "drops", key="rollout_id"):
        drops.setdefault(row["step"], Counter())[row["reason"]] += 1
    rollouts = result.rollouts if result else 0
    ids = set(wanted)
    used = tool_use(r for r in read_rollouts(plan.folder) if r.id in ids)
    return {
        "problems": len(load_problems(path)),
        "held_out": {name: len(load_problems(plan.problem_file(name))) for name in plan.recipe.held_out},
        "rollouts_wanted": len(wanted),
        "rollouts": rollouts,
        "outcomes": result.outcomes if result else {},
        **({"tool_use": used} if used else {}),
        **({"formats": formats} if (formats := _format_rows(folder)) else {}),
        "drops": {step: dict(reasons) for step, reasons in drops.items()},
        "examples": rollouts - sum(reasons.total() for reasons in drops.values()) if curated else 0,
    }


def _format_rows(folder: RunFolder) -> dict[str, int]:
    """Return the rows of each format that stands beside the dataset's main split."""
    return dict((folder.read_json("dataset/manifest.json") or {}).get("formats", {}))


def _token_row(results: Results) -> Row:
    return {
        "prompt": sum(r.prompt_tokens for r in results.values()),
        "cached": sum(r.cached_tokens for r in results.values()),
        "completion": sum(r.completion_tokens for r in results.values()),
    }


def _train_tokens(plan: Plan, folder: RunFolder) -> Row:
    wanted = plan.train_rollouts() if plan.problem_file("train").exists() else []
    result = measure(plan.folder, only=wanted)
    return {"teacher / train": _token_row({"train": result})} if result else {}


def _sentences(report: Row) -> Iterator[str]:
    counts = report["counts"]
    yield (
        f"{counts['rollouts']:,} rollouts of {report['teacher']['model']} on {counts['problems']:,} problems "
        f"gave {counts.get('examples', 0):,} examples."
    )
    if suspects := report.get("suspect_golds"):
        one = suspects[0]
        yield (
            f"{len(suspects):,} references are contradicted by most rollouts of their problems, such as "
            f"{one['problem_id']}: {one['gold']!r}, where {one['votes']} of {one['rollouts']} say {one['answer']!r} "
            "(gold_audit.json names all)."
        )
    if "student_after" not in report:
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
    for label, key in (
        ("Teacher", "teacher"),
        ("Student before", "student_before"),
        ("Student after", "student_after"),
    ):
        row = report.get(key, {}).get("accuracy")
        if row:
            e = Estimate.from_row(row)
            yield Figure(
                label=label,
                value=percent(e.value),
                note=f"{percent(e.low)} to {percent(e.high)}, n={e.n}, {report['headline']}",
            )
    yield Figure(
        label="Examples",
        value=f"{report['counts'].get('examples', 0):,}",
        note=f"of {report['counts']['rollouts']:,} rollouts",
    )
    total = sum(report["seconds"].values())
    yield Figure(label="Time", value=f"{total / 60:.1f} min", note="all stages, this machine")


def _bars(report: Row) -> Iterator[Bar]:
    headline = report["headline"]
    for label, key in (
        ("teacher", "teacher"),
        ("student before", "student_before"),
        ("student after", "student_after"),
    ):
        for name, row in _set_rows(report.get(key, {}), headline):
            yield Bar(label=label, group=name, estimate=Estimate.from_row(row))
    for name, row in report.get("student_before", {}).get("few_shot", {}).items():
        yield Bar(label="student before, few-shot prompt", group=name, estimate=Estimate.from_row(row))
    for kind, row in report.get("arms", {}).items():
        for name, cell in row.items():
            if isinstance(cell, dict) and (kind != next(iter(report["arms"])) or row["seeds"] > 1):
                label = f"{kind} ({row['seeds']} seeds)" if row["seeds"] > 1 else kind
                yield Bar(label=label, group=name, estimate=Estimate.from_row(cell["accuracy"]))


def _set_rows(row: Row, headline: str) -> Iterator[tuple[str, Row]]:
    if row.get("accuracy"):
        yield headline, row["accuracy"]
    for name, value in row.items():
        if name != "accuracy" and isinstance(value, dict) and {"value", "low", "high", "n"} <= value.keys():
            yield name, value


def _comparisons(report: Row) -> Iterator[Comparison]:
    for name, row in report.get("paired_by_set", {}).items():
        yield _comparison("student before", "student after", name, row)
    for kind, arm in report.get("arms", {}).items():
        for name, cell in arm.items():
            if isinstance(cell, dict) and (row := cell.get("paired_to_student")):
                yield _comparison(kind, "student", name, row)


def _comparison(a: str, b: str, held_out: str, row: Row) -> Comparison:
    clear = (row["low"] > 0 or row["high"] < 0) and row["p_value"] < _ALPHA  # few discordant pairs: they can differ
    verdict = f"{b} is {'better' if row['difference'] > 0 else 'worse'}" if clear else "no difference can be concluded"
    return Comparison(
        label_a=f"{a}, {held_out}",
        label_b=f"{b}, {held_out}",
        words=f"{b} against {a} on {held_out}: {_difference(row)}: {verdict}.",
        **{k: row[k] for k in ("difference", "low", "high", "n", "p_value")},
    )


def _waterfall(counts: Row) -> list[Count]:
    left = counts["rollouts"]
    rows = [
        Count(stage="problems", kept=counts["problems"]),
        Count(stage="rollouts", kept=left, dropped=max(0, counts.get("rollouts_wanted", left) - left), reasons={}),
    ]
    for step, reasons in counts.get("drops", {}).items():
        left -= sum(reasons.values())
        rows.append(Count(stage=f"after {step}", kept=left, dropped=sum(reasons.values()), reasons=reasons))
    return [*rows, Count(stage="examples", kept=counts.get("examples", 0))]


def _contamination(plan: Plan, folder: RunFolder) -> ContaminationReport | None:
    """Return what decontamination wrote, where it is on and was done."""
    row = folder.read_json("decontamination.json") if plan.recipe.curate.decontaminate else None
    return None if row is None else ContaminationReport.from_row(row)


def _agreement(folder: RunFolder) -> Row:
    return folder.read_json("agreement.json") or {}


def _loss(plan: Plan, folder: RunFolder) -> Iterator[LossPoint]:
    for arm in plan.arms() if plan.recipe.student.model else ():
        result = folder.read_json(f"models/{arm.name}/training.json")
        for point in (result or {}).get("log", []):
            yield LossPoint(step=point["step"], loss=point["loss"], series=arm.name)


def _views(plan: Plan, folder: RunFolder) -> Iterator[RolloutView]:
    """Yield every rollout of the run, evaluations first: what a reader wants to see is right and wrong answers."""
    dropped = {
        row["rollout_id"]: f"{row['step']}: {row['reason']}" for row in Table(folder.path / "drops", key="rollout_id")
    }
    otherwise = "kept" if (folder.path / "drops").is_dir() else ""
    for given in _sampled(plan, folder):
        if not given.problems.exists():
            continue
        problems = {p.id: p for p in load_problems(given.problems)}
        verdicts = read_verdicts(Table(given.folder / "verdicts", key="rollout_id"))
        training = given.folder == plan.folder
        for rollout in read_rollouts(given.folder):
            if rollout.problem_id in problems and rollout.id in verdicts:
                fate = dropped.get(rollout.id, otherwise) if training else ""
                verdict = verdicts[rollout.id].to_row()
                yield view_rollout(rollout, problems[rollout.problem_id], verdict, given.label, fate)


def _sampled(plan: Plan, folder: RunFolder) -> Iterator[SampleSet]:
    """Yield every set of rollouts that a run may have."""
    yield from plan.teacher().sets or (plan.train_set(),)
    if plan.recipe.student.model:
        yield from plan.before().sets
        for _, stage in _trained(plan, folder):
            yield from stage.sets


def _provenance(plan: Plan, folder: RunFolder, report: Row) -> dict[str, str]:
    manifest = folder.read_json("manifest.json") or {}
    hashes = {f"problems {name}": value for name, value in manifest.get("inputs", {}).items()}
    models = {f"model {name}": value for name, value in manifest.get("models", {}).items()}
    return {
        "command": report["command"],
        "seed": str(plan.recipe.seed),
        **{k: str(v) for k, v in report["versions"].items()},
        **hashes,
        **models,
    }
