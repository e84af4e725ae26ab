"""A folder with the rollouts of one model on one set of problems: `generate` and `evaluate` without a recipe."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..engines.identity import is_local, model_name, model_weights
from ..engines.openai.addresses import fault_of
from ..engines.options import EngineOptions
from ..errors import EngineError, RecipeError
from ..evaluation.read import MEASURED, read_groups, repeats, repeats_line
from ..evaluation.results import measure
from ..evaluation.scorecard import scorecard, truncation_lines
from ..generation.load_strategy import StrategyChoice
from ..generation.prompts import load_template
from ..generation.sample_stage import SampleSet, SampleStage, failures
from ..generation.spending import MAX_FAILED_SHARE, SpendingOptions
from ..models.fetch import fetch_progress
from ..models.resolve import resolve
from ..problems import get_problems, write_problems
from ..problems.benchmarks.benchmark import Benchmark
from ..progress import say
from ..records import SCHEMA, Problem, Row, Sampling
from ..store import RunFolder, mask_secrets, mask_url
from ..store.options import dump_options
from ..store.rollout_table import open_rollouts, read_rollouts
from ..store.versions import versions
from ..verification.judging import VerifyOptions
from .child_process import run_job


@dataclass(slots=True, kw_only=True)
class SamplingRun:
    """What is sampled and where to; `sample` does what is missing, `report` measures it."""

    folder: Path
    source: str
    """Problem file or any other source of problems."""
    engine: EngineOptions
    template: str | None = None
    """None is the strategy's own."""
    sampling: Sampling
    strategy: StrategyChoice = field(default_factory=StrategyChoice)
    split: str | None = None
    benchmark: Benchmark | None = None
    """The benchmark that `source` names, where it names one."""
    benchmarks_dir: Path | None = None
    strict: bool = False
    budget: SpendingOptions = field(default_factory=SpendingOptions)
    max_failed_share: float = MAX_FAILED_SHARE
    say: Callable[[str], None] = say

    def sample(
        self,
        *,
        limit: int | None = None,
        samples: int = 1,
        skip_bad: bool = False,
        judged: bool = True,
        measured: bool = False,
    ) -> Row:
        """Sample what is missing; return counts and, if judged, the accuracy so far.

        For a report (`measured`) problems that repeat another's question and answer are not asked, and warnings about
        the problems are kept for it. Raises EngineError when too many requests failed.
        """
        if self.budget.until_correct is not None and not judged:
            raise RecipeError("sampling until so many are right needs verdicts: leave --no-verify out")
        for url in self.engine.addresses:
            if fault := fault_of(url):
                raise RecipeError(f"--base-url {mask_secrets(url)!r}: {fault}")
        warnings: list[str] = []
        problems = self._problems(limit, skip_bad, judged, warnings.append if measured else self.say)
        if measured and (repeated := repeats(problems)):
            warnings.append(repeats_line(len(repeated), len(problems)))
            problems = [problem for problem in problems if problem.id not in repeated]
        with RunFolder(self.folder) as folder:
            folder.claim("sampling")
            self._refuse_other_settings(folder, limit, measured)
            wait_if_down = self._note_address(folder)
            write_problems(self.folder / "problems" / "problems.jsonl", problems)
            about = {"versions": versions(), "source": self.source, "strategy": dump_options(self.strategy)}
            folder.update_manifest(**about, samples=samples, problems=len(problems), judged=judged, warnings=warnings)
            del problems  # the stage reads them again, and may sample for hours
            if is_local(self._model):
                # Before the ids are made: where a catalogue model comes from is part of them.
                with fetch_progress() as progress:
                    resolve(self.engine.model, progress=progress)
            stage = replace(self._stage(samples, judged), wait_if_down=wait_if_down)
            result = run_job(stage, lock_fd=folder.lock_fd)
            folder.log("sampled", **result)
        return self._summary(stage, result, judged)

    def report(self, ks: Sequence[int] | None = None) -> Row:
        """Write report.json: every metric with its interval and n. Without ks, these are 1 and the samples."""
        folder = RunFolder(self.folder)
        manifest = folder.read_json("manifest.json")
        stage = self._stage(manifest["samples"], manifest["judged"])
        plan = stage.sets[0].plan(stage.model)
        wanted = [identifier for identifier, _, _ in plan.wanted()]
        folder.write_json(MEASURED, wanted)
        result = measure(self.folder, only=wanted)
        problems = {problem.id: problem for problem in plan.problems}
        card = scorecard(read_groups(self.folder, problems).values(), ks or [1, manifest["samples"]])
        card["warnings"] += manifest.get("warnings", ())
        row = {
            "schema": SCHEMA,
            "model": stage.model,
            "benchmark": self.source,
            **({"benchmark_details": self.benchmark.to_row()} if self.benchmark else {}),
            **card,
            "truncated": result.truncated if result else 0,
            "tokens": {"prompt": result.prompt_tokens, **(card["tokens"] or {"completion": 0})} if result else {},
            **self._strategy_measures(wanted),
            "sampling": plan.sampling.identity() | {"max_tokens": self.sampling.max_tokens},
            "prompt": {"template": stage.sets[0].template, "hash": plan.template.hash},
            "versions": manifest["versions"],
        }
        folder.write_json("report.json", row)
        return row

    def _problems(self, limit: int | None, skip_bad: bool, judged: bool, warn: Callable[[str], None]) -> list[Problem]:
        seed = self.sampling.seed
        if self.benchmark is not None:
            place = self.benchmarks_dir
            return self.benchmark.load(folder=place, limit=limit, seed=seed, skip_bad=skip_bad, warn=warn)
        return get_problems(
            self.source,
            count=limit,
            seed=seed,
            split=self.split,
            skip_bad=skip_bad,
            require_reference=judged,
            warn=warn,
        )

    def _stage(self, samples: int, judged: bool) -> SampleStage:
        template = self.template or self.strategy.template
        given = SampleSet(
            label=self.folder.name,
            problems=self.folder / "problems" / "problems.jsonl",
            folder=self.folder,
            template=template,
            strategy=self.strategy,
            sampling=replace(self.sampling, stop=(*self.sampling.stop, *load_template(template).stop)),
            samples=samples,
            budget=self.budget,
            require_reference=judged,
            weights=model_weights(self._model),
        )
        benchmark = self.benchmark
        strict, policy = (benchmark.strict, benchmark.policy) if benchmark else (False, "default")
        verify = VerifyOptions(strict=self.strict or strict, policy=policy)
        return SampleStage(engine=self.engine, model=model_name(self._model), sets=(given,), verify=verify)

    @property
    def _model(self) -> EngineOptions:
        names = ("model", "model_id", "engine", "base_url", "replay")
        return EngineOptions(**{name: getattr(self.engine, name) for name in names})

    def _summary(self, stage: SampleStage, result: Row, judged: bool) -> Row:
        plan = stage.sets[0].plan(stage.model)
        wanted = [identifier for identifier, _, _ in plan.wanted()]
        stored = open_rollouts(self.folder)
        there = sum(identifier in stored for identifier in wanted)
        counts: Row = next(iter(result["sets"].values()), {})
        failed = Counter[str](counts.get("failed", {}))
        if failed.total() > self.max_failed_share * len(wanted):
            raise EngineError(
                f"{self.folder}: {failed.total()} of {len(wanted)} requests failed for good ({failures(counts)}); "
                f"{there} rollouts are kept, the same command asks for the rest again"
            )
        measured = measure(self.folder, only=wanted) if judged else None
        right = measured.outcomes.get("correct", 0) if measured else 0
        tokens = measured.completion_tokens if measured else 0
        cut = (
            (measured.truncated, measured.rollouts)
            if measured
            else (counts.get("truncated", 0), counts.get("stored", 0))
        )
        kept = ("truncated_share", "empty_share", "continued", "usage", "cost", "stopped", "decisions")
        return {
            "wanted": len(wanted),
            "rollouts": there,
            "failed": dict(failed),
            "accuracy": measured.accuracy.to_row() if measured else None,
            "tokens_per_correct": round(tokens / right, 1) if right else None,
            "warnings": truncation_lines(*cut),
            "engine": result["engine"],
            **{k: result[k] for k in ("requests", "retries", "wasted_tokens") if k in result},
            **{k: counts[k] for k in kept if k in counts},
            **self._strategy_measures(wanted),
        }

    def _strategy_measures(self, wanted: Sequence[str]) -> Row:
        ids = set(wanted)
        return self.strategy.member.measure(r for r in read_rollouts(self.folder) if r.id in ids)

    def _refuse_other_settings(self, folder: RunFolder, limit: int | None, measured: bool) -> None:
        """Refuse a folder made with other settings, so that no table or report mixes two; note those of a new one.

        More samples are added to a folder, and `generate` resumes rollouts that a smaller cap truncated.
        """
        strategy = dump_options(self.strategy)
        chosen = {key: value if isinstance(value, dict) else {"name": value} for key, value in strategy.items()}
        now = {
            "--model": model_name(self._model),
            "--benchmark" if measured else "--problems": self.source,
            "--split": self.split,
            "--limit": limit,
            "--template": self.template or self.strategy.template,
            **{f"--{name.replace('_', '-')}": value for name, value in self.sampling.identity().items()},
            "--max-tokens": self.sampling.max_tokens,
            **{
                key if name == "name" else f"{key}.{name}": value
                for key, options in chosen.items()
                for name, value in options.items()
            },
        }
        before = (folder.read_json("manifest.json") or {}).get("settings", {})
        for name, value in now.items():
            raised = name == "--max-tokens" and not measured and value >= before.get(name, value)
            if name in before and before[name] != value and not raised:
                raise RecipeError(
                    f"{self.folder}: was made with {name} {_shown(before[name])}, not {_shown(value)}; "
                    "repeat the command as it was, or choose another --out"
                )
        folder.update_manifest(settings=now)

    def _note_address(self, folder: RunFolder) -> bool:
        """Keep the server's address in the manifest, and say so when a resumed run asks another one.

        Return whether the same one has answered before.
        """
        earlier = (folder.read_json("manifest.json") or {}).get("base_url")
        address = ", ".join(map(mask_url, self.engine.addresses)) or None
        answered = bool(earlier and address and len(folder.table("rollouts", key="id")))
        if answered and earlier != address:
            self.say(
                f"{self.folder}: earlier rollouts came from {earlier}, these come from {address}; "
                "tell two models of one name apart with --model-id"
            )
        folder.update_manifest(base_url=address)
        return answered and earlier == address


def _shown(value: object) -> str:
    return "left out" if value is None else str(value)
