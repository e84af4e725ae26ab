"""Rows whose columns are names of `rows.keys`, this package's own rollouts among them."""

from ...records import Row
from .layout import Layout


def _spread(row: Row) -> list[Row]:
    """Lift what a stored rollout's annotations say of it."""
    annotations = row.get("annotations")
    if not isinstance(annotations, dict):
        return [row]
    lifted = {name: annotations[name] for name in ("label", "score") if annotations.get(name) is not None}
    return [{**lifted, **row}]


LAYOUT = Layout(name="rollouts", knows=lambda row: True, spread=_spread)
