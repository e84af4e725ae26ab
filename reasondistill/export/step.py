"""The step that writes a run's dataset: main split, control splits, formats and the card."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..curation.candidate_source import Candidate
from ..curation.controls import Data, match_problems, wrong_rollouts
from ..curation.select import Selection
from ..curation.step import Curator
from ..curation.steps.licence import count_licences
from ..generation.strategies import Strategy
from ..generation.strategies.tir.options import TirOptions
from ..progress import say
from ..records import Example, Row
from ..rows.run_problems import TRAIN, stored_problems
from ..store.options import dump_options
from ..store.run_context import RunContext, Work
from ..store.versions import versions
from ..verification.judging import VerifyOptions
from .card.card import render_card
from .card.facts import CardFacts
from .dataset import write_dataset
from .examples import Examples, example_maker
from .formats.inputs import Material, gather
from .formats.table import Format, load_formats, needs_wrong, write_formats
from .options import ExportOptions
from .receipts import Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Origin of problems and rollouts, as the card tells it."""

    name: str
    """The recipe's name."""
    problems: tuple[str, ...]
    """Sources of the problems, or files of imported rollouts."""
    held_out: tuple[str, ...]
    """Sets that decontamination compares with."""
    teacher: Callable[[], Strategy] | None
    """Maker of the strategy that asked the teacher. None for imported rollouts."""
    sampling: Row | None
    """How the teacher was sampled. None for imported rollouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStep:
    """Write the dataset, whole or not at all."""

    curator: Curator
    export: ExportOptions
    verify: VerifyOptions
    student: Callable[[], Strategy]
    """Maker of the strategy that will ask the student: its prompts are those of the rows."""
    sources: Sources
    controls: Mapping[Data, bool] = field(default_factory=dict)
    """Control splits by the outcome they keep: whether they hold as many problems as the main split."""
    rates: str | None = None
    """Step with the pass rates that RL rows are held to."""
    name: str = "export"
    writes: tuple[str, ...] = ("dataset",)

    @property
    def reads(self) -> tuple[str, ...]:
        """The selection, and everything that the selections of control splits read."""
        return ("curate", "generate", "verify", f"problems:{TRAIN}", *filter(None, [self.rates]))

    def options(self) -> Row:
        """Return everything that decides the rows and the card."""
        asked = {"student": self.student(), **({"teacher": teacher()} if (teacher := self.sources.teacher) else {})}
        prompts = {who: [one.template.hash, one.identity()] for who, one in asked.items()}
        sources = (self.sources.name, self.sources.problems, self.sources.held_out, self.sources.sampling)
        return {
            "export": dump_options(self.export),
            "curate": dump_options(self.curator.options),
            "verify": dump_options(self.verify),
            "prompts": prompts,
            "sources": dump_options(sources),
            "controls": dict(self.controls),
        }

    def work(self, run: RunContext) -> Work:
        """Say whether a dataset exists."""
        return Work(stored=int((run.path / "dataset").is_dir()))

    def run(self, run: RunContext) -> Row:
        """Write the dataset; the hash of each split's conversations is an output of its own."""
        curator, export = self.curator, self.export
        selection = curator.select(run, curator.options.keep)
        make = example_maker(self.student(), self._judged(), export.thinking)
        examples = Examples(kept=selection.kept, make=make)
        controls: dict[str, Examples] = {}
        for keep, matched in self.controls.items():
            control = curator.select(run, keep)
            source = match_problems(control, selection, curator.seed) if matched else control.kept
            controls[keep] = Examples(kept=source, make=make)
        formats = load_formats(export.formats)
        facts = self._facts(run, selection, {keep: len(each) for keep, each in controls.items()}, formats)

        def write(folder: Path) -> Mapping[str, int]:
            return write_formats(folder, formats, self._material(run, selection, make, formats))

        place = run.path / "dataset"
        summary = write_dataset(
            place,
            examples,
            controls,
            lambda rows: render_card(replace(facts, formats=rows)),
            {"name": self.sources.name, "versions": versions(), "verify": dump_options(self.verify)},
            formats=write if formats else None,
        )
        say(f"export: {len(examples)} examples in {place}")
        return summary

    def _judged(self) -> Judged:
        options = self.sources.teacher().options if self.sources.teacher else TirOptions()
        isolation = getattr(options, "isolation", TirOptions().isolation)
        return Judged(strict=self.verify.strict, timeout=self.verify.timeout, isolation=isolation, tir=options)

    def _material(
        self, run: RunContext, selection: Selection, make: Callable[[Candidate], Example], formats: Sequence[Format]
    ) -> Material:
        curator = self.curator
        wrong = None
        if needs_wrong(formats):
            source = curator.source(run)
            wrong = wrong_rollouts(source, selection, curator.options, curator.licence, seed=curator.seed)
        rates, band = curator.measured(run).rates, curator.options.pass_rate
        held_to = frozenset(problem for problem, rate in rates.items() if band.holds(rate)) if self.rates else None
        return gather(selection.kept, make, wrong, options=self.export, seed=curator.seed, rl_problems=held_to)

    def _facts(
        self, run: RunContext, selection: Selection, controls: Mapping[str, int], formats: Sequence[Format]
    ) -> CardFacts:
        sources, licence = self.sources, self.curator.licence
        described = run.summary("generate").get("described", {})
        template = sources.teacher().template if sources.teacher else None
        asked = {"Teacher": template, "Student": self.student().template}
        first = next(selection.kept.read(selection.kept.ids[:1]), None)
        problems = stored_problems(run, TRAIN)
        used = {key.problem_id for key in selection.keys}
        return CardFacts(
            name=sources.name,
            teacher=described.get("name", ""),
            teacher_licence=described.get("licence") or "not known",
            teacher_terms=described.get("terms") or "",
            sources=sources.problems,
            template=template.name if template else "not known",
            template_hash=template.hash if template else "none",
            verifier=first.verdict.verifier if first else "no verifier",
            rollouts=len(selection.keys) + len(selection.ledger.drops),
            problems=len(problems),
            examples=len(selection.keys),
            controls=controls,
            ledger=selection.ledger,
            held_out=sources.held_out,
            command=run.command,
            sampling=str(sources.sampling) if sources.sampling else "not known",
            about_formats={each.name: each.about for each in formats},
            licences=dict(count_licences((p for p in problems if p.id in used), licence).most_common()),
            licence_forced=licence.force,
            prompts={who: "\n\n".join(filter(None, (t.system, t.user))) for who, t in asked.items() if t},
            agreement=run.folder.read_json("agreement.json") or {},
            waterfall=selection.waterfall,
            contamination=selection.contamination,
            versions=versions(),
        )
