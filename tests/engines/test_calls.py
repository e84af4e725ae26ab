"""Tool calls come out whole, whatever numbering, names and ids a server gives their pieces."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.engines.openai.calls import Calls
from reasondistill.generation.syntax import code_of_call

CODES = st.lists(st.text(st.sampled_from('ab1 ={}[]":\\\n'), min_size=1, max_size=30), min_size=1, max_size=3)
CUTS = st.lists(st.integers(1, 40), max_size=4)
NUMBERINGS = (
    "right", "from one", "texts", "always 0", "none", "every piece", "new ids", "new ids and names", "no ids",
    "late names", "names in pieces", "late ids", "so far", "names repeated", "in one piece", "objects",
)  # fmt: skip


def pieces(code: str, at: int, cuts: list[int], numbering: str) -> list[dict[str, Any]]:
    """Return a call in the pieces of a server that numbers them in this way."""
    text = json.dumps({"code": code})
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    parts = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    if numbering in ("in one piece", "no ids", "objects"):
        parts = [text]
    head = {"name": "python", "arguments": ""}
    rows: list[dict[str, Any]] = [{"index": at, "id": f"call_{at}", "type": "function", "function": head}]
    rows += [{"index": at, "function": {"arguments": part}} for part in parts]
    for i, row in enumerate(rows):
        same = ("always 0", "no ids", "new ids", "new ids and names")
        row["index"] = {"from one": at + 1, "texts": str(at), "every piece": 10 * at + i}.get(numbering, at)
        row["index"] = 0 if numbering in same else row["index"]
        if numbering == "none":
            del row["index"]
        if numbering in ("new ids", "new ids and names"):
            row["id"] = f"call_{at}_{i}"
        if numbering in ("names repeated", "new ids and names"):
            row["function"]["name"] = "python"
        if numbering == "so far" and i:
            row["function"]["arguments"] = "".join(parts[:i])
    if numbering == "late names":
        rows[-1]["function"]["name"] = head.pop("name")
    if numbering == "names in pieces":
        head["name"], rows[1]["function"] = "pyt", {**rows[1]["function"], "name": "hon"}
    if numbering == "late ids":
        rows[-1]["id"] = rows[0].pop("id")
    if numbering == "no ids":
        return [{"index": 0, "function": {"name": "python", "arguments": text}}]
    if numbering == "objects":
        return [rows[0] | {"function": {"name": "python", "arguments": {"code": code}}}]
    return rows


@settings(max_examples=300, deadline=None)
@given(CODES, CUTS, st.sampled_from(NUMBERINGS))
def test_every_call_of_a_stream_comes_out_whole(codes: list[str], cuts: list[int], numbering: str) -> None:
    calls = Calls()
    for at, code in enumerate(codes):
        for piece in pieces(f"{at}{code}", at, cuts, numbering):
            calls.add(piece, whole=False)
    assert [code_of_call(call) for call in calls.finished()] == [f"{at}{code}" for at, code in enumerate(codes)]


@given(CODES)
def test_pieces_of_two_calls_may_alternate(codes: list[str]) -> None:
    calls = Calls()
    made = [pieces(code, at, [5, 9], "right") for at, code in enumerate(codes)]
    for turn in range(max(map(len, made))):
        for rows in made:
            if turn < len(rows):
                calls.add(rows[turn], whole=False)
    assert [code_of_call(call) for call in calls.finished()] == codes


@given(CODES, st.integers(1, 3))
def test_whole_calls_are_all_kept_and_encoded_once(codes: list[str], times: int) -> None:
    calls = Calls()
    for code in codes:
        arguments: Any = {"code": code}
        for _ in range(times):
            arguments = json.dumps(arguments)
        calls.add({"id": "same", "function": {"name": "python", "arguments": arguments}}, whole=True)
    assert [json.loads(call["function"]["arguments"]) for call in calls.finished()] == [
        {"code": code} for code in codes
    ]
