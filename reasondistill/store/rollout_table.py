"""The table `rollouts` of a folder, whose index says of each rollout what can be asked without its text."""

from collections.abc import Iterator
from pathlib import Path

from ..records import Rollout, Row, content_id
from .files import Warn
from .table import Table


def open_rollouts(folder: Path, *, writable: bool = False, warn: Warn | None = None) -> Table:
    """Open a folder's table of rollouts; its heads are those of `rollout_head`."""
    return Table(folder / "rollouts", key="id", head=rollout_head, writable=writable, warn=warn)


def read_rollouts(folder: Path) -> Iterator[Rollout]:
    """Yield the rollouts of a folder that holds the table `rollouts`."""
    return (Rollout.from_row(row) for row in open_rollouts(folder))


def rollout_head(row: Row) -> Row:
    """Return what counts, resume and verdicts ask of a rollout: a tenth of a kilobyte or two."""
    return {
        **{name: row[name] for name in ("id", "problem_id", "index", "finish_reason")},
        "sampling": {"max_tokens": row["sampling"]["max_tokens"]},
        "usage": row.get("usage", {}),
        "completion_hash": completion_hash(Rollout.from_row(row)),
    }


def completion_hash(rollout: Rollout) -> str:
    """Hash of what came back: tells the verdict of an earlier, shorter completion from a current one."""
    return content_id([m.to_row() for m in rollout.completion])
