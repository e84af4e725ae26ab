"""The step that writes report.json and report.html from the summaries of the others."""

from dataclasses import dataclass

from ..records import Row
from ..store.run_context import RunContext, Work
from .assemble import assemble_page, assemble_report
from .page import build_page
from .run_results import RunResults


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStep:
    """Join the summaries of the current steps."""

    reads: tuple[str, ...]
    name: str = "report"
    writes: tuple[str, ...] = ("report.json", "report.html")

    def options(self) -> Row:
        """The report depends on nothing but the steps that it reads."""
        return {}

    def identity(self, _run: RunContext) -> Row:
        """Earlier reports are overwritten, not kept."""
        return {}

    def work(self, run: RunContext) -> Work:
        """Say whether a report exists."""
        return Work(stored=int((run.path / "report.json").exists()))

    def run(self, run: RunContext) -> Row:
        """Write both files."""
        results = RunResults(run.path)
        report = assemble_report(results, command=run.command)
        run.folder.write_json("report.json", report)
        build_page(assemble_page(results, report), run.path / "report.html")
        return {"headline": report["headline"]}
