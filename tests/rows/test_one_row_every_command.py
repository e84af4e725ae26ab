"""One row through every command that reads rows: the same question, reference and completion, however it is spelled."""

import json
from contextlib import redirect_stdout
from io import StringIO

import pytest

from reasondistill.cli.main import main
from reasondistill.generation.imported_rollouts import ImportedRollouts
from reasondistill.rows.problem_file import load_problems
from reasondistill.store import Table, read_rows
from verifiers.audit import judge_row
from verifiers.rewards import math_reward

Q = "A shelf holds one jar and one more jar. How many jars are on it in all?"
BASE = {"id": "row", "question": Q, "completion": r"It is \boxed{2}."}
CHAT = [{"role": "user", "content": Q}, {"role": "assistant", "content": r"It is \boxed{2}."}]
SHAREGPT = [{"from": "human", "value": Q}, {"from": "gpt", "value": r"It is \boxed{2}."}]
WORKED = "First we count the jar that stands on the shelf already, then the other one. "
NO_QUESTION = {"id": "row", "completion": r"It is \boxed{2}."}

REFERENCES = {
    "answer": {"answer": "2"},
    "gold": {"gold": "2"},
    "ground_truth": {"ground_truth": "2"},
    "expected_answer": {"expected_answer": "2"},
    "final_answer": {"final_answer": "2"},
    "target": {"target": "2"},
    "reward_model.ground_truth": {"reward_model": {"ground_truth": "2", "style": "rule"}},
    "gold before the model's answer": {"answer": "The sum is 2, so I say two", "gold": "2"},
    "ground_truth before the model's answer": {"answer": "The sum is 3", "ground_truth": "2"},
    "answer before a solution": {"answer": "2", "solution": r"\boxed{3}"},
    "empty before": {"gold": "", "answer": None, "target": "2"},
    "number": {"answer": 2},
    "list": {"answer": ["2"]},
    "solution with a box": {"solution": WORKED + r"So it is $\boxed{2}$."},
    "solution with fbox": {"solution": WORKED + r"So it is \fbox{2}."},
    "solution with a bare box": {"solution": WORKED + r"So it is \boxed 2."},
    "answer with fbox": {"answer": r"\fbox{2}"},
    "answer with a bare box": {"answer": r"\boxed 2"},
    "worked answer of GSM8K": {"answer": "1 + 1 = <<1+1=2>>2\n#### 2"},
    "ground_truth_solution": {"ground_truth_solution": WORKED + r"So it is $\boxed{2}$."},
}
OTHERS = {
    "two answers": ({**BASE, "completion": r"\boxed{2, 5}", "answer": ["2", 5]}, "2, 5", r"\boxed{2, 5}"),
    "two boxes": (
        {**BASE, "completion": r"\boxed{2, 5}", "solution": WORKED + r"$\boxed{2}$ and $\boxed{5}$"},
        "2, 5",
        r"\boxed{2, 5}",
    ),
    "half": (
        {**BASE, "completion": r"\boxed{0.5}", "answer": [r"\frac{1}{2}"]},
        r"\frac{1}{2}",
        r"\boxed{0.5}",
    ),
    "messages": ({"id": "row", "messages": CHAT, "answer": "2"}, "2", r"It is \boxed{2}."),
    "conversations": ({"id": "row", "conversations": SHAREGPT, "answer": "2"}, "2", r"It is \boxed{2}."),
    "prompt and completion as messages": (
        {"id": "row", "prompt": CHAT[:1], "completion": CHAT[1:], "answer": "2"},
        "2",
        r"It is \boxed{2}.",
    ),
    "verl": (
        {**NO_QUESTION, "prompt": CHAT[:1], "reward_model": {"ground_truth": "2"}, "data_source": "own"},
        "2",
        r"It is \boxed{2}.",
    ),
    "problem and generated_solution": (
        {"id": "row", "problem": Q, "generated_solution": r"It is \boxed{2}.", "expected_answer": "2"},
        "2",
        r"It is \boxed{2}.",
    ),
    "capital letters": (
        {"id": "row", "Question": Q, "Completion": r"It is \boxed{2}.", "Answer": "2"},
        "2",
        r"It is \boxed{2}.",
    ),
    "response": ({"id": "row", "query": Q, "response": r"It is \boxed{2}.", "gold": "2"}, "2", r"It is \boxed{2}."),
    "the solution is the completion": (
        {"id": "row", "problem": Q, "solution": WORKED + r"So it is \boxed{2}.", "answer": "2"},
        "2",
        WORKED + r"So it is \boxed{2}.",
    ),
    "s1K": (
        {"id": "row", "question": Q, "solution": "2", "thinking_trajectories": ["well"], "attempt": r"\boxed{2}"},
        "2",
        r"\boxed{2}",
    ),
    "OpenThoughts": (
        {
            "id": "row",
            "problem": Q,
            "deepseek_reasoning": "well",
            "deepseek_solution": r"\boxed{2}",
            "ground_truth_solution": WORKED + r"$\boxed{2}$",
        },
        "2",
        r"\boxed{2}",
    ),
}
ROWS = {name: ({**BASE, **row}, "2", r"It is \boxed{2}.") for name, row in REFERENCES.items()} | OTHERS


def _json(*words):
    """Run a command; return its status and the object that it prints."""
    with redirect_stdout(StringIO()) as out:
        status = main([*map(str, words), "--json"])
    return status, json.loads(out.getvalue())


@pytest.fixture(params=ROWS.values(), ids=ROWS)
def case(request, tmp_path):
    """The file of one row, the row, and the reference and completion that it holds."""
    row, reference, completion = request.param
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    return file, row, reference, completion


def test_every_command_reads_the_same_row(case, tmp_path):
    file, row, reference, completion = case
    assert main(["problems", str(file), "--out", str(tmp_path / "p.jsonl")]) == 0
    [problem] = load_problems(tmp_path / "p.jsonl")
    assert (problem.question, problem.answer) == (Q, reference)

    assert main(["verify", str(file), "--out", str(tmp_path / "verify")]) == 0
    [verdict] = Table(tmp_path / "verify" / "verdicts", key="rollout_id")
    assert (verdict["rollout_id"], verdict["outcome"], verdict["expected"]) == ("row", "correct", reference)

    assert main(["evaluate", "--rollouts", str(file), "--out", str(tmp_path / "evaluate")]) == 0
    [stored] = [row for path in (tmp_path / "evaluate" / "problems").glob("*.jsonl") for row in read_rows(path)]
    assert (stored["question"], stored["answer"]) == (Q, reference)
    [verdict] = Table(tmp_path / "evaluate" / "verdicts", key="rollout_id")
    assert (verdict["outcome"], verdict["expected"]) == ("correct", reference)
    [rollout] = Table(tmp_path / "evaluate" / "rollouts", key="id")
    assert rollout["messages"][-1]["content"] == completion

    status, _ = _json("audit", file, "--against", tmp_path / "p.jsonl", "--out", tmp_path / "audit")
    [result] = read_rows(tmp_path / "audit" / "rows.jsonl")
    assert (status, result["outcome"]) == (1, "correct")
    assert [finding["check"] for finding in result["findings"]] == ["contaminated"]

    status, told = _json("stats", file, "--against", tmp_path / "p.jsonl")
    assert (told["rows"], told["questions"], told["question_words"]["total"]) == (1, 1, len(Q.split()))
    assert next(iter(told["shared"].values()))["shared"] == 1

    _, report = _json("decontaminate", file, "--against", tmp_path / "p.jsonl")
    assert [match["reason"] for match in report["matches"]] == ["same_question"]

    imported = ImportedRollouts(paths=[file], warn=pytest.fail)
    [problem] = imported.problems()
    assert (problem.question, problem.answer) == (Q, reference)

    if "Answer" not in row:  # `python -m verifiers audit` takes names as they are spelled
        assert judge_row({**row, "completion": completion}).outcome == "correct"


@pytest.mark.parametrize("name", REFERENCES)
def test_the_reward_reads_the_same_reference_from_columns(name):
    columns = {key: [value] for key, value in REFERENCES[name].items()}
    assert math_reward([BASE["completion"]], **columns) == [1.0]
    assert math_reward([r"It is \boxed{7}."], **columns) == [0.0]


def test_lists_of_answers_are_judged_alike_by_verify_and_evaluate(tmp_path):
    answers = [["12"], ["-1", "3"], 7, 7.5, "work\n#### 18", r"It is \boxed{5}.", [r"\frac{1}{2}"]]
    said = ["12", "-1, 3", "7", "7.5", "18", "5", "0.5"]
    rows = [
        {
            "id": f"r{i}",
            "problem_id": f"p{i}",
            "question": f"q{i}",
            "answer": answer,
            "completion": rf"\boxed{{{text}}}",
        }
        for i, (answer, text) in enumerate(zip(answers, said, strict=True))
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for command in (["verify", file], ["evaluate", "--rollouts", file]):
        status, report = _json(*command, "--out", tmp_path / str(command[0]))
        assert (status, report["outcomes"]) == (0, {"correct": 7})


def test_log_likelihoods_are_no_completions(tmp_path, capsys):
    row = {
        "doc_id": 0,
        "doc": {"question": "Which?"},
        "target": "0",
        "resps": [[["-1.5", "False"]], [["-2.5", "True"]]],
    }
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    assert main(["evaluate", "--rollouts", str(file), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "rows.jsonl:1: `resps` holds log-likelihoods" in error and error.count("\n") == 1


def test_an_instruction_and_its_input_are_one_question(tmp_path):
    rows = [{"instruction": "Solve it.", "input": text, "answer": "2", "completion": "2"} for text in ("1+1", "4-2")]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [p.question for p in load_problems(file)] == ["Solve it.\n\n1+1", "Solve it.\n\n4-2"]
    assert _json("evaluate", "--rollouts", file, "--out", tmp_path / "out")[1]["problems"] == 2
    assert _json("stats", file)[1]["questions"] == 2


@pytest.mark.parametrize("command", ["audit", "stats"])
def test_rows_that_are_not_understood_are_counted_and_the_first_is_named(tmp_path, capsys, command):
    file = tmp_path / "rows.jsonl"
    rows = [json.dumps({**BASE, "answer": "2"}), json.dumps({"level": 3, "topic": "x"}), "{broken", "[1]"]
    file.write_text("\n".join(rows))
    assert main([command, str(file)]) == 0
    line = "3 rows were not understood; the first is"
    assert f"{line} {file}:2: neither `completion` nor `messages` with an assistant turn; it has level, topic" in (
        capsys.readouterr().out
    )
    assert _json(command, file)[1]["not_understood"]["rows"] == 3
