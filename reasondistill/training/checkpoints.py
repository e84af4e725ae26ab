"""Checkpoints of a training: who owns the folder, and from which one to resume.

A process killed while it writes leaves a torn checkpoint. The trainer writes its state file last, so a checkpoint is
whole when that file can be read.
"""

import json
import logging
import shutil
from pathlib import Path

from ..errors import StoreError
from ..store import write_atomic

_log = logging.getLogger(__name__)
_OWNER = "owner.json"


def claim(folder: Path, identity: str) -> None:
    """Note the owner of the checkpoints. Raises StoreError when they belong to another training."""
    owner = folder / _OWNER
    if owner.is_file() and json.loads(owner.read_text(encoding="utf-8")) != identity:
        raise StoreError(
            f"{folder.parent}: holds checkpoints of another student, dataset or options; choose another folder or "
            f"delete {folder}"
        )
    write_atomic(owner, json.dumps(identity))


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint. Torn ones are deleted with a warning."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=_step, reverse=True)
    torn = [checkpoint for checkpoint in checkpoints if not _is_whole(checkpoint)]
    for checkpoint in torn:
        _log.warning("%s: torn while it was written; resuming from the one before", checkpoint)
        shutil.rmtree(checkpoint)
    return next((checkpoint for checkpoint in checkpoints if checkpoint not in torn), None)


def _is_whole(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return bool(state["global_step"] == _step(checkpoint))


def _step(checkpoint: Path) -> int:
    digits = checkpoint.name.rpartition("-")[2]
    return int(digits) if digits.isdigit() else -1
