"""Judging rollouts made elsewhere: which rows are taken, what they are called, and when they are judged again."""

import json

import pytest

from reasondistill.cli.main import main
from reasondistill.errors import DataError
from reasondistill.evaluation.read import read_problems
from reasondistill.problems import load_problems, write_problems
from reasondistill.rows.completion_file import CompletionFile
from reasondistill.store import Table
from reasondistill.verification.judging import VerifyOptions
from reasondistill.verification.verify_file import verify_file

LENIENT = VerifyOptions(strict=False)


@pytest.fixture
def write(tmp_path):
    """Return a writer of a file of rollouts."""

    def rows(*given):
        path = tmp_path / "rollouts.jsonl"
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in given))
        return path

    return rows


@pytest.fixture
def verify(tmp_path):
    def run(path, options=LENIENT, problems=None):
        references = {p.id: p for p in load_problems(problems)} if problems else read_problems(path)
        return verify_file(CompletionFile(path=path, references=references), tmp_path / "out", options)

    return run


def _verdicts(tmp_path):
    return list(Table(tmp_path / "out" / "verdicts", key="rollout_id"))


def test_rows_are_judged_and_counted(write, verify, tmp_path):
    path = write(
        {"id": "a", "completion": r"\boxed{2}", "answer": "2"},
        {"id": "b", "completion": r"\boxed{3}", "gold": 2},
        {"id": "c", "completion": "", "expected_answer": "2"},
    )
    result = verify(path)
    assert result == {
        "rollouts": 3,
        "outcomes": {"correct": 1, "incorrect": 1, "no_answer": 1},
        "accuracy": 1 / 3,
    }
    assert [(v["rollout_id"], v["outcome"]) for v in _verdicts(tmp_path)] == [
        ("a", "correct"),
        ("b", "incorrect"),
        ("c", "no_answer"),
    ]


def test_a_conversations_last_assistant_turn_is_the_completion(write, verify):
    turns = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": r"\boxed{2}"},
        {"role": "tool", "content": "9"},
    ]
    assert verify(write({"id": "a", "messages": turns, "answer": "2"}))["outcomes"] == {"correct": 1}


def test_answers_come_from_a_problem_file_by_id(write, verify, make_problem, tmp_path):
    write_problems(tmp_path / "problems.jsonl", [make_problem(1)])
    path = write({"problem_id": "p1", "completion": r"\boxed{2}", "answer": "not this one"})
    assert verify(path, problems=tmp_path / "problems.jsonl")["outcomes"] == {"correct": 1}


def test_a_run_folder_brings_rollouts_and_problems(verify, make_problem, make_rollout, tmp_path):
    run = tmp_path / "run"
    write_problems(run / "problems" / "train.jsonl", [make_problem(1)])
    with Table(run / "rollouts", key="id", writable=True) as table:
        table.append(make_rollout(make_problem(1)).to_row())
    assert verify(run)["outcomes"] == {"correct": 1}


def test_what_was_judged_is_left_alone(write, verify, tmp_path):
    path = write({"id": "a", "completion": "2", "answer": "2"})
    verify(path)
    size = sum(p.stat().st_size for p in (tmp_path / "out" / "verdicts").glob("*.jsonl"))
    assert verify(path)["outcomes"] == {"correct": 1}
    assert sum(p.stat().st_size for p in (tmp_path / "out" / "verdicts").glob("*.jsonl")) == size


def test_a_changed_row_or_option_is_judged_again(write, verify):
    row = {"id": "a", "completion": "2", "answer": "2"}
    assert verify(write(row))["outcomes"] == {"correct": 1}
    assert verify(write({**row, "answer": "3"}))["outcomes"] == {"incorrect": 1}
    assert verify(write(row), VerifyOptions(strict=True))["outcomes"] == {"no_answer": 1}


def test_equal_rows_without_ids_are_so_many_rollouts(write, verify, tmp_path):
    row = {"problem_id": "p", "completion": "2", "answer": "2"}
    path = write(row, row, {**row, "completion": "3"})
    assert verify(path) == {"rollouts": 3, "outcomes": {"correct": 2, "incorrect": 1}, "accuracy": 2 / 3}
    assert len(_verdicts(tmp_path)) == 3
    assert verify(path)["rollouts"] == len(_verdicts(tmp_path)) == 3


def test_only_the_files_rows_are_counted(write, verify):
    verify(write({"id": "a", "completion": "2", "answer": "2"}))
    assert verify(write({"id": "b", "completion": "3", "answer": "2"}))["outcomes"] == {"incorrect": 1}


def test_programs_and_answers_may_stand_in_one_file(write, verify):
    path = write(
        {"id": "a", "completion": "def f(): ...", "tests": "assert f() == 1"},
        {"id": "b", "completion": "2", "answer": "2"},
        {"id": "c", "completion": "```python\ndef f():\n    return 1\n```", "tests": "assert f() == 1"},
    )
    result = verify(path)
    assert (result["outcomes"], result["accuracy"]) == ({"incorrect": 1, "correct": 2}, 2 / 3)


def test_any_text_can_be_an_id(write, verify, tmp_path):
    path = write(*({"id": f"{i}\u2028\ud800\n", "completion": "2", "answer": "2"} for i in range(3)))
    assert verify(path)["outcomes"] == {"correct": 3}
    assert [v["rollout_id"] for v in _verdicts(tmp_path)] == [f"{i}\u2028\ud800\n" for i in range(3)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"id": "a", "answer": "2"}],
            r":1: neither `completion` nor `messages` with an assistant turn; it has id, answer",
        ),
        ([{"completion": None, "answer": "2"}], ":1: neither `completion`"),
        ([{"messages": [{"role": "user", "content": "?"}], "answer": "2"}], ":1: neither `completion`"),
        ([{"completion": "2", "answer": None}], r":1: no reference; add `answer` or `tests` to the row, or --problems"),
        ([{}], ":1: neither `completion` nor `messages`"),
        (
            [{"id": "a", "completion": "2", "answer": "2"}, {"id": "a", "completion": "3", "answer": "2"}],
            ":2: the id 'a' stands for an earlier rollout too",
        ),
        (["[1]", {"completion": "2", "answer": "2"}], ":1: expected a JSON object, got list"),
        (["{broken", {"completion": "2", "answer": "2"}], ":1: not valid JSON"),
    ],
)
def test_a_row_that_cannot_be_judged_is_named(write, verify, rows, message):
    with pytest.raises(DataError) as caught:
        verify(write(*rows))
    assert message in str(caught.value) and "rollouts.jsonl" in str(caught.value)


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ("text", "neither `completion`"),
        ([3], "each of `messages` needs a `role`"),
        ([{"content": "?"}], "each of `messages` needs a `role`"),
        ({"role": "assistant"}, "neither `completion`"),
        ([{"role": "assistant", "content": [1]}], "a part of a message's content must be an object, got int"),
        ([{"role": "assistant", "content": 1}], "the content of a message must be text, got int"),
    ],
)
def test_messages_of_another_form_are_refused(write, verify, messages, message):
    with pytest.raises(DataError, match=f":1: {message}"):
        verify(write({"messages": messages, "answer": "2"}))


def test_a_missing_file_is_named(verify, tmp_path):
    with pytest.raises(DataError, match="file not found; name a file, a folder, or a hub dataset"):
        verify(tmp_path / "none.jsonl")


def test_an_empty_file_has_nothing_to_judge(write, verify):
    assert verify(write()) == {"rollouts": 0, "outcomes": {}, "accuracy": 0.0}


UNMARKED = {"id": "unmarked", "completion": "so it is 5", "answer": "5"}
SLOW = {"id": "slow", "completion": r"\boxed{2}", "answer": r"\sum_{k=0}^{\infty} \frac{1}{2^k}"}
PROGRAM = {"id": "program", "completion": "def f(x):\n    return x", "tests": ["assert f(1) == 1"]}


@pytest.mark.parametrize("rows", [(UNMARKED, SLOW), (UNMARKED, SLOW, PROGRAM)], ids=["mathematics", "mixed"])
@pytest.mark.parametrize(
    ("options", "unmarked", "slow"),
    [
        ((), "correct", "correct"),
        (("--strict",), "no_answer", "correct"),
        (("--timeout", "0.01"), "correct", "undecided"),
    ],
)
def test_the_commands_options_hold_whatever_else_the_file_holds(write, tmp_path, capsys, rows, options, unmarked, slow):
    assert main(["verify", str(write(*rows)), "--out", str(tmp_path / "out"), *options]) == 0
    outcomes = {v["rollout_id"]: v["outcome"] for v in _verdicts(tmp_path)}
    assert (outcomes["unmarked"], outcomes["slow"]) == (unmarked, slow)
    assert outcomes.get("program", "correct") == "correct"
