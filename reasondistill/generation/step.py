"""The steps that sample a model: the teacher, a reference model, a student; and the one that imports rollouts."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import EngineError
from ..evaluation.read import MEASURED
from ..evaluation.results import SetResult, measure
from ..progress import say
from ..records import Row, rows_id
from ..rows.run_problems import TRAIN, stored_problems
from ..store import RunFolder, write_atomic
from ..store.options import dump_options
from ..store.rollout_table import open_rollouts, read_rollouts
from ..store.run_context import RunContext, Work
from .imported_rollouts import ImportedRollouts
from .prompts import load_template
from .sample_stage import SampleSet, SampleStage, failures
from .spending import MAX_FAILED_SHARE
from .strategies.tir.strategy import Tir

CHARACTERS_PER_TOKEN = 3.5
"""Estimate for prompts, whose tokenizer is not loaded in a dry run; low for English, so the tokens come out high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStep:
    """Sample one model on one or several sets of problems, judge each rollout, and measure each set."""

    name: str
    stage: Callable[[str | None], SampleStage]
    """Builder of the stage; a trained model is named by the key of its training, which the builder gets."""
    who: Mapping[str, tuple[str, str]]
    """Measured model and set by the label of a SampleSet, such as `("before", "seen")`."""
    writes: tuple[str, ...]
    reads: tuple[str, ...] = ("problems",)
    trained_by: str | None = None
    max_failed_share: float = MAX_FAILED_SHARE
    describe: Callable[[], Row] = dict
    """Row about the model for the manifest and the dataset card."""

    def options(self) -> Row:
        """Return how many rollouts are wanted, and their caps; `identity` holds the rest."""
        stage = self.stage(None)
        grown = [
            {"samples": s.samples, "count": s.count, "cap": s.sampling.max_tokens, "budget": dump_options(s.budget)}
            for s in stage.sets
        ]
        return {"sets": grown, "verify": dump_options(stage.verify)}

    def identity(self, run: RunContext) -> Row:
        """Return what makes stored rollouts usable: the model, the prompts and the way of sampling, without caps."""
        stage = self._stage(run)
        return {"model": stage.model, "sets": [_set_identity(one) for one in stage.sets]}

    def work(self, run: RunContext) -> Work:
        """Count stored and missing rollouts, and the tokens that the missing ones cost at most."""
        stage = self._stage(run)
        rows = tuple(self._work(run, one, stage) for one in stage.sets)
        names = ("wanted", "stored", "completion_tokens_at_most")
        wanted, stored, tokens = (sum(row[name] for row in rows) for name in names)
        lines = tuple(_work_line(self.name, row) for row in rows)
        return Work(wanted=wanted, stored=stored, tokens=tokens, lines=lines, rows=rows)

    def run(self, run: RunContext) -> Row:
        """Sample what is missing; raise EngineError when too many requests failed for good."""
        stage = self._stage(run)
        for one in stage.sets:
            ids = [identifier for identifier, _, _ in one.plan(stage.model).wanted()]
            write_atomic(one.folder / MEASURED, json.dumps(ids) + "\n")
        run.note(self.name, self.summarise(run))  # a report of a killed run shows what is stored
        result = run.run_job(stage)
        run.folder.log("sampled", step=self.name, **result)
        refuse_failures(result["sets"], self.max_failed_share)
        missing = sum(sum(counts["failed"].values()) for counts in result["sets"].values())
        return {**self.summarise(run), "engine": result["engine"], "missing": missing}

    def summarise(self, run: RunContext) -> Row:
        """Return what the stored rollouts measure, by model and set."""
        stage = self._stage(run)
        results: dict[str, Row] = {}
        hashes = []
        for one in stage.sets:
            ids = RunFolder(one.folder).read_json(MEASURED) or ()
            who, held_out = self.who[one.label]
            folder = "." if one.folder == run.path else str(one.folder.relative_to(run.path))
            # What the strategy itself measures of its rollouts, such as how many ran code.
            wanted = set(ids)
            own = one.strategy.member.measure(r for r in read_rollouts(one.folder) if r.id in wanted)
            row = summary_row(measure(one.folder, only=ids)) | {"folder": folder} | own
            results.setdefault(who, {})[held_out] = row
            hashes.append(rollouts_hash(one.folder, ids))
        output = rows_id({"hash": each} for each in hashes)
        return {"model": stage.model, "described": self.describe(), "results": results, "output": output}

    def _stage(self, run: RunContext) -> SampleStage:
        return self.stage(run.state(self.trained_by) if self.trained_by else None)

    def _work(self, run: RunContext, one: SampleSet, stage: SampleStage) -> Row:
        # In a dry run the problems may not have been written yet.
        plan = one.plan(stage.model, tuple(stored_problems(run, one.problems.stem)[: one.count]))
        wanted = len(plan.problems) * plan.samples
        missing = plan.missing(open_rollouts(one.folder))
        characters = sum(len(m.content) for _, problem, _ in missing for m in plan.template.messages(problem))
        return {
            "set": one.label,
            "model": stage.model,
            "wanted": wanted,
            "stored": wanted - len(missing),
            "prompt_tokens_about": round(characters / CHARACTERS_PER_TOKEN),
            "completion_tokens_at_most": len(missing) * one.sampling.max_tokens,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportStep:
    """Store rollouts from files instead of sampling a teacher."""

    rollouts: Callable[[], ImportedRollouts]
    paths: tuple[Path, ...]
    hashes: Callable[[], list[str]]
    name: str = "generate"
    reads: tuple[str, ...] = ("problems:train",)
    writes: tuple[str, ...] = ("rollouts", "verdicts")

    def options(self) -> Row:
        return {"files": self.hashes()}

    def work(self, run: RunContext) -> Work:
        """Count the stored rollouts; the files are not read."""
        stored = len(open_rollouts(run.path))
        files = [str(path) for path in self.paths]
        row: Row = {"files": files, "stored": stored}
        line = f"generate: rollouts from {', '.join(files)}; {stored} stored"
        return Work(wanted=len(self.paths), stored=int(stored > 0), lines=(line,), rows=(row,))

    def run(self, run: RunContext) -> Row:
        """Store the rollouts of the training problems that the table lacks."""
        source = self.rollouts()
        source.problems()
        with open_rollouts(run.path, writable=True, warn=say) as table:
            models: Counter[str] = source.store(table, {p.id for p in stored_problems(run, TRAIN)})
            ids = [*table.in_order()]
        (run.path / "verdicts").mkdir(exist_ok=True)
        write_atomic(run.path / MEASURED, json.dumps(ids) + "\n")
        say(f"generate: {len(ids)} rollouts of {len(models)} models from {len(self.paths)} files")
        described = {"name": ", ".join(sorted(models)), "licence": None, "source": "imported rollouts"}
        return {
            "model": described["name"],
            "described": described,
            "results": {"teacher": {TRAIN: {"folder": ".", "tokens": {}, **Tir.measure(read_rollouts(run.path))}}},
            "output": rollouts_hash(run.path, ids),
        }


def refuse_failures(sets: Mapping[str, Row], max_share: float) -> None:
    """Raise EngineError when a larger share of a set's requests failed for good."""
    for label, counts in sets.items():
        if counts["failed_share"] > max_share:
            share = f"{100 * counts['failed_share']:.0f} % of the requests failed for good ({failures(counts)})"
            kept = "finished rollouts are kept, the same command asks for the rest again"
            raise EngineError(f"{label}: {share}; {kept}")


def summary_row(result: SetResult | None) -> Row:
    """Return the measures of one set as a summary holds them."""
    if result is None:
        return {"rollouts": 0, "accuracy": None, "outcomes": {}, "truncated": 0, "tokens": {}}
    return {
        "rollouts": result.rollouts,
        "accuracy": result.accuracy.to_row(),
        "outcomes": result.outcomes,
        "truncated": result.truncated,
        "tokens": {name: getattr(result, f"{name}_tokens") for name in ("prompt", "cached", "completion")},
    }


def rollouts_hash(folder: Path, ids: Iterable[str]) -> str:
    """Return a hash of the stored completions among these rollouts, in the order of the ids."""
    hashes = {head["id"]: head["completion_hash"] for head in open_rollouts(folder).heads()}
    return rows_id({"id": one, "hash": hashes[one]} for one in ids if one in hashes)


def _set_identity(one: SampleSet) -> Row:
    template = load_template(one.template, beside=one.beside)
    how = {"strategy": one.strategy.make(template).identity(), "sampling": one.sampling.identity()}
    return {"label": one.label, "prompt": template.hash, **how, "weights": one.weights}


def _work_line(step: str, row: Row) -> str:
    stored = f"{step}: {row['set']}: {row['stored']} of {row['wanted']} rollouts stored"
    missing = row["wanted"] - row["stored"]
    if not missing:
        return stored
    cost = f"{row['prompt_tokens_about']:,} prompt and at most {row['completion_tokens_at_most']:,} completion tokens"
    return f"{stored}, {missing} to sample with {row['model']} (about {cost})"
