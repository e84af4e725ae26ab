import datetime
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.errors import DataError, RecipeError, StoreError
from reasondistill.problems import load_problems, write_problems
from reasondistill.records import Kind, Problem, content_id
from verifiers.boxes import last_boxed

ROW = {"question": "What is 2 + 2?", "answer": "4"}


@pytest.mark.parametrize("key", ["question", "problem", "prompt", "query", "instruction", "Problem"])
def test_every_question_key_is_mapped(jsonl, key):
    assert load_problems(jsonl({key: "What is 2 + 2?", "answer": "4"}))[0].question == "What is 2 + 2?"


@pytest.mark.parametrize(
    "key", ["answer", "gold", "expected_answer", "final_answer", "target", "solution", "Answer", "ANSWER"]
)
def test_every_answer_key_is_mapped(jsonl, key):
    assert load_problems(jsonl({"question": "What is 2 + 2?", key: "4"}))[0].answer == "4"


@pytest.mark.parametrize("key", ["id", "problem_id", "task_id", "unique_id", "question_id", "ID"])
@pytest.mark.parametrize("value", ["abc/1", 7])
def test_an_id_of_the_file_is_the_problem_id(jsonl, key, value):
    assert load_problems(jsonl({**ROW, key: value}))[0].id == str(value)


def test_without_an_id_the_content_hash_is_the_id(jsonl):
    problem = load_problems(jsonl(ROW))[0]
    assert problem.id == problem.content_hash == content_id("math", "What is 2 + 2?", "4", None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (42, "42"),
        (0, "0"),
        (2.5, "2.5"),
        (" 42 ", "42"),
        (["42"], "42"),
        (["1", 3], "1, 3"),
        (["$69$,$84$"], "$69$,$84$"),
        ("9 (apples)", "9 (apples)"),
        ("He has 40 + 2 = <<40+2=42>>42.\n#### 1,042", "1,042"),
        ("#### 42", "42"),
        (r"So $\boxed{1}$, no, $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"\boxed {\left\{1,2\right\}}", r"\left\{1,2\right\}"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"\left( 3, \frac{\pi}{2} \right)"),
    ],
)
def test_answers_become_text(jsonl, given, expected):
    assert load_problems(jsonl({"question": "q", "answer": given}))[0].answer == expected


def test_a_worked_solution_gives_its_last_balanced_box(jsonl):
    worked = "We add and see that it is \\boxed{3}, which is a long story.\nNo: \\boxed{x_{4}}. And \\boxed{5"
    problem = load_problems(jsonl({"problem": "q", "solution": worked}))[0]
    assert problem.answer == "x_{4}"


def test_the_answer_key_comes_before_the_solution_which_stays_in_the_metadata(jsonl):
    problem = load_problems(jsonl({**ROW, "solution": r"\boxed{5}", "level": 3}))[0]
    assert problem.answer == "4"
    assert problem.metadata == {"solution": r"\boxed{5}", "level": 3}


def test_an_empty_answer_falls_through_to_the_next_key(jsonl):
    assert load_problems(jsonl({"question": "q", "answer": None, "gold": "", "target": 3}))[0].answer == "3"


@given(st.text(alphabet="ab{} \\", max_size=20))
def test_a_box_found_is_balanced(text):
    found = last_boxed("\\boxed{" + text + "}")
    unescaped = (found or "").replace("\\\\", "").replace("\\{", "").replace("\\}", "")
    assert unescaped.count("{") == unescaped.count("}")


@pytest.mark.parametrize(
    ("row", "tests"),
    [
        (
            {"test": "def check(f): assert f() == 1", "entry_point": "one"},
            {"style": "assert", "code": "def check(f): assert f() == 1", "entry_point": "one"},
        ),
        (
            {"test_list": ["assert f(1) == 1", "assert f(2) == 2"], "test_setup_code": "import math"},
            {"style": "assert", "code": "import math\nassert f(1) == 1\nassert f(2) == 2", "entry_point": None},
        ),
        (
            {"test_cases": [{"stdin": "1\n", "stdout": "2\n"}], "time_limit_s": 3},
            {"style": "stdio", "cases": [{"input": "1\n", "output": "2\n"}], "seconds": 3},
        ),
        (
            {"tests": [{"input": "[1, 2]\n3", "output": "6", "testtype": "functional"}], "fn_name": "f"},
            {"style": "call", "entry_point": "f", "cases": [{"args": [[1, 2], 3], "expected": 6}]},
        ),
        (
            {"tests": [{"args": [1], "expected": 2}], "entry_point": "f"},
            {"style": "call", "entry_point": "f", "cases": [{"args": [1], "expected": 2}]},
        ),
        ({"tests": {"style": "stdio", "cases": []}}, {"style": "stdio", "cases": []}),
    ],
)
def test_benchmark_forms_of_tests_get_one_of_the_three_styles(jsonl, row, tests):
    problem = load_problems(jsonl({"prompt": "Write it.", **row}))[0]
    assert (problem.kind, problem.tests, problem.answer) == (Kind.CODE, tests, None)


def test_the_kind_asked_for_decides_which_reference_is_needed(jsonl):
    path = jsonl({**ROW, "tests": ["assert True"]})
    assert load_problems(path)[0].kind is Kind.CODE
    problem = load_problems(path, kind="math")[0]
    assert (problem.kind, problem.answer, problem.tests) == (Kind.MATH, "4", None)
    with pytest.raises(DataError, match="no tests"):
        load_problems(jsonl(ROW), kind="code")


def test_an_unknown_kind_is_refused(jsonl):
    with pytest.raises(RecipeError, match="math or code, got 'maths'"):
        load_problems(jsonl(ROW), kind="maths")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"question": "q", "answer"', "not valid JSON"),
        ("[1, 2]", "expected a JSON object, got list"),
        ('{"answer": "4"}', "no question; accepted keys: question, problem"),
        ('{"question": ["q"], "answer": "4"}', "the question must be text, got list"),
        (
            '{"question": "q", "level": 1}',
            "no answer: the row has the keys question, level; accepted are gold, expected_answer",
        ),
        ('{"question": "q", "answer": NaN}', "no answer"),
        ('{"question": "q", "answer": {"a": 1}}', "the answer must be text, a number or a list of them, got dict"),
        (json.dumps({"question": "q", "solution": "long words " * 20}), "neither \\boxed{} nor ####"),
        ('{"prompt": "q", "tests": [{"in": 1}]}', "tests[0] needs input and output"),
        ('{"prompt": "q", "tests": [{"input": "x", "output": "1"}], "fn_name": "f"}', "must hold JSON arguments"),
        ('{"prompt": "q", "tests": 5}', "tests must be text, an object or a list"),
    ],
)
def test_an_unusable_row_is_named_with_its_line_and_can_be_left_out(jsonl, line, reason):
    path = jsonl(ROW, line, {"question": "What is 3 + 3?", "answer": 6})
    with pytest.raises(DataError) as error:
        load_problems(path)
    assert str(error.value).startswith(f"{path}:2: ")
    assert reason in str(error.value)
    assert str(error.value).endswith("(use --skip-bad to leave such rows out)")
    assert "\n" not in str(error.value)
    warnings = []
    assert [p.answer for p in load_problems(path, skip_bad=True, warn=warnings.append)] == ["4", "6"]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{path}: left out 1 unusable rows: 2 (")


def test_many_unusable_rows_make_one_short_warning(jsonl):
    warnings = []
    load_problems(jsonl(ROW, *["{"] * 9), skip_bad=True, warn=warnings.append)
    assert "left out 9 unusable rows: 2 (" in warnings[0]
    assert warnings[0].endswith(" and 4 more")


def test_a_line_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "latin.jsonl"
    path.write_bytes('{"question": "caf\xe9", "answer": 1}\n'.encode("latin-1"))
    with pytest.raises(DataError, match="1: not valid UTF-8 at byte 17"):
        load_problems(path)


def test_one_id_for_two_problems_is_an_error(jsonl):
    path = jsonl({**ROW, "id": 1}, {**ROW, "id": 1, "answer": "5"})
    with pytest.raises(DataError, match=":2: the id '1' stands for another problem"):
        load_problems(path)
    assert [p.answer for p in load_problems(path, skip_bad=True, warn=lambda line: None)] == ["4"]


def test_an_exact_repetition_is_dropped_with_a_warning(jsonl):
    warnings = []
    assert len(load_problems(jsonl({**ROW, "id": 1}, {**ROW, "id": 1}), warn=warnings.append)) == 1
    assert "dropped 1 rows that repeat an earlier one" in warnings[0]


def test_a_limit_stops_before_later_rows_are_judged(jsonl):
    assert len(load_problems(jsonl(ROW, "{"), limit=1)) == 1


def test_unlabeled_problems_load_when_no_reference_is_required(jsonl):
    assert load_problems(jsonl({"question": "q"}), require_reference=False)[0].answer is None


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_file_without_problems_is_an_error(tmp_path, text):
    path = tmp_path / "empty.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match="no usable problem"):
        load_problems(path)


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(DataError, match="file not found"):
        load_problems(tmp_path / "none.jsonl")


def test_a_folder_without_rows_is_one_clear_line(tmp_path):
    path = tmp_path / "folder.jsonl"
    path.mkdir()
    with pytest.raises(DataError, match=r"the folder holds no file that ends in \.jsonl"):
        load_problems(path)


def test_an_unknown_format_names_the_known_ones(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b")
    with pytest.raises(DataError, match=r"must end in \.jsonl, \.jsonl\.gz"):
        load_problems(path)


def test_gzip_is_read_and_a_cut_file_is_one_clear_line(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    packed = gzip.compress((json.dumps(ROW) + "\n").encode())
    path.write_bytes(packed)
    assert load_problems(path)[0].answer == "4"
    path.write_bytes(packed[:-12])
    with pytest.raises(DataError, match="damaged or cut off"):
        load_problems(path)
    path.write_bytes(b"plain text")
    with pytest.raises(DataError, match="damaged or cut off"):
        load_problems(path)


def test_a_json_array_is_read(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([ROW, {"question": "What is 3 + 3?", "answer": 6}], indent=2))
    assert [p.answer for p in load_problems(path)] == ["4", "6"]
    path.write_text("[{]")
    with pytest.raises(DataError, match="not a valid JSON array"):
        load_problems(path)


def test_parquet_is_read_with_row_numbers_and_dates(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "rows.parquet"
    day = datetime.date(2025, 1, 2)
    pq.write_table(pa.table({"problem": ["a", "b"], "answer": [1, None], "day": [day, day]}), path)
    problem = load_problems(path, limit=1)[0]
    assert (problem.answer, problem.metadata) == ("1", {"day": "2025-01-02"})
    with pytest.raises(DataError, match=r"rows\.parquet:2: no answer"):
        load_problems(path)
    path.write_bytes(b"not parquet at all")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        load_problems(path)


def test_a_written_file_reads_back_unchanged(tmp_path):
    problems = [
        Problem(id="a", question="caf\xe9 \ud800?", answer="1", source="s", split="unseen", metadata={"n": None}),
        Problem(id="b", kind=Kind.CODE, question="q", tests={"style": "assert", "code": "x"}, parent_ids=("a",)),
    ]
    path = tmp_path / "new" / "problems.jsonl"
    write_problems(path, problems)
    loaded = load_problems(path)
    assert loaded[0] == problems[0]
    assert loaded[1].to_row() == {**problems[1].to_row(), "source": str(path)}
    assert {p.split for p in load_problems(path, split="seen")} == {"seen"}
    assert [p.name for p in path.parent.iterdir()] == ["problems.jsonl"]


def test_a_benchmarks_own_split_is_metadata(jsonl):
    problem = load_problems(jsonl({**ROW, "split": "test"}))[0]
    assert (problem.split, problem.metadata) == ("train", {"split": "test"})


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_problems(tmp_path / "file" / "problems.jsonl", [])
