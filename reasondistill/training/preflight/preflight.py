"""Tokenize a dataset to disk and check that the trained tokens are the completions, whole and nothing else.

Rows pass one at a time: each is tokenized, its trained tokens are decoded and compared with its messages, and it is
written to an Arrow file that training maps into memory. Whether an answer is right is not checked here.
"""

import json
import os
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...store import write_atomic
from ..options import TrainOptions
from .conversation import read_conversation
from .token_file import token_writer
from .tokenization import Template, templates, tokenize
from .trained_text import RowCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightReport:
    """Counts of a dataset that passed."""

    rows: int
    """Rows to train on."""
    too_long: int
    """Rows longer than `max_length`, left out."""
    longest: int
    """Tokens of the longest row, including rows left out."""
    trained_tokens: int
    total_tokens: int
    template: str
    """Chat template that renders the rows: the model's own, or TRL's training variant of it."""
    sample: str
    """Trained text of the first row, special tokens included."""


def preflight(
    tokenizer: Any,
    rows: Iterable[Mapping[str, Any]],
    *,
    options: TrainOptions,
    out: Path,
    end_ids: Iterable[int] = (),
) -> PreflightReport:
    """Write the tokenized rows to the file `out` (see token_file) and return their counts.

    `rows` are iterated once for each chat template that is tried. `end_ids` are the end tokens of the model's
    generation config, added to the tokenizer's own. What an earlier call completed is not done again. Raises DataError
    where the trained tokens are not exactly the completions.
    """
    stored = out.with_suffix(".json")
    if stored.is_file():
        return PreflightReport(**json.loads(stored.read_text(encoding="utf-8")))
    if not tokenizer.chat_template:
        raise DataError(
            "the student's tokenizer has no chat template; name an instruct model or add chat_template.jinja"
        )
    ends = frozenset(end_ids) | {tokenizer.eos_token_id} - {None}
    if not ends:
        raise DataError("the student's tokenizer has no end token; set eos_token in its tokenizer_config.json")
    refusals: list[DataError] = []
    part = out.with_name(f"{out.name}.{os.getpid()}")  # processes on several machines may share the folder
    for template in templates(tokenizer):
        try:
            report = _tokenize_all(tokenizer, rows, template, ends, options, part)
        except DataError as error:
            part.unlink(missing_ok=True)
            refusals.append(error)
        else:
            part.replace(out)
            write_atomic(stored, json.dumps(asdict(report)))
            return report
    raise refusals[0]


def _tokenize_all(
    tokenizer: Any,
    rows: Iterable[Mapping[str, Any]],
    template: Template,
    ends: Set[int],
    options: TrainOptions,
    path: Path,
) -> PreflightReport:
    check = RowCheck(tokenizer, ends)
    count = too_long = longest = bad = trained = total = 0
    sample = first_bad = ""
    with token_writer(path) as write:
        for number, row in enumerate(rows):
            conversation = read_conversation(number, row)
            tokens = tokenize(tokenizer, conversation, template, ends, number)
            reason = check.problem(conversation, tokens)
            count += 1
            longest = max(longest, len(tokens.input_ids))
            if reason:
                bad += 1
                first_bad = first_bad or f"row {number}: {reason}"
            elif len(tokens.input_ids) > options.max_length:
                too_long += 1
            elif not bad:  # after a bad row the rest is only counted
                write(tokens)
                trained, total = trained + tokens.trained, total + len(tokens.input_ids)
                sample = sample or check.trained_text(tokens)
    if not count:
        raise DataError("the dataset has no rows; look into the drop ledger for why none was kept")
    if bad:
        raise DataError(first_bad + (f" ({bad} of {count} rows)" if count > 1 else ""))
    if too_long == count or too_long / count > options.max_truncated_share:
        raise DataError(
            f"{too_long} of {count} rows are longer than train.max_length {options.max_length} (longest: {longest} "
            f"tokens), more than train.max_truncated_share {options.max_truncated_share:g} allows"
        )
    return PreflightReport(
        rows=count - too_long,
        too_long=too_long,
        longest=longest,
        trained_tokens=trained,
        total_tokens=total,
        template="the model's own" if template.text is None else "TRL's training variant",
        sample=sample,
    )
