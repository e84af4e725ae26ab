"""The step that writes a run's dataset: main split, control splits, formats and the card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ..curation.candidate_source import Candidate, Source
from ..curation.controls import Data, match_problems
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
from .card.card import CardFacts, render_card
from .dataset import Examples, survey, to_example, write_dataset
from .formats.pairs import PairOptions
from .formats.write import FormatsBeside
from .options import ExportOptions
from .receipts import Judged
from .split_thinking_at_box import thinking_before_box

UNKNOWN = "not known"


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
        curator = self.curator
        selection = curator.select(run, curator.options.keep)
        examples = self._examples(selection.kept)
        controls: dict[str, Examples] = {
            keep: self._examples(self._control(run, keep, selection)) for keep in self.controls
        }
        surveys = {"main": survey(examples), **{name: survey(rows) for name, rows in controls.items()}}
        formats = self._formats(run, selection, examples)
        place = run.path / "dataset"
        folders, rows = formats.write(place)
        card = self._card(run, selection, len(examples), {name: len(one) for name, one in controls.items()}, rows)
        described = {"name": self.sources.name, "versions": versions(), "verify": dump_options(self.verify)}
        if rows:
            described["formats"] = rows
        write_dataset(place, examples, controls, card, described, surveys=surveys, beside=folders)
        say(f"export: {len(examples)} examples in {place}")
        return {
            "examples": len(examples),
            "splits": {name: len(one) for name, one in controls.items()},
            "formats": rows,
            "outputs": {name: one.hash for name, one in surveys.items()},
        }

    def _control(self, run: RunContext, keep: Data, selection: Selection) -> Source:
        control = self.curator.select(run, keep)
        return match_problems(control, selection, self.curator.seed) if self.controls[keep] else control.kept

    def _examples(self, kept: Source) -> Examples:
        student = self.student()
        judged = self._judged()

        def make(candidate: Candidate) -> Example:
            if self.export.thinking == "before_box":
                candidate = replace(candidate, rollout=thinking_before_box(candidate.rollout))
            return to_example(candidate, student, judged)

        return Examples(kept=kept, make=make)

    def _judged(self) -> Judged:
        options = self.sources.teacher().options if self.sources.teacher else TirOptions()
        tir = options if isinstance(options, TirOptions) else None
        return Judged(strict=self.verify.strict, timeout=self.verify.timeout, tir=tir)

    def _formats(self, run: RunContext, selection: Selection, examples: Examples) -> FormatsBeside:
        curator, export = self.curator, self.export
        band = curator.options.pass_rate
        rates = curator.measured(run).rates
        held_to = frozenset(problem for problem, rate in rates.items() if band.low < rate < band.high)
        return FormatsBeside(
            names=list(dict.fromkeys(export.formats)),
            options=PairOptions(
                per_problem=export.pairs_per_problem, length_matched=export.length_matched, seed=curator.seed
            ),
            source=curator.source(run),
            selection=selection,
            make=examples.make,
            curate=curator.options,
            licence=curator.licence,
            rl_problems=held_to if self.rates else None,
        )

    def _card(
        self, run: RunContext, selection: Selection, examples: int, controls: Mapping[str, int], formats: Row
    ) -> str:
        teacher = run.summary("generate").get("described", {})
        asked = self.sources.teacher() if self.sources.teacher else None
        first = next(selection.kept.read(selection.kept.ids[:1]), None)
        problems = stored_problems(run, TRAIN)
        used = {key.problem_id for key in selection.keys}
        licences = count_licences((p for p in problems if p.id in used), self.curator.licence)
        prompts = {"Teacher": asked, "Student": self.student()}
        facts = CardFacts(
            name=self.sources.name,
            teacher=teacher.get("name", ""),
            teacher_licence=teacher.get("licence") or UNKNOWN,
            teacher_terms=teacher.get("terms") or "",
            sources=self.sources.problems,
            template=asked.template.name if asked else UNKNOWN,
            template_hash=asked.template.hash if asked else "none",
            verifier=first.verdict.verifier if first else "no verifier",
            rollouts=examples + len(selection.ledger.drops),
            problems=len(problems),
            examples=examples,
            controls=controls,
            ledger=selection.ledger,
            held_out=self.sources.held_out,
            command=run.command,
            sampling=str(self.sources.sampling) if self.sources.sampling else UNKNOWN,
            formats=formats,
            licences=dict(licences.most_common()),
            licence_forced=self.export.force_licence,
            prompts={
                who: "\n\n".join(filter(None, (one.template.system, one.template.user)))
                for who, one in prompts.items()
                if one
            },
            agreement=run.folder.read_json("agreement.json") or {},
            waterfall=selection.waterfall,
            contamination=selection.contamination.to_row() if selection.contamination else None,
            versions=versions(),
        )
        return render_card(facts)
