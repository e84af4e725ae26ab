"""The dataset folder: it opens with `datasets`, holds every receipt, and is replaced whole or not at all."""

import json

import pytest

from reasondistill.curation.candidate_source import Candidate
from reasondistill.errors import StoreError
from reasondistill.export.dataset import iter_rows, write_dataset
from reasondistill.export.examples import to_example
from reasondistill.generation.prompts import PromptTemplate
from reasondistill.generation.strategies.tir.options import INSTRUCTIONS, TirOptions
from reasondistill.generation.strategies.tir.strategy import Tir
from reasondistill.records import Message, content_id
from verifiers import Outcome, Verdict

TEMPLATE = PromptTemplate(name="student", user="Solve: {question}", system="Be brief.")
CARD = """---
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train-*.parquet}
- config_name: control-wrong
  data_files:
  - {split: train, path: splits/wrong/data/train-*.parquet}
---
"""


@pytest.fixture
def example(make_problem, make_rollout):
    """Return a builder of an example of one rollout."""

    def build(number=0, text=None, **fields):
        problem = make_problem(number, source="procedural:sum")
        rollout = make_rollout(problem, text, **fields)
        verdict = Verdict(outcome=Outcome.CORRECT, extracted=problem.answer, method="boxed", verifier="rules 1")
        return to_example(Candidate(problem=problem, rollout=rollout, verdict=verdict), TEMPLATE)

    return build


def test_an_example_asks_with_the_students_prompt(example, make_problem):
    built = example(3)
    assert built.prompt == TEMPLATE.messages(make_problem(3))
    assert [m.content for m in built.completion] == [r"The answer is \boxed{4}."]


def test_the_receipt_is_enough_to_check_a_row(example, make_problem):
    row = example(3).to_row()
    problem = make_problem(3)
    expected = {
        "rollout_id": "p3-0",
        "problem_id": "p3",
        "problem_hash": problem.content_hash,
        "question": problem.question,
        "answer": "4",
        "extracted": "4",
        "outcome": "correct",
        "verifier": "rules 1",
        "teacher": "teacher",
        "source": "procedural:sum",
        "completion_hash": content_id(row["completion"]),
        "prompt_hash": content_id(row["prompt"]),
    }
    assert expected.items() <= row.items()


def test_rows_read_back_as_written(tmp_path, example):
    examples = [example(i, "你好 🎉 \u2028 </s>") for i in range(5)]
    write_dataset(tmp_path / "dataset", examples, {}, lambda _: CARD)
    rows = list(iter_rows(tmp_path / "dataset" / "data"))
    assert rows == [e.to_row() for e in examples]


def test_datasets_opens_the_folder_and_its_controls(tmp_path, example, load):
    write_dataset(tmp_path / "d", [example(i) for i in range(5)], {"wrong": [example(7), example(8)]}, lambda _: CARD)
    main, control = load(str(tmp_path / "d")), load(str(tmp_path / "d"), "control-wrong")
    assert (main.num_rows, control.num_rows) == (5, 2)
    assert main[0]["prompt"] == [m.to_row() for m in example(0).prompt]
    assert main[0]["completion"] == [{"role": "assistant", "content": r"The answer is \boxed{1}."}]
    assert control["problem_id"] == ["p7", "p8"]
    assert main.features == control.features


def test_a_folder_without_rows_is_readable(tmp_path, load):
    write_dataset(tmp_path / "d", [], {"wrong": []}, lambda _: CARD)
    assert list(iter_rows(tmp_path / "d" / "data")) == []
    # What `datasets` does not stream it refuses to open without rows.
    for name in ("default", "control-wrong"):
        empty = load(str(tmp_path / "d"), name, streaming=True)
        assert (list(empty), empty.column_names) == ([], ["prompt", "completion"])


def test_reasoning_and_tool_calls_are_columns_of_messages_where_there_are_any(tmp_path, example):
    call = {"name": "python", "arguments": {"code": "1 + 1"}}
    turns = (
        Message(role="user", content="q"),
        Message(role="assistant", content="", reasoning="hm", tool_calls=(call,)),
        Message(role="tool", content="2"),
        Message(role="assistant", content="It is 2."),
    )
    write_dataset(tmp_path / "d", [example(0), example(1, messages=turns)], {}, lambda _: CARD)
    plain, tools = list(iter_rows(tmp_path / "d" / "data"))
    assert plain["completion"][0]["reasoning"] is None
    assert [m["content"] for m in tools["completion"]] == ["", "2", "It is 2."]
    assert tools["completion"][0]["reasoning"] == "hm"
    assert json.loads(tools["completion"][0]["tool_calls"]) == [call]


def test_many_rows_are_several_shards_in_order(tmp_path, example, monkeypatch):
    monkeypatch.setattr("reasondistill.export.shards.SHARD_ROWS", 2)
    write_dataset(tmp_path / "d", [example(i) for i in range(5)], {}, lambda _: CARD)
    names = sorted(p.name for p in (tmp_path / "d" / "data").iterdir())
    assert names == [f"train-{i:05d}-of-00003.parquet" for i in range(3)]
    assert [row["problem_id"] for row in list(iter_rows(tmp_path / "d" / "data"))] == [f"p{i}" for i in range(5)]


def test_a_dataset_is_replaced_whole(tmp_path, example):
    write_dataset(tmp_path / "d", [example(0), example(1)], {"wrong": [example(2)]}, lambda _: CARD)
    write_dataset(tmp_path / "d", [example(3)], {}, lambda _: "new card")
    assert [row["problem_id"] for row in list(iter_rows(tmp_path / "d" / "data"))] == ["p3"]
    assert (tmp_path / "d" / "README.md").read_text() == "new card"
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
    assert not (tmp_path / "d" / "splits").exists()


def test_what_a_killed_export_left_is_no_obstacle(tmp_path, example):
    for name in ("d.tmp", "d.old"):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "data" / "train-00000-of-00001.parquet").write_bytes(b"half")
    write_dataset(tmp_path / "d", [example(0)], {}, lambda _: CARD)
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, example):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_dataset(tmp_path / "file" / "d", [example(0)], {}, lambda _: CARD)


def test_the_hash_is_that_of_what_a_trainer_sees(example, tmp_path):
    one, two = example(0), example(1)
    judged_otherwise = type(one)(prompt=one.prompt, completion=one.completion, provenance={"outcome": "incorrect"})

    def written(rows):
        return write_dataset(tmp_path / "d", rows, {"same": rows}, lambda _: CARD)

    summary, other = written([one, two]), written([judged_otherwise, two])
    assert summary["outputs"]["main"] == summary["outputs"]["same"] == other["outputs"]["main"]
    assert summary["splits"]["main"]["rows"] == summary["examples"] == 2
    assert summary["splits"]["main"]["digest"] != other["splits"]["main"]["digest"]
    assert len({written(rows)["outputs"]["main"] for rows in ([one, two], [two, one], [one], [])}) == 4


def test_tool_turns_are_exported_with_their_calls_and_the_tools(example, tmp_path, load):
    call = {"id": "call_0", "type": "function", "function": {"name": "python", "arguments": '{"code": "1 + 1"}'}}
    turns = (
        Message(role="user", content="1 + 1?"),
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="2"),
        Message(role="assistant", content="\\boxed{2}"),
    )
    tool = {"type": "function", "function": {"name": "python", "parameters": {}}}
    native = example(1, messages=turns, tools=(tool,), annotations={"syntax": "native"})
    write_dataset(tmp_path / "dataset", [example(0), native], {}, lambda _: CARD)
    plain, row = load(str(tmp_path / "dataset"))
    assert [m["role"] for m in row["completion"]] == ["assistant", "tool", "assistant"]
    assert json.loads(row["completion"][0]["tool_calls"]) == [call]
    assert (json.loads(row["tools"]), plain["tools"]) == ([tool], None)


@pytest.mark.parametrize(("options", "mark"), [(TirOptions(), "fenced"), (TirOptions(syntax="native"), None)])
def test_a_student_of_tool_use_is_told_of_its_tool(make_problem, make_rollout, options, mark):
    problem = make_problem()
    rollout = make_rollout(problem, annotations={"syntax": mark} if mark else {})
    verdict = Verdict(outcome=Outcome.CORRECT, reason="")
    candidate = Candidate(problem=problem, rollout=rollout, verdict=verdict)
    template = PromptTemplate(name="t", user="{question}", system="{tools}")
    built = to_example(candidate, Tir(template=template, options=options))
    assert built.prompt[0].content == INSTRUCTIONS[mark or "native"]
