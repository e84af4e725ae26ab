"""An export format of one's own: question and number of tokens."""

from reasondistill.export.formats.table import ORIGIN, Format


def _rows(material):
    """Yield one row per kept rollout."""
    for sample in material.read(material.kept):
        one = sample.candidate
        origin = {"rollout_id": one.rollout.id, "problem_id": one.problem.id, "source": one.problem.source}
        yield {"question": one.problem.question, "tokens": str(one.rollout.usage.completion_tokens), **origin}


LENGTHS = Format(
    name="lengths",
    rows=_rows,
    columns={"question": "text", "tokens": "text", **ORIGIN},
    about="The question and the tokens of the completion.",
)
