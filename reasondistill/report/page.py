"""Writes the report page: one HTML file with everything inside, that asks the network for nothing.

Numbers and charts are static; the rollouts stand in the page as JSON and page.js lists them fifty at a time. Text from
models is hostile: it enters the HTML escaped by the template, the JSON without `<`, and the list as textContent.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlencode

from ..curation.contamination import BRACKETS
from ..errors import StoreError
from . import text
from .charts import accuracy_chart, counts_chart, hits_chart, loss_chart, minutes_chart
from .data import PageData, RolloutView
from .scaling_chart import scaling_chart

MAX_MATCHES = 200
"""Matches with a benchmark that the page shows; all are in decontamination.json."""
_OUTCOMES = ("correct", "incorrect", "no_answer", "timeout", "undecided", "error")


def build_page(data: PageData, out: Path) -> None:
    """Write the report to `out`, replacing it whole; the same data gives the same bytes. Raises StoreError."""
    page = render_page(data).encode()
    unfinished = out.with_name(out.name + ".tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(page)
        unfinished.replace(out)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        way_out = "free space or choose another folder"
        raise StoreError(f"{out}: cannot write the report ({error.strerror}); {way_out}") from error


def render_page(data: PageData) -> str:
    """Return the page's HTML.

    >>> "&lt;b&gt;" in render_page(PageData(title="<b>"))
    True
    """
    from jinja2 import Environment, StrictUndefined

    def shown(value: object) -> object:
        return text.visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=shown, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(percent=text.percent, points=text.points, p=text.p_words, duration=text.duration)
    script = _part("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Our one script by its hash, styles in the page, no address at all.
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    embedded = embed(data.rollouts)
    return environment.from_string(_part("page.html")).render(
        data=data,
        policy=policy,
        style=_part("page.css"),
        script=script,
        charts=_charts(data),
        interval=text.interval,
        measured=text.measured,
        series=_loss_ends(data),
        outcomes=outcomes_of(data.rollouts),
        sets=outcome_rows(data.rollouts),
        embedded=embedded,
        side_by_side=lambda change: _link(open=change.before, beside=change.after),
        size=f"{len(embedded) / 1e6:.1f} MB",
        brackets=BRACKETS,
        max_matches=MAX_MATCHES,
    )


def embed(rollouts: Sequence[RolloutView]) -> str:
    r"""Return the rollouts as JSON that may stand in a `<script>`: ASCII without `<`, `>` and `&`.

    >>> embed([]).startswith('{"fields":["id","problem_id","set",'), embed([]).endswith('"rows":[]}')
    (True, True)
    """
    names = [f.name for f in fields(RolloutView)]
    rows = [[getattr(rollout, name) for name in names] for rollout in rollouts]
    plain = json.dumps({"fields": names, "rows": rows}, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        plain = plain.replace(letter, f"\\u{ord(letter):04x}")
    return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """How one set of rollouts was judged; each count has a link that lists just those rollouts."""

    set: str
    link: str
    total: int
    cells: tuple[tuple[str, int], ...]
    """(link, count) per outcome, in the order of `outcomes_of`."""


def outcomes_of(rollouts: Sequence[RolloutView]) -> list[str]:
    """Return the outcomes that occur, in the order of the verdict's own list."""
    found = {r.outcome for r in rollouts}
    return [o for o in _OUTCOMES if o in found] + sorted(found.difference(_OUTCOMES))


def outcome_rows(rollouts: Sequence[RolloutView]) -> list[OutcomeRow]:
    """Count the outcomes of every set, the sets in the order in which they first stand."""
    counts = Counter((r.set, r.outcome) for r in rollouts)
    rows = []
    for name in dict.fromkeys(r.set for r in rollouts):
        cells = tuple((_link(set=name, outcome=o), counts[name, o]) for o in outcomes_of(rollouts))
        rows.append(OutcomeRow(set=name, link=_link(set=name), total=sum(n for _, n in cells), cells=cells))
    return rows


def _charts(data: PageData) -> dict[str, str]:
    return {
        "accuracy": accuracy_chart(data.accuracies) if data.accuracies else "",
        "scaling": scaling_chart(data.scaling.curves) if data.scaling else "",
        "counts": counts_chart(data.waterfall) if data.waterfall else "",
        "hits": hits_chart(data.contamination) if data.contamination else "",
        "loss": loss_chart(data.loss) if data.loss else "",
        "minutes": minutes_chart(data.seconds) if data.seconds else "",
    }


def _loss_ends(data: PageData) -> list[tuple[str, int, int, float, float]]:
    """Return (series, points, last step, first loss, last loss)."""
    ends = []
    for name in dict.fromkeys(p.series for p in data.loss):
        line = sorted((p.step, p.loss) for p in data.loss if p.series == name)
        ends.append((name, len(line), line[-1][0], line[0][1], line[-1][1]))
    return ends


def _link(**state: str) -> str:
    return "#" + urlencode({key: text.visible(value) for key, value in state.items()})


def _part(name: str) -> str:
    return files("reasondistill.report").joinpath(name).read_text(encoding="utf-8")
