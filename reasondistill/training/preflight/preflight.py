"""What is checked before a student is trained: that the trained tokens are the completions, whole and nothing else.

Every row is tokenized by TRL's own code, its trained tokens are decoded and held against the messages. The rows that
come out are the rows that training reads. Nothing is judged here about whether the answers are right.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import DataError
from ...records import Row
from ..options import TrainOptions
from .tokenization import Conversation, Template, TokenizedRow, templates, tokenize
from .trained_text import RowCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightReport:
    """What will be trained on, and what the checks found."""

    rows: int
    too_long: int
    """Rows longer than `max_length`: left out."""
    longest: int
    """Tokens of the longest row, left out or not."""
    trained_tokens: int
    total_tokens: int
    template: str
    """Whose chat template renders the rows: the model's own, or TRL's training variant of it."""
    sample: str
    """The trained text of the first row, special tokens included."""
    examples: tuple[TokenizedRow, ...]
    """The rows to train on."""

    def to_row(self) -> Row:
        """Return the findings as a JSON object, without the examples."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "examples"}


def preflight(
    tokenizer: Any, rows: Sequence[Mapping[str, Any]], *, options: TrainOptions, end_ids: Iterable[int] = ()
) -> PreflightReport:
    """Tokenize the rows and check what would be trained; raises DataError where it is not exactly the completions.

    `end_ids` are the end tokens of the model's generation config, beside the tokenizer's own.
    """
    conversations = _conversations(rows)
    ends = frozenset(end_ids) | {tokenizer.eos_token_id} - {None}
    if not tokenizer.chat_template:
        raise DataError(
            "the student's tokenizer has no chat template; name an instruct model or add chat_template.jinja"
        )
    if not ends:
        raise DataError("the student's tokenizer has no end token; set eos_token in its tokenizer_config.json")
    check = RowCheck(tokenizer, ends)
    refusals: list[DataError] = []
    for template in templates(tokenizer):
        try:
            tokenized = tokenize(tokenizer, conversations, template, ends)
            _check_all(check, conversations, tokenized)
        except DataError as error:
            refusals.append(error)
        else:
            return _report(check, tokenized, template, options)
    raise refusals[0]


def _conversations(rows: Sequence[Mapping[str, Any]]) -> list[Conversation]:
    if not rows:
        raise DataError("the data set has no rows; look into the drop ledger for why none was kept")
    conversations = []
    for number, row in enumerate(rows):
        try:
            conversations.append(Conversation.from_row(row))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"row {number}: not prompt and completion messages ({error!r}); export it again") from error
        _check_roles(number, conversations[-1])
    return conversations


def _check_roles(number: int, row: Conversation) -> None:
    if not row.prompt:
        raise DataError(f"row {number}: the prompt has no message")
    if not row.completion or row.completion[-1].role != "assistant":
        raise DataError(f"row {number}: the completion does not end with an assistant message")


def _report(
    check: RowCheck, tokenized: Sequence[TokenizedRow], template: Template, options: TrainOptions
) -> PreflightReport:
    kept = tuple(row for row in tokenized if len(row.input_ids) <= options.max_length)
    too_long = len(tokenized) - len(kept)
    longest = max(len(row.input_ids) for row in tokenized)
    if not kept or too_long / len(tokenized) > options.max_truncated_share:
        raise DataError(
            f"{too_long} of {len(tokenized)} rows are longer than train.max_length {options.max_length} (longest: "
            f"{longest} tokens), more than train.max_truncated_share {options.max_truncated_share:g} allows"
        )
    return PreflightReport(
        rows=len(kept),
        too_long=too_long,
        longest=longest,
        trained_tokens=sum(row.trained for row in kept),
        total_tokens=sum(len(row.input_ids) for row in kept),
        template="the model's own" if template.text is None else "TRL's training variant",
        sample=check.trained_text(kept[0]),
        examples=kept,
    )


def _check_all(check: RowCheck, rows: Sequence[Conversation], tokenized: Sequence[TokenizedRow]) -> None:
    reasons = [check.problem(row, tokens) for row, tokens in zip(rows, tokenized, strict=True)]
    bad = [(number, reason) for number, reason in enumerate(reasons) if reason]
    if bad:
        number, reason = bad[0]
        also = f" ({len(bad)} of {len(rows)} rows)" if len(rows) > 1 else ""
        raise DataError(f"row {number}: {reason}{also}")
