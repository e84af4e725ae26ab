"""`reasondistill stats`: what it counts, on rows whose figures are known, and on files that are no dataset."""

import json
import subprocess
import sys

import pytest

from reasondistill.audit.description import Description, shared_with
from reasondistill.cli.main import main
from reasondistill.curation.candidate_source import Candidate
from reasondistill.export.dataset import write_dataset
from reasondistill.export.examples import to_example
from reasondistill.generation.prompts import PromptTemplate
from verifiers import Outcome, Verdict

ROWS = [
    {
        "problem": "What is 1 + 1?",
        "answer": "2",
        "generated_solution": "one two three four",
        "correct": True,
        "source": "a",
    },
    {"problem": "What is  1 + 1 ?", "answer": "2", "generated_solution": "one two three five", "correct": False},
    {"problem": "What is 2 + 3?", "answer": "5", "generated_solution": "one two three four", "finish_reason": "length"},
    {
        "problem": "What is 9 * 9?",
        "answer": "81",
        "generated_solution": "```python\nprint(9 * 9)\n```\n```output\n81\n```\nIt is \\boxed{81}.",
    },
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def told(capsys, *words):
    assert main(["stats", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_rows_are_counted(file, capsys):
    row = told(capsys, file)
    assert (row["rows"], row["questions"], row["duplicate_completions"]) == (4, 3, 1)
    assert row["rows_per_question"]["max"] == 2
    assert row["outcomes"] == {"not judged": 2, "correct": 1, "incorrect": 1}
    assert row["pass_rate"] == 0.5
    assert row["finish_reasons"] == {"not named": 3, "length": 1}
    assert row["tool_use"] == {"rows": 1, "blocks": 1}
    assert row["sources"] == {"not named": 3, "a": 1}
    assert row["completion_tokens"] is None
    assert row["completion_words"]["p5"] == 4


def test_it_says_whose_labels_it_prints(file, capsys, tmp_path):
    assert told(capsys, file)["judged_by"] == {"labels": 2}
    rows = [{"question": "1+1?", "completion": "2", "outcome": "correct", "verifier": "rules 3"}]
    (tmp_path / "ours.jsonl").write_text(json.dumps(rows[0]) + "\n")
    assert main(["stats", str(tmp_path / "ours.jsonl")]) == 0
    said = "outcomes by the rows' own verdicts of rules 3 (not judged here): correct 1; right of those judged: 100.0 %"
    assert said in capsys.readouterr().out


def test_likeness_within_a_question_is_told_from_that_between_questions(file, capsys):
    diversity = told(capsys, file)["diversity"]
    assert diversity["self_similarity_of_a_question"] == pytest.approx(1 / 3)  # one triple of three is in both
    assert 0 < diversity["self_similarity"] < 1
    assert diversity["distinct_1"] < diversity["distinct_2"]


def test_what_another_dataset_has_too_is_found(file, tmp_path, capsys):
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"question": "what is 1 + 1?", "answer": "2"}) + "\n")
    assert told(capsys, file, "--against", other)["shared"][str(other)]["shared"] == 2  # both spellings
    assert told(capsys, file, "--against", file)["shared"][str(file)]["shared"] == 4


def test_the_sample_is_the_same_for_the_same_seed(file, monkeypatch, capsys):
    monkeypatch.setattr("reasondistill.audit.description.SAMPLE", 2)
    first, again = told(capsys, file), told(capsys, file)
    assert first == again
    assert first["diversity"]["sample"] == 2


def test_nothing_has_no_figures():
    row = Description().to_row()
    assert (row["rows"], row["pass_rate"], row["completion_words"]) == (0, None, None)
    assert row["diversity"]["compression_ratio"] is None
    assert shared_with([], [])["shared"] == 0


def test_of_a_dataset_of_ours_the_main_split_is_described(tmp_path, make_problem, make_rollout, capsys):
    candidates = [
        Candidate(problem=(p := make_problem(n)), rollout=make_rollout(p), verdict=Verdict(outcome=Outcome.CORRECT))
        for n in range(3)
    ]
    template = PromptTemplate(name="student", user="Solve: {question}")
    rows = [to_example(candidate, template) for candidate in candidates]
    write_dataset(tmp_path / "d", rows, {"all": rows}, lambda _: "card")
    assert main(["stats", str(tmp_path / "d"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 3


def test_people_get_lines(file, capsys):
    assert main(["stats", str(file)]) == 0
    out = capsys.readouterr().out
    assert "4 rows on 3 questions; 1 rows repeat another's text" in out
    assert "right of those judged: 50.0 %" in out


@pytest.mark.parametrize("text", ["", "{", '{"question": "no completion"}\n'])
def test_what_is_no_dataset_is_refused_in_one_line(tmp_path, capsys, text):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    assert main(["stats", str(path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_it_needs_no_torch(file):
    code = "import sys; from reasondistill.cli.main import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, "stats", str(file)], check=True, stdout=subprocess.DEVNULL)
