"""A dataset layout of one's own: `{"q": ..., "tries": [[text, score], ...], "a": ...}`."""

from reasondistill.rows.layouts import Layout


def _spread(row):
    """Yield one row per try, in names that every command knows."""
    for text, score in row["tries"]:
        yield {"question": row["q"], "answer": row["a"], "completion": text, "score": score}


LAYOUT = Layout(name="tries", knows=lambda row: "tries" in row, spread=_spread)
