"""Scoring completions made elsewhere: which rows are taken, what is measured, and what is done again."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.errors import DataError, RecipeError, StoreError
from reasondistill.evaluation.read import read_problems
from reasondistill.problems import load_problems
from reasondistill.rows.completion_file import ReadOptions
from reasondistill.run.score_folder import ScoringRun, rescore
from reasondistill.store import Table
from reasondistill.verification.judging import VerifyOptions

LENIENT = VerifyOptions(strict=False)


@pytest.fixture
def write(tmp_path):
    """Return a writer of a file of completions; text is written as it is."""

    def rows(*given, name="rollouts.jsonl"):
        path = tmp_path / name
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in given))
        return path

    return rows


@pytest.fixture
def score(tmp_path):
    """Return a scorer of a file into one folder; what it warns of is in `score.said`."""

    def run(path, ks=None, out="out", references=None, options=LENIENT, **read):
        run.said.clear()
        return ScoringRun(
            path=path,
            folder=tmp_path / out,
            references=references or {},
            read=ReadOptions(**read),
            verify=options,
            say=run.said.append,
        ).run(ks)

    run.said = []
    return run


def _row(problem, completion, answer="2", **more):
    return {"problem_id": problem, "completion": completion, "answer": answer, **more}


def _value(report, metric):
    return round(report["metrics"][metric]["value"], 4)


def test_each_k_has_its_metrics(write, score, tmp_path):
    report = score(write(*(_row("a", text) for text in "223"), *(_row("b", text, "5") for text in "456")), ks=[1, 2, 3])
    assert [_value(report, f"pass@{k}") for k in (1, 2, 3)] == [0.5, 0.8333, 1.0]
    assert [_value(report, f"avg@{k}") for k in (1, 2, 3)] == [0.5, 0.5, 0.5]
    assert [_value(report, f"maj@{k}") for k in (1, 2, 3)] == [0.5, 0.5, 0.6667]
    assert _value(report, "maj_first@3") == 0.5
    assert all(m["n"] == 2 and m["low"] <= m["value"] <= m["high"] for m in report["metrics"].values())
    assert (report["problems"], report["rollouts"]) == (2, 6)
    assert report["outcomes"] == {"correct": 3, "incorrect": 3}
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report


def test_without_k_it_is_1_and_what_every_problem_has(write, score):
    report = score(write(*(_row("a", "2"),) * 3, *(_row("b", "2"),) * 2))
    assert {name.partition("@")[2] for name in report["metrics"]} == {"1", "2"}


def test_problems_with_fewer_than_k_are_left_out_at_k_and_counted(write, score):
    report = score(write(_row("a", "2"), _row("a", "3"), _row("b", "3")), ks=[1, 2])
    assert (report["metrics"]["pass@1"]["n"], report["metrics"]["pass@2"]["n"]) == (2, 1)
    assert (_value(report, "pass@1"), _value(report, "pass@2")) == (0.25, 1.0)
    assert "@2: 1 of 2 problems have fewer than 2 judged rollouts" in report["warnings"][0]


def test_a_k_that_no_problem_has_is_refused_before_anything_is_done(write, score, tmp_path):
    with pytest.raises(RecipeError, match=r"--k 8: no problem of .* has so many rollouts, the most is 2"):
        score(write(_row("a", "2"), _row("a", "3")), ks=[1, 8])
    assert not (tmp_path / "out").exists()


def test_equal_answers_written_apart_vote_together(write, score):
    texts = [r"\boxed{0.5}", r"\boxed{\frac12}", r"\boxed{3}", r"\boxed{3}", r"\boxed{1/2}"]
    report = score(write(*(_row("a", text, r"\frac{1}{2}") for text in texts)), ks=[5])
    assert (_value(report, "maj@5"), _value(report, "avg@5")) == (1.0, 0.6)


def test_no_answer_does_not_vote_and_is_not_right(write, score):
    report = score(write(_row("a", ""), _row("a", ""), _row("a", "2")), ks=[1, 3])
    assert report["outcomes"] == {"correct": 1, "no_answer": 2}
    assert (_value(report, "maj@3"), _value(report, "maj@1")) == (1.0, 0.3333)


def test_a_problem_with_an_unusable_reference_counts_as_unsolved_and_is_named(write, score):
    report = score(write(_row("a", "2"), _row("b", "2", r"\frac{1}{0}")))
    assert (report["outcomes"], report["metrics"]["pass@1"]["n"]) == ({"correct": 1, "error": 1}, 2)
    assert "1 of 2 problems have a reference that no answer can equal" in report["warnings"][0]


def test_programs_and_answers_may_stand_in_one_file(write, score):
    code = {"problem_id": "f", "tests": "assert f() == 1", "question": "Return 1."}
    report = score(
        write(
            _row("a", "2"),
            {**code, "completion": "```python\ndef f():\n    return 1\n```"},
            _row("a", "3"),
            {**code, "completion": "def f():\n    return 2", "kind": "code"},
        ),
        ks=[1, 2],
    )
    assert (report["metrics"]["pass@2"]["n"], report["metrics"]["maj@2"]["n"]) == (2, 1)
    assert (_value(report, "pass@1"), _value(report, "pass@2")) == (0.5, 1.0)


def test_one_row_may_bring_the_reference_of_all(write, score):
    bare = {"problem_id": "a", "completion": "2"}
    report = score(write(bare, _row("a", "3"), {**bare, "answer": None}))
    assert report["outcomes"] == {"correct": 2, "incorrect": 1}


def test_references_come_from_a_problem_file_however_the_id_is_spelled(write, score, tmp_path):
    path = write({"id": "mbpp/2", "question": "?", "answer": "2"}, name="problems.jsonl")
    references = {p.id: p for p in load_problems(path)}
    rows = [{"problem_id": name, "completion": "2", "answer": "7"} for name in ("mbpp/2", "Mbpp/2", "2")]
    report = score(write(*rows), references=references)
    assert (report["outcomes"], report["problems"]) == ({"correct": 3}, 1)


@pytest.mark.parametrize(
    "row",
    [
        {"problem_id": 7, "completion": "2", "gold": 2},
        {"task_id": "t", "completion": "2", "expected_answer": 2.0},
        {"question": "1 + 1?", "completion": "2", "answer": "two #### thoughts\n#### 2"},
        {"problem_id": "a", "messages": [{"role": "assistant", "content": "2"}], "answer": "2"},
        {
            "problem_id": "a",
            "messages": [
                {"role": "user", "content": "?"},
                {"role": "assistant", "content": [{"type": "text", "text": "2"}]},
                {"role": "tool", "content": "9"},
            ],
            "answer": "2",
        },
        {"problem_id": "a", "completion": [{"role": "assistant", "content": "2"}], "answer": "2"},
    ],
)
def test_rows_of_many_forms_are_taken(write, score, row):
    assert score(write(row))["outcomes"] == {"correct": 1}


def test_rows_of_a_question_without_an_id_are_one_problem(write, score):
    rows = [{"id": str(i), "question": "1 + 1?", "completion": str(i), "answer": "2"} for i in range(4)]
    assert score(write(*rows))["samples"] == {"least": 4, "most": 4}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([_row("a", "2"), "{broken", _row("a", "2")], ":2: not valid JSON"),
        ([_row("a", "2"), '{"problem_id": "a", "compl'], ":2: not valid JSON"),
        (["[1]"], ":1: expected a JSON object, got list"),
        ([{"problem_id": "a", "answer": "2"}], ":1: neither `completion` nor `messages`"),
        ([_row("a", None)], ":1: neither `completion` nor `messages`"),
        ([{**_row("a", "2"), "completion": 5}], ":1: neither `completion` nor `messages`"),
        ([{"completion": "2", "answer": "2"}], ":1: no `problem_id`"),
        ([_row("a", "2"), _row("b", "2", None)], ":2: no reference for the problem 'b'; add `answer` or `tests`"),
        ([_row("a", "2"), _row("b", "2", "")], ":2: no reference for the problem 'b'"),
        (
            [_row("a", "2"), _row("a", "2", "3")],
            ":2: the problem 'a' has another answer in an earlier row ('3', before",
        ),
        ([_row("a", "2", kind="poem")], ":1: kind must be math or code, got 'poem'"),
        ([{"problem_id": "a", "completion": "2", "messages": 3, "tests": [7]}], ":1: tests must be"),
        ([{"problem_id": "a", "answer": "2", "messages": [{"content": "2"}]}], ":1: each of `messages` needs a `role`"),
        (["", "  "], "holds no rollouts; each line is one completion"),
        ([], "holds no rollouts; each line is one completion"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_by_its_line_before_anything_is_judged(
    write, score, tmp_path, rows, message
):
    with pytest.raises(DataError) as caught:
        score(write(*rows))
    assert message in str(caught.value) and "rollouts.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_bad_rows_are_left_out_where_that_is_asked(write, score):
    rows = [_row("a", "2"), "{broken", _row("b", "2", None), _row("a", "3", "3"), {"completion": "2"}, _row("c", "3")]
    report = score(write(*rows), skip_bad=True)
    assert report["outcomes"] == {"correct": 1, "incorrect": 1}
    reason = "not valid JSON: Expecting property name enclosed in double quotes at column 2"
    assert report["warnings"] == [
        f"{report['source']}: left out 4 unusable rows: lines 2, 3, 4, 5; the first: {reason}"
    ]


def test_a_missing_file_and_a_foreign_folder_are_named(score, tmp_path):
    with pytest.raises(DataError, match="file not found; name a file, a folder"):
        score(tmp_path / "none.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"the folder holds no file that ends in \.jsonl"):
        score(tmp_path / "empty")


def test_a_folder_of_something_else_is_not_written_to(write, score, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("")
    with pytest.raises(StoreError, match="is not empty and holds no run"):
        score(write(_row("a", "2")))


def _verdict_rows(folder):
    return sum(len(path.read_text().splitlines()) for path in (folder / "verdicts").glob("*.jsonl"))


def test_the_same_command_again_judges_nothing(write, score, tmp_path):
    path = write(*(_row("a", str(i)) for i in range(5)))
    first = score(path)
    assert score(path) == first
    assert _verdict_rows(tmp_path / "out") == 5


def test_a_grown_or_mended_file_is_judged_where_it_is_new(write, score, tmp_path):
    rows = [_row("a", str(i)) for i in range(3)]
    score(write(*rows))
    assert score(write(*rows, _row("a", "2")))["rollouts"] == 4
    assert _verdict_rows(tmp_path / "out") == 4
    assert score(write(*rows[1:]))["outcomes"] == {"correct": 1, "incorrect": 1}
    assert _verdict_rows(tmp_path / "out") == 4
    assert score(write(*({**row, "answer": "1"} for row in rows)))["outcomes"] == {"correct": 1, "incorrect": 2}
    assert _verdict_rows(tmp_path / "out") == 7


def test_equal_completions_are_so_many_rollouts(write, score):
    assert score(write(_row("a", "2"), _row("a", "2"), _row("a", "3")))["rollouts"] == 3


def test_an_evaluation_is_scored_again_without_its_file(write, score, tmp_path):
    path = write(_row("a", "2", rm_score=0.5), _row("a", r"\boxed{2}", rm_score=0.1))
    lenient = score(path, ks=[1, 2])
    path.unlink()
    assert rescore(tmp_path / "out", ks=[1, 2], options=LENIENT) == lenient
    assert score(tmp_path / "out", ks=[1, 2]) == lenient
    strict = score(tmp_path / "out", ks=[1, 2], options=VerifyOptions(strict=True))
    assert (_value(strict, "pass@1"), _value(strict, "rm@2")) == (0.5, 0.0)
    copied = score(tmp_path / "out", ks=[1, 2], out="copy")
    assert copied["metrics"] == lenient["metrics"]


def test_scores_choose_the_best_and_weigh_the_votes(write, score):
    rows = [_row("a", "2", rm_score=3.0), _row("a", "3", rm_score=1.0), _row("a", "3", rm_score=1.5)]
    report = score(write(*rows), ks=[3])
    assert (_value(report, "rm@3"), _value(report, "weighted_maj@3"), _value(report, "maj@3")) == (1.0, 1.0, 0.0)
    other = [{**row, "mine": -row["rm_score"]} for row in rows]
    assert _value(score(write(*other), ks=[3], score="mine"), "rm@3") == 0.0


def test_a_problem_with_a_rollout_without_score_has_no_best(write, score):
    report = score(write(_row("a", "2", rm_score=3.0), _row("a", "3"), _row("b", "2", rm_score=1)), ks=[1])
    assert (report["metrics"]["rm@1"]["n"], report["metrics"]["pass@1"]["n"]) == (1, 2)


def test_labels_stand_beside_our_verdicts_or_for_them(write, score):
    path = write(_row("a", "2", is_correct=True), _row("a", "2", is_correct=False), _row("b", "3", is_correct=True))
    report = score(path)
    assert report["labels"] == {"rows": 3, "agree": 1, "right_here_only": 1, "right_there_only": 1}
    assert report["outcomes"] == {"correct": 2, "incorrect": 1}
    labelled = score(path, by_label=True)
    assert (labelled["outcomes"], labelled["judged_by"]) == ({"correct": 2, "incorrect": 1}, "labels")
    assert (_value(labelled, "pass@1"), "labels" in labelled) == (0.75, False)
    assert _value(labelled, "maj@1") == 0.75
    assert score(path) == report


def test_by_label_needs_labels_and_no_reference(write, score):
    row = {"problem_id": "a", "completion": "2"}
    assert score(write({**row, "good": 1}), by_label=True, label="good")["outcomes"] == {"correct": 1}
    with pytest.raises(DataError, match=":1: no label: good must be true or false"):
        score(write(row), by_label=True, label="good")


def test_only_the_rows_asked_for_are_taken_and_mixed_models_are_told(write, score):
    path = write(_row("a", "2", model="x"), _row("a", "3", model="y"))
    assert "rollouts of 2 models are taken together" in score(path)["warnings"][-1]
    assert score(path, where={"model": "y"})["outcomes"] == {"incorrect": 1}
    with pytest.raises(DataError, match="holds no rollouts with model=z"):
        score(path, where={"model": "z"})


def test_truncation_and_tokens_are_told(write, score):
    rows = [
        _row("a", "2", finish_reason="length", usage={"completion_tokens": 30}),
        _row("b", "2", finish_reason="stop", usage={"completion_tokens": 10}),
    ]
    report = score(write(*rows))
    assert (report["truncated_share"]["value"], report["tokens"]["completion"]) == (0.5, 40)
    assert report["tokens"]["per_problem"]["value"] == 20
    assert score(write(_row("a", "2")), out="other")["tokens"] is None


def test_a_gzipped_file_is_read(write, score, tmp_path):
    path = tmp_path / "rollouts.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write(json.dumps(_row("a", "2")) + "\n")
    assert score(path)["outcomes"] == {"correct": 1}
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged or cut off"):
        score(path)


def test_what_is_kept_is_an_evaluation_like_any_other(write, score, tmp_path):
    score(write(_row("a", "2", question="1 + 1?")))
    [rollout] = Table(tmp_path / "out" / "rollouts", key="id")
    assert {"id", "problem_id", "index", "messages", "finish_reason", "usage"} <= rollout.keys()
    [problem] = read_problems(tmp_path / "out").values()
    assert (problem.id, problem.question, problem.answer) == ("a", "1 + 1?", "2")


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=12))
def test_repeats_under_new_ids_are_one_problem(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("repeats")
    lines = [
        {"problem_id": str(i), "question": f"What is  {name}?", "answer": "2", "completion": "23"[not right]}
        for i, (name, right) in enumerate(rows)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = ScoringRun(path=folder / "rows.jsonl", folder=folder / "out", say=str).run()
    names = {name for name, _ in rows}
    assert (report["problems"], report["metrics"]["pass@1"]["n"], report["rollouts"]) == (len(names),) * 2 + (
        len(rows),
    )
    told = [line for line in report["warnings"] if "another id" in line]
    repeated = len(rows) - len(names)
    assert [line.split(" repeat")[0] for line in told] == [f"{repeated} of {len(rows)} problems"] * bool(repeated)
    by_name = [[right for other, right in rows if other == name] for name in names]
    assert _value(report, "pass@1") == round(sum(sum(each) / len(each) for each in by_name) / len(names), 4)


def test_questions_that_are_not_known_or_differ_are_no_repeats(write, score):
    report = score(
        write(_row("a", "2"), _row("b", "2"), _row("c", "2", question="1+1"), _row("d", "3", "3", question="1+1"))
    )
    assert (report["problems"], report["warnings"]) == (4, [])
