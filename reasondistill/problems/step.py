"""The step that writes a run's sets of problems."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..progress import say
from ..records import Problem, Row, rows_id
from ..rows.problem_file import write_problems
from ..rows.run_problems import TRAIN, problem_file
from ..store.options import dump_options
from ..store.run_context import RunContext, Work
from .source import ProblemSource, input_hash
from .sources import get_problems


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemsStep:
    """Read the training problems and the held-out sets, and write them."""

    train: ProblemSource
    held_out: Mapping[str, ProblemSource]
    seed: int
    imported: Callable[[], list[Problem]] | None = None
    """Reader of the training problems that imported rollouts state; replaces `train`."""
    imported_from: tuple[Path, ...] = ()
    """Files of those rollouts."""
    name: str = "problems"
    reads: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[str, ...]:
        """One file per set."""
        return tuple(problem_file(name) for name in (TRAIN, *self.held_out))

    def options(self) -> Row:
        """Return sources, the hashes of their files, and the seed."""
        sources = {TRAIN: self.train, **self.held_out}
        return {
            "sources": dump_options(sources),
            "inputs": {name: input_hash(source) for name, source in sources.items()},
            "imported": [input_hash(ProblemSource(source=str(path))) for path in self.imported_from],
            "seed": self.seed,
        }

    def work(self, run: RunContext) -> Work:
        """Read every set, and keep it for the later steps of the dry run."""
        found = dict(self._read())
        run.shared["problems"] = found
        stored = sum((run.path / name).exists() for name in self.writes)
        line = "problems: " + ", ".join(f"{name} {len(problems)}" for name, problems in found.items())
        counts: Row = {name: len(problems) for name, problems in found.items()}
        return Work(wanted=len(self.writes), stored=stored, lines=(line,), rows=(counts,))

    def run(self, run: RunContext) -> Row:
        """Write each set; the hash of each is an output of its own."""
        counts: Row = {}
        hashes: Row = {}
        for name, problems in self._read():
            write_problems(run.path / problem_file(name), problems)
            counts[name], hashes[name] = len(problems), rows_id(p.to_row() for p in problems)
            files = ", ".join(map(str, self.imported_from))
            source = self.held_out.get(name, self.train)
            say(f"problems: {len(problems)} for {name} from {files if name == TRAIN and files else source.source}")
        return {"problems": counts, "inputs": self.options()["inputs"], "outputs": hashes}

    def _read(self) -> Iterator[tuple[str, list[Problem]]]:
        """Yield the held-out sets, then the training set without any problem of theirs."""
        seen: set[str] = set()
        for name, source in {**self.held_out, TRAIN: self.train}.items():
            if name == TRAIN and self.imported is not None:
                yield name, self.imported()[: source.count]
                continue
            problems = get_problems(
                source.source,
                count=source.count,
                seed=self.seed,
                split=source.split,
                exclude=seen,
                skip_bad=source.skip_bad,
                warn=say,
            )
            seen |= {p.content_hash for p in problems}
            yield name, problems
