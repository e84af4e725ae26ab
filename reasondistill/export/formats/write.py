"""The formats of a run's dataset, from the recipe's names to folders that are moved into the dataset."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from ...curation.candidate_source import Candidate, Source
from ...curation.options import CurateOptions
from ...curation.select import Selection
from ...curation.steps.licence import LicenceRule
from ...curation.wrong_rollouts import wrong_rollouts
from ...errors import StoreError
from ...records import Example, content_id
from ...store import disk_error
from .inputs import Material, gather
from .pairs import PairOptions
from .table import FOLDER, needs_wrong, write_formats


@dataclass(frozen=True, kw_only=True)
class FormatsBeside:
    """The formats that a recipe asks for beside the main split."""

    names: list[str]
    options: PairOptions
    source: Source
    selection: Selection
    make: Callable[[Candidate], Example]
    curate: CurateOptions
    """The curation that the selection came from."""
    licence: LicenceRule
    rl_problems: frozenset[str] | None = None
    """Problems that rows for RL may be of; None: all."""

    @property
    def identity(self) -> list[str]:
        """Changes when what is written may; empty without a format, as before there was a choice."""
        held_to = [] if self.rl_problems is None else [sorted(self.rl_problems)]
        made_of = (self.names, asdict(self.options), self._material.hash, *held_to)
        return [content_id(*made_of)] if self.names else []

    def write(self, place: Path) -> tuple[dict[str, Path], dict[str, int]]:
        """Write the formats beside `place`; return the folders to move into it and the rows of each format."""
        if not self.names:
            return {}, {}
        folder = place.with_name(f"{place.name}.{FOLDER}.tmp")
        try:
            shutil.rmtree(folder, ignore_errors=True)
            return {FOLDER: folder}, write_formats(folder, self.names, self._material, self.options)
        except StoreError:
            raise
        except OSError as error:
            raise disk_error(error, folder) from None

    @cached_property
    def _material(self) -> Material:
        wrong = None
        if needs_wrong(self.names):
            seed = self.options.seed
            wrong = wrong_rollouts(self.source, self.selection, self.curate, self.licence, seed=seed)
        return replace(gather(self.selection.kept, self.make, wrong), rl_problems=self.rl_problems)
