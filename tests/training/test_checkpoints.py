"""The checkpoint that a training resumes from."""

import json
import logging
from pathlib import Path

import pytest

from reasondistill.errors import StoreError
from reasondistill.training.checkpoints import claim, newest_checkpoint


def checkpoint(folder: Path, step: int, state: str | None = None) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"weights")
    if state != "":
        (path / "trainer_state.json").write_text(state or json.dumps({"global_step": step}))
    return path


def test_there_is_none_at_the_start(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none") is None


def test_the_newest_is_taken_by_number(tmp_path: Path) -> None:
    checkpoint(tmp_path, 9)
    checkpoint(tmp_path, 10)
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


@pytest.mark.parametrize("state", ["", '{"global_step": 20', '{"global_step": 10}'], ids=["absent", "cut", "another's"])
def test_a_torn_one_is_skipped_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture, state: str) -> None:
    whole, torn = checkpoint(tmp_path, 10), checkpoint(tmp_path, 20, state)
    with caplog.at_level(logging.WARNING):
        assert newest_checkpoint(tmp_path) == whole
    assert "checkpoint-20: torn" in caplog.text
    assert not torn.exists()


def test_checkpoints_of_another_training_are_not_taken_over(tmp_path: Path) -> None:
    claim(tmp_path / "checkpoints", "one")
    claim(tmp_path / "checkpoints", "one")
    with pytest.raises(StoreError, match="holds checkpoints of another student, dataset or options"):
        claim(tmp_path / "checkpoints", "two")
