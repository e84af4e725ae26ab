"""Auditing our own datasets through the command: nothing disagrees on what was written, and every edit is found."""

import json
import random

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from reasondistill.cli.main import main
from reasondistill.curation.candidate_source import Candidate
from reasondistill.export.dataset import write_dataset
from reasondistill.export.examples import to_example
from reasondistill.export.receipts import Judged, messages_hash, receipt_of
from reasondistill.generation.prompts import PromptTemplate
from reasondistill.generation.strategies.tir.options import TirOptions
from reasondistill.generation.transcripts import parse
from reasondistill.records import Kind, Message, Problem, to_messages
from reasondistill.verification.judging import VerifyOptions
from verifiers.dispatch import verify_case

TEMPLATE = PromptTemplate(name="student", user="Solve: {question}")
TRANSCRIPT = "I add.\n```python\nx = {n} + 1\nx\n```\n```output\n{told}\n```\nIt is $\\boxed{{{told}}}$."
TESTS = {"style": "assert", "code": "assert double({n}) == 2 * {n}", "entry_point": "double"}


def _math(n):
    return Problem(id=f"m{n}", question=f"What is {n} plus 1?", answer=str(n + 1), source="made")


def _code(n):
    tests = {**TESTS, "code": TESTS["code"].format(n=n)}
    return Problem(id=f"c{n}", kind=Kind.CODE, question="Write double.", tests=tests, source="made")


@pytest.fixture
def example(make_rollout):
    """Return a builder of an example: plain mathematics, with executed code, or a program for tests."""

    def build(n, form="plain", right=True):
        problem = _code(n) if form == "code" else _math(n)
        told = n + 1 if right else n
        text = {
            "plain": f"The answer is \\boxed{{{told}}}.",
            "tir": TRANSCRIPT.format(n=n, told=told),
            "code": f"```python\ndef double(x):\n    return {2 if right else 3} * x\n```",
        }[form]
        turns = parse(text) if form == "tir" else (Message(role="assistant", content=text),)
        messages = (Message(role="user", content=problem.question), *turns)
        rollout = make_rollout(problem, messages=messages, strategy="tir" if form == "tir" else "cot")
        verdict = verify_case(VerifyOptions().case(problem, rollout.text))
        candidate = Candidate(problem=problem, rollout=rollout, verdict=verdict)
        return to_example(candidate, TEMPLATE, judged=Judged(isolation="flat", tir=TirOptions(cell_seconds=20)))

    return build


@pytest.fixture
def dataset(tmp_path, example):
    """Write a dataset of 12 rows of all three forms with a control split of wrong ones; return its folder."""
    rows = [example(n, form) for n in range(4) for form in ("plain", "tir", "code")]
    write_dataset(tmp_path / "d", rows, {"wrong": [example(n, right=False) for n in range(9, 12)]}, lambda _: "card")
    return tmp_path / "d"


def _edit(folder, change):
    """Rewrite the main split with each row changed in place by `change(number, row)`."""
    [path] = (folder / "data").glob("*.parquet")
    table = parquet.read_table(path)
    rows = table.to_pylist()
    for number, row in enumerate(rows):
        change(number, row)
    parquet.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def _audit(capsys, *arguments):
    status = main(["audit", *map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def _found(out):
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    return {r["row"]: {f["check"] for f in r["findings"]} for r in rows if r["findings"] and r["split"] == "main"}


def test_nothing_disagrees_on_what_was_written(dataset, capsys, tmp_path):
    status, report = _audit(capsys, dataset, "--out", tmp_path / "audit")
    assert (status, report["disagreeing_rows"], report["checks"]) == (0, 0, {})
    assert (report["rows"], report["judged"], report["splits"]) == (15, 15, {"main": 12, "wrong": 3})
    assert report["outcomes"] == {"correct": 12, "incorrect": 3}
    assert "Nothing disagrees" in (tmp_path / "audit" / "audit.html").read_text()


def _answer(row):
    row["answer"] = "77"


def _trace(row):
    row["completion"][0]["content"] += " "


def _hash(row):
    row["completion_hash"] = "0" * 20


def _outcome(row):
    row["outcome"] = "incorrect"


def _prompt(row):
    row["prompt"][0]["content"] += "!"


def _digits(row):
    turn = row["completion"][1 if len(row["completion"]) > 1 else 0]
    turn["content"] = turn["content"].replace("1", "8") + "8"


@pytest.mark.parametrize("change", [_answer, _trace, _hash, _outcome, _prompt, _digits])
def test_every_edit_is_found_and_no_other_row(dataset, capsys, tmp_path, change):
    chosen = set(random.Random(0).sample(range(12), 5))
    _edit(dataset, lambda number, row: change(row) if number in chosen else None)
    status, report = _audit(capsys, dataset, "--out", tmp_path / "audit")
    assert status == 1
    assert set(_found(tmp_path / "audit")) == chosen
    assert report["disagreeing_rows"] == len(chosen)


def _rehash(row):
    """Do what a careful forger does: make every hash fit the edited row."""
    clean = [{k: v for k, v in m.items() if v is not None} for m in row["completion"]]
    for message in clean:
        if "tool_calls" in message:
            message["tool_calls"] = json.loads(message["tool_calls"])
    completion = to_messages(clean)
    row["completion_hash"] = messages_hash(completion)
    row["receipt"] = receipt_of(row, to_messages(row["prompt"]), completion)


def test_a_recomputed_hash_does_not_hide_a_wrong_answer(dataset, capsys, tmp_path):
    def change(number, row):
        if number == 0:
            row["completion"][0]["content"] = "The answer is \\boxed{99}."
            _rehash(row)

    _edit(dataset, change)
    status, _ = _audit(capsys, dataset, "--out", tmp_path / "audit")
    assert (status, _found(tmp_path / "audit")[0]) == (1, {"verdict"})


def test_a_recomputed_hash_does_not_hide_an_output_that_no_run_gives(dataset, capsys, tmp_path):
    def change(number, row):
        if number == 1:
            row["completion"][1]["content"] = "41"
            _rehash(row)

    _edit(dataset, change)
    status, _ = _audit(capsys, dataset, "--out", tmp_path / "audit")
    assert (status, _found(tmp_path / "audit")[1]) == (1, {"blocks", "output"})


@pytest.mark.parametrize("keep", [range(11), [1, 0, *range(2, 12)], [0, *range(12)]], ids=["lost", "moved", "added"])
def test_rows_that_were_lost_moved_or_added_are_told_by_the_manifest(dataset, capsys, keep):
    [path] = (dataset / "data").glob("*.parquet")
    table = parquet.read_table(path)
    parquet.write_table(table.take(list(keep)), path)
    status, report = _audit(capsys, dataset, "--no-run")
    assert (status, set(report["checks"])) == (1, {"manifest"})


def test_a_share_judges_some_rows_and_checks_every_hash(dataset, capsys, tmp_path):
    _edit(dataset, lambda number, row: _trace(row))
    status, report = _audit(capsys, dataset, "--share", "0.3", "--no-run", "--split", "main")
    again = _audit(capsys, dataset, "--share", "0.3", "--no-run", "--split", "main")
    assert (status, report["checks"]["completion"]["rows"]) == (1, 12)
    assert 0 < report["judged"] < 12
    assert again == (status, report)


def test_two_audits_can_be_compared(dataset, capsys, tmp_path):
    _audit(capsys, dataset, "--out", tmp_path / "before", "--no-run")
    assert _audit(capsys, tmp_path / "before", "--diff", tmp_path / "before")[0] == 0
    _edit(dataset, lambda number, row: _answer(row) if number == 3 else None)
    _audit(capsys, dataset, "--out", tmp_path / "after", "--no-run")
    status, difference = _audit(capsys, tmp_path / "after", "--diff", tmp_path / "before")
    assert (status, difference["outcomes"]) == (1, {"correct -> incorrect": 1})
    assert [(row["split"], row["row"]) for row in difference["changes"]] == [("main", 3)]
    assert (difference["only_before"], difference["only_after"]) == (0, 0)  # the receipt itself was left alone


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{d}", "--split", "none"], "it has main, wrong"),
        (["{d}/nothing"], "file not found; name a file, a folder"),
        (["{d}/README.md"], "cannot tell the format"),
        (["{d}", "--diff", "{d}"], "holds no audit"),
        (["{d}", "--limit", "3"], "--share judges a part"),
        (["{d}", "--against", "{d}/none.jsonl"], "none.jsonl"),
    ],
)
def test_a_mistake_is_one_line(dataset, capsys, arguments, said):
    assert main(["audit", *(a.format(d=dataset) for a in arguments)]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told


def test_a_row_that_cannot_be_read_is_a_finding(dataset, capsys):
    _edit(dataset, lambda number, row: row.update(limits="{") if number == 2 else None)
    status, report = _audit(capsys, dataset, "--no-run")
    assert (status, report["checks"]["receipt"]["rows"]) == (1, 1)


def test_a_dataset_of_our_own_is_held_against_benchmarks_too(dataset, capsys, tmp_path):
    [shard] = (dataset / "data").glob("*.parquet")
    question = parquet.read_table(shard).to_pylist()[4]["question"]
    (tmp_path / "bench.jsonl").write_text(json.dumps({"question": question, "answer": "1"}) + "\n")
    status, report = _audit(capsys, dataset, "--no-run", "--split", "main", "--against", tmp_path / "bench.jsonl")
    assert (status, report["checks"]["contaminated"]["rows"], report["disagreeing_rows"]) == (1, 2, 2)  # plain and tir
    assert any("bench: 1 of" in line for line in report["notes"])


@pytest.mark.parametrize("left", ["[THINK]a[/THINK]", "a</think>", "<|channel|>analysis<|message|>a<|end|>"])
def test_thinking_left_in_the_content_is_a_finding(dataset, capsys, left):
    def edit(number, row):
        if number == 2:
            row["completion"][-1]["content"] = left + row["completion"][-1]["content"]

    _edit(dataset, edit)
    _, report = _audit(capsys, dataset, "--no-run")
    assert report["checks"]["thinking"]["rows"] == 1
