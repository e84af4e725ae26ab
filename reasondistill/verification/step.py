"""The step that judges the teacher's rollouts that sampling left without a current verdict."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..evaluation.read import MEASURED
from ..progress import say
from ..records import Problem, Row, rows_id
from ..store import read_rows
from ..store.options import dump_options
from ..store.rollout_table import open_rollouts
from ..store.run_context import RunContext, Work
from .judging import VerifyOptions, verify_stored


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyStep:
    """Judge every rollout of the training problems; stored verdicts by other options are replaced in their table."""

    verify: VerifyOptions
    name: str = "verify"
    reads: tuple[str, ...] = ("generate", "problems:train")
    writes: tuple[str, ...] = ()

    def options(self) -> Row:
        """Return the options of the verifiers."""
        return dict(dump_options(self.verify))

    def identity(self, _run: RunContext) -> Row:
        """Return nothing: each verdict carries the options and the completion that it was made with."""
        return {}

    def work(self, run: RunContext) -> Work:
        """Count the verdicts, current or not."""
        wanted = len(open_rollouts(run.path))
        stored = len(run.folder.table("verdicts", key="rollout_id"))
        return Work(wanted=wanted, stored=min(wanted, stored))

    def run(self, run: RunContext) -> Row:
        """Judge what has no current verdict; the output is the hash of the outcomes in the rollouts' order."""
        problems = {row["id"]: Problem.from_row(row) for row in read_rows(run.path / "problems" / "train.jsonl")}
        with run.folder.table("verdicts", key="rollout_id", writable=True, warn=say) as table:
            verify_stored(open_rollouts(run.path), problems, table, self.verify)
            verdicts = {row["rollout_id"]: (row["completion_hash"], row["outcome"]) for row in table}
        outcomes: Counter[str] = Counter()

        def rows() -> Iterator[Row]:
            for identifier in run.folder.read_json(MEASURED) or ():
                if identifier in verdicts:
                    completion, outcome = verdicts[identifier]
                    outcomes[outcome] += 1
                    yield {"id": identifier, "hash": completion, "outcome": outcome}

        output = rows_id(rows())
        return {"outcomes": dict(outcomes), "output": output}
