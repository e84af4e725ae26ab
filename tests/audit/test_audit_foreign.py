"""Datasets of others: their columns are understood, and what is wrong with their rows is found."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from reasondistill.audit.dataset_audit import broken_thinking, text_findings, transcript_of
from reasondistill.cli.main import main
from reasondistill.rows.completion import spread
from reasondistill.rows.keys import RowError
from reasondistill.rows.layouts import recognise

TRACES = Path(__file__).resolve().parents[3] / "shared" / "data" / "traces"
TIR = "Compute.\n```python\nprint(6*7)\n```\n```output\n{out}\n```\nSo $\\boxed{{{out}}}$."
OPEN_R1 = {
    "problem": "What is 6*7?",
    "answer": "42",
    "generations": ["<think>easy</think> \\boxed{42}", "<think>hm", "<think>x</think> \\boxed{41}"],
    "correctness_math_verify": [True, False, True],
    "finish_reasons": ["stop", "length", "stop"],
    "uuid": "u1",
}
OPENMATH = {
    "problem": "What is 6*7?",
    "expected_answer": "42",
    "generated_solution": "<think>Code.\n<tool_call>\nprint(6*7)\n</tool_call>\n```output\n42\n```\n</think>"
    "\\boxed{42}",
    "inference_mode": "tir",
}
NUMINA = {
    "problem": "What is 6*7?",
    "solution": TIR.format(out=42),
    "messages": [{"role": "user", "content": "What is 6*7?"}, {"role": "assistant", "content": TIR.format(out=42)}],
}
SHAREGPT = {
    "conversations": [{"from": "human", "value": "6*7?"}, {"from": "gpt", "value": "\\boxed{42}"}],
    "gold": "42",
}
S1K = {
    "question": "6*7?",
    "solution": "It is \\boxed{42}",
    "thinking_trajectories": ["well"],
    "attempt": "\\boxed{42}",
}


@pytest.mark.parametrize(
    ("row", "references", "texts"),
    [
        (OPEN_R1, ["42"] * 3, OPEN_R1["generations"]),
        (OPENMATH, ["42"], [OPENMATH["generated_solution"]]),
        (NUMINA, [None], [TIR.format(out=42)]),
        (SHAREGPT, ["42"], ["\\boxed{42}"]),
        (S1K, ["42"], ["<think>well</think>\\boxed{42}"]),
    ],
    ids=["open-r1", "openmath", "numina", "sharegpt", "s1k"],
)
def test_the_columns_of_well_known_sets_are_understood(row, references, texts):
    found = list(spread(row, recognise(row)))
    assert [one.reference for one in found] == references
    assert [one.text for one in found] == texts
    assert all(one.question for one in found)


def test_a_row_without_a_completion_is_refused_with_its_keys():
    row = {"question": "6*7?", "level": 1}
    with pytest.raises(RowError, match=r"neither `completion` nor `messages` .* it has question, level"):
        list(spread(row, recognise(row)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no thinking", ""),
        ("<think>a</think>b", ""),
        ("<think>a", "never closed"),
        ("a</think>b", "closes what it never opened"),
        ("<think>a</think><think>b", "opens 2 times and closes 1 times"),
        ("</think>a<think>", "closes before it opens"),
        ("<think>a<think>b</think></think>c", "thinking inside thinking"),
        ("<think>a</think> ", "nothing behind the thinking"),
    ],
)
def test_broken_thinking_tags_are_named(text, said):
    assert broken_thinking(text) == said


def test_a_transcript_is_read_in_its_own_dialect():
    for text in (TIR.format(out=42), OPENMATH["generated_solution"]):
        [block] = transcript_of(text).blocks
        [(start, end)] = transcript_of(text).spans
        assert (block.code, block.output) == ("print(6*7)", "42")
        assert "42" in text[start:end] and "print" not in text[start:end]
    assert transcript_of("```output\n42\n```\n").invented == 1


def _audit(capsys, *arguments):
    status = main(["audit", *map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_each_fault_is_found_in_its_row(tmp_path, capsys):
    rows = [
        {"id": "good", "question": "6*7?", "answer": "42", "completion": TIR.format(out=42)},
        {"id": "wrong", "question": "6*7?", "answer": "42", "completion": "\\boxed{41}"},
        {"id": "output", "question": "6*7?", "answer": "43", "completion": TIR.format(out=43)},
        {"id": "label", "question": "6*7?", "answer": "42", "completion": "It is \\boxed{42}", "is_correct": False},
        {"id": "told", "question": "6*7?", "answer": "42", "completion": "\\boxed{40}", "is_correct": False},
        {"id": "cut", "question": "6*7?", "answer": "42", "completion": "\\boxed{42} b", "finish_reason": "length"},
        {"id": "tags", "question": "6*7?", "answer": "42", "completion": "x</think>\\boxed{42}"},
        {"id": "token", "question": "6*7?", "answer": "42", "completion": "\\boxed{42}<|im_end|>"},
        {"id": "seen", "question": "What is one plus two plus three?", "answer": "6", "completion": "\\boxed{6}"},
    ]
    file, benchmark = tmp_path / "rows.jsonl", tmp_path / "bench.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark.write_text(json.dumps({"question": "what is one plus two PLUS three?", "answer": "6"}) + "\n")
    status, report = _audit(capsys, file, "--against", benchmark, "--out", tmp_path / "out")
    written = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    found = {row["key"]: sorted(f["check"] for f in row["findings"]) for row in written if row["findings"]}
    assert found == {
        "good": ["mask"],
        "wrong": ["wrong"],
        "output": ["mask", "output"],
        "label": ["label"],
        "cut": ["truncated"],
        "tags": ["thinking"],
        "token": ["special_token"],
        "seen": ["contaminated"],
    }
    assert (status, report["disagreeing_rows"]) == (1, 7)
    assert "what is one plus two PLUS three?" in (tmp_path / "out" / "audit.html").read_text()


def test_an_open_r1_file_is_audited_generation_by_generation(tmp_path, capsys):
    parquet.write_table(pa.Table.from_pylist([OPEN_R1]), tmp_path / "train-0.parquet")
    status, report = _audit(capsys, tmp_path, "--out", tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert (status, report["rows"]) == (1, 3)
    assert [sorted(f["check"] for f in row["findings"]) for row in rows] == [[], ["thinking", "truncated"], ["label"]]


def test_what_does_not_hold_among_real_transcripts_of_tora_is_found(tmp_path, capsys):
    path = TRACES / "tora_corpus_examples.jsonl.gz"
    if not path.exists():
        pytest.skip("trace file not beside this checkout: tora_corpus_examples")
    with gzip.open(path, "rt") as lines:
        (tmp_path / "t.jsonl").write_text("".join(list(lines)[:12]))
    status, report = _audit(capsys, tmp_path / "t.jsonl", "--out", tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    found = {row["row"]: [f["check"] for f in row["findings"] if f["check"] != "mask"] for row in rows}
    # Row 2 calls a function without its argument and shows an output all the same; row 11's reference is half of one.
    assert {number: checks for number, checks in found.items() if checks} == {2: ["output"], 11: ["label"]}
    assert (status, report["checks"]["mask"]["rows"]) == (1, 10)  # two of the twelve hold no code


def test_a_hostile_row_stays_text(tmp_path, capsys):
    row = {"question": "<script>alert(1)</script>\x1b[31m", "answer": "1", "completion": "</script>\\boxed{2}"}
    (tmp_path / "h.jsonl").write_text(json.dumps(row) + "\n")
    assert main(["audit", str(tmp_path / "h.jsonl"), "--out", str(tmp_path / "o")]) == 1
    assert "\x1b" not in capsys.readouterr().out
    assert "<script>" not in (tmp_path / "o" / "audit.html").read_text()


@pytest.mark.parametrize(
    ("spans", "findings"),
    [
        (lambda start, end: [{"start": start, "end": end}], []),
        (lambda start, end: [{"start": 0, "end": 1}, {"start": start, "end": end}], []),
        (lambda start, end: [{"start": start, "end": end - 1}], ["mask"]),
        (lambda _start, _end: [], ["mask"]),
        (lambda _start, _end: "none", ["mask"]),
        (lambda _start, _end: [{"start": None}, 3], ["mask"]),
    ],
)
def test_outputs_that_a_row_marks_itself_can_be_masked(spans, findings):
    text = TIR.format(out=42)
    ((start, end),) = transcript_of(text).spans
    row = {"question": "6*7?", "answer": "42", "completion": text, "tool_output_spans": spans(start, end)}
    (read,) = spread(row, recognise(row))
    assert [f.check for f in text_findings(read)] == findings
