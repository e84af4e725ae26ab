"""The export formats: what each row holds, that `datasets` opens them, and that trainers take them as they are."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.audit.dataset_audit import text_findings, transcript_of
from reasondistill.curation.lookup.held_out import HeldOut
from reasondistill.curation.options import CurateOptions
from reasondistill.curation.steps.near_duplicates import NearDuplicateOptions
from reasondistill.curation.steps.quality import QualityOptions
from reasondistill.errors import RecipeError
from reasondistill.export.formats import FORMATS
from reasondistill.export.formats.inputs import Entry
from reasondistill.export.formats.pairs import choose_pairs, match
from reasondistill.export.formats.steps import labelled_steps
from reasondistill.export.formats.table import load_formats, needs_wrong, write_formats
from reasondistill.export.options import ExportOptions
from reasondistill.export.shards import schema_of, write_shards
from reasondistill.records import FinishReason, Kind, Problem
from reasondistill.rows.completion import spread
from reasondistill.rows.layouts import recognise
from verifiers import Outcome
from verifiers.rewards import code_reward, math_reward

WRONG = Outcome.INCORRECT
CALL = {"id": "call_0", "type": "function", "function": {"name": "python", "arguments": '{"code": "1 + 1"}'}}


@pytest.fixture
def run(candidate):
    """Three problems: one with right and wrong rollouts, one with right ones, one with wrong ones."""
    return [
        candidate(0, 0, "0 + 1 = 1\n\\boxed{1}", tokens=10),
        candidate(0, 1, "It is 0 + 1 = 1.\nSo \\boxed{1}", tokens=40),
        candidate(0, 2, "0 + 1 = 2\n\\boxed{2}", WRONG, tokens=38),
        candidate(0, 3, "I cannot tell.", Outcome.NO_ANSWER, tokens=10),
        candidate(0, 4, "0 + 1 = 3\n\\boxed{3}", WRONG, tokens=10, finish_reason=FinishReason.LENGTH),
        candidate(0, 5, "\\boxed{1} perhaps", Outcome.UNDECIDED),
        candidate(1, 0),
        candidate(2, 0, "\\boxed{5}", WRONG),
    ]


def rows_of(name, given):
    [each] = load_formats([name])
    return list(each.rows(given))


def test_a_pair_is_right_against_wrong_of_one_problem_and_of_like_length(run, material):
    (row,) = rows_of("dpo", material(run))
    assert (row["chosen_id"], row["rejected_id"], row["problem_id"]) == ("p0-1", "p0-2", "p0")
    assert (row["chosen_tokens"], row["rejected_tokens"]) == (40, 38)
    assert row["chosen"] == [{"role": "assistant", "content": "It is 0 + 1 = 1.\nSo \\boxed{1}"}]
    assert row["rejected"] == [{"role": "assistant", "content": "0 + 1 = 2\n\\boxed{2}"}]
    assert [m["role"] for m in row["prompt"]] == ["system", "user"]


def test_single_completions_have_both_labels_and_nothing_in_between(run, material):
    rows = rows_of("kto", material(run))
    assert [(row["rollout_id"], row["label"]) for row in rows] == [
        ("p0-0", True),
        ("p0-1", True),
        ("p1-0", True),
        ("p0-2", False),
    ]


def test_a_selection_of_everything_has_the_same_pairs(run, material):
    given = material(run, CurateOptions(keep="all"))
    assert [row["rejected_id"] for row in rows_of("dpo", given)] == ["p0-2"]
    assert sorted(row["rollout_id"] for row in rows_of("kto", given) if not row["label"]) == ["p0-2", "p2-0"]


LINES = st.sampled_from(["2 + 3 = 5", "2 + 3 = 6", "So", "", "\\[", "\\]", "$$", "$4 = 2 + 2$"])
ENTRIES = st.lists(st.integers(0, 60), max_size=8)


@given(ENTRIES, ENTRIES, st.integers(1, 4), st.booleans())
def test_no_rollout_is_in_two_pairs(right, wrong, most, matched):
    def listed(lengths, side):
        return [
            Entry(rollout_id=f"{side}{n}", problem_id="p", length=length, right=side == "r")
            for n, length in enumerate(lengths)
        ]

    options = ExportOptions(pairs_per_problem=most, length_matched=matched)
    pairs = match(listed(right, "r"), listed(wrong, "w"), options)
    assert len(pairs) == min(most, len(right), len(wrong))
    used = [entry.rollout_id for pair in pairs for entry in pair]
    assert len(used) == len(set(used))
    assert all(a.right and not b.right for a, b in pairs)
    assert pairs == match(listed(right, "r")[::-1], listed(wrong, "w")[::-1], options)


def test_what_curation_left_out_does_not_come_back(candidate, material):
    held = Problem(id="h", question="What is the largest prime factor of nine hundred and ninety nine?", answer="37")
    bench = held.question.upper()
    base = "Ann buys {} apples at the market on Monday and gives {} of them to her brother Ben. How many are left?"
    questions = {"dirty": bench, "first": base.format(9, 4), "alike": base.format(9, 4) + " Tell me.", "other": "2?"}
    candidates = []
    for name, question in questions.items():
        problem = Problem(id=name, question=question, answer="1")
        candidates += [
            candidate(index=0, problem=problem, text=f"Well then: \\boxed{{1}} {name}"),
            candidate(index=1, problem=problem, text=f"Well now: \\boxed{{2}} {name}", outcome=WRONG),
        ]
    # of `first` no rollout is wrong, so that only the right ones show that `alike` repeats it
    del candidates[3]
    options = CurateOptions(near_duplicates=NearDuplicateOptions(problems=0.7))
    given = material(candidates, options, HeldOut({"bench": [held]}))
    assert {entry.problem_id for entry in given.kept} == {"first", "other"}
    for name in FORMATS:
        text = json.dumps(rows_of(name, given))
        assert "other" in text or name == "prm"
        assert "dirty" not in text
        assert "alike" not in text
        assert "NINE HUNDRED" not in text
        assert "Tell me" not in text
    assert [row["rejected_id"] for row in rows_of("dpo", given)] == ["other-1"]


def test_equal_and_alike_wrong_traces_are_one(candidate, material):
    wrong = [candidate(0, n, "The total is \\boxed{7} of all things.", WRONG) for n in (1, 2)]
    given = material([candidate(0, 0), *wrong])
    assert [entry.rollout_id for entry in given.wrong] == ["p0-1"]


def test_what_chooses_right_rollouts_does_not_choose_wrong_ones(run, material):
    options = CurateOptions(max_per_problem=1, s1k=1, max_tokens=100, quality=QualityOptions(right_steps=True))
    given = material(run, options)
    problems = {entry.problem_id for entry in given.kept}
    assert len(problems) == 1
    assert {entry.problem_id for entry in given.wrong} <= problems


def test_grpo_rows_are_held_to_the_pass_rate_band(run, material):
    assert [row["problem_id"] for row in rows_of("grpo", material(run))] == ["p0", "p1"]
    held = replace(material(run), rl_problems=frozenset({"p1", "p2"}))
    assert [row["problem_id"] for row in rows_of("grpo", held)] == ["p1"]
    assert [row["problem_id"] for row in rows_of("kd", held)] == ["p0", "p1"]


def test_grpo_rows_are_judged_by_the_rewards(run, material, candidate):
    tests = {"style": "assert", "code": "assert inc(1) == 2", "entry_point": "inc"}
    code = Problem(id="c", kind=Kind.CODE, question="Write inc(x).", tests=tests, metadata={"entry_point": "inc"})
    rows = rows_of("grpo", material([*run, candidate(problem=code, text="def inc(x): return x + 1")]))
    math, program = [r for r in rows if r["kind"] == "math"], [r for r in rows if r["kind"] == "code"]
    assert [r["problem_id"] for r in math] == ["p0", "p1"]
    columns = {key: [r[key] for r in math] for key in math[0] if key != "prompt"}
    told = [[{"role": "assistant", "content": f"\\boxed{{{text}}}"}] for text in ("1", "9")]
    assert math_reward(told, prompts=[r["prompt"] for r in math], **columns) == [1.0, 0.0]
    solutions = {key: value for key, value in columns.items() if key not in ("answer",)}
    assert math_reward(told, **solutions) == [1.0, 0.0]
    columns = {key: [r[key] for r in program * 2] for key in program[0] if key != "prompt"}
    answers = ["def inc(x):\n    return x + 1", "def inc(x):\n    return x"]
    assert code_reward(answers, prompts=[r["prompt"] for r in program * 2], **columns) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "right", "steps"),
    [
        ("2 + 3 = 5\nSo 5.", True, [("2 + 3 = 5", True), ("So 5.", True)]),
        ("2 + 3 = 5\nSo 6.", False, [("2 + 3 = 5", True), ("So 6.", False)]),
        ("2 + 3 = 5", False, [("2 + 3 = 5", False)]),
        ("2 + 3 = 6\n6 + 1 = 7\nSo 7.", True, [("2 + 3 = 6", False)]),
        ("First.\n\nThen 2 + 3 = 5.\n\nEnd.", True, [("First.\n\nThen 2 + 3 = 5.", True), ("\nEnd.", True)]),
        ("\\[\n2 + 3\n= 5\n\\]\n7", True, [("\\[\n2 + 3\n= 5\n\\]", True), ("7", True)]),
        ("\\[\n2 + 3 = 6", True, [("\\[\n2 + 3 = 6", False)]),
        ("x = y + 1, so it is 7.", True, []),
        ("", True, []),
    ],
)
def test_steps_are_told_by_what_was_checked(text, right, steps):
    assert labelled_steps(text, right=right) == steps


@given(st.lists(LINES), st.booleans())
def test_steps_are_the_text_up_to_the_first_false_one(lines, right):
    text = "\n".join(lines).strip()
    steps = labelled_steps(text, right=right)
    joined = "\n".join(step for step, _ in steps)
    assert text.startswith(joined)
    assert all(label for _, label in steps[:-1])
    if steps and steps[-1][1]:
        assert right
        assert text[len(joined) :].strip() == ""


def test_step_rows_come_from_right_and_wrong_rollouts(run, material, coded):
    rows = rows_of("prm", material([*run, coded(7)]))
    assert [(row["rollout_id"], row["labels"]) for row in rows] == [
        ("p0-0", [True, True]),
        ("p0-1", [True, True]),
        ("p0-2", [False]),
    ]
    assert rows[0]["prompt"] == "What is 0 plus 1?"


def test_open_r1_rows_hold_all_generations_of_a_problem(run, material):
    first, second = rows_of("open-r1", material(run))
    assert first["correctness_math_verify"] == [True, True, False]
    assert (first["correctness_count"], first["uuid"], first["answer"]) == (2, "p0", "1")
    assert first["messages"][1]["content"] == first["generations"][0]
    assert (second["uuid"], len(second["generations"])) == ("p1", 1)


def test_numina_rows_cut_out_what_tools_wrote(coded, material):
    (row,) = rows_of("numina-tir", material([coded()]))
    outputs = [row["solution"][span["start"] : span["end"]] for span in row["tool_output_spans"]]
    assert outputs == ["```output\n2\n```\n", "```output\n2\n```\nnot the end\n```\n"]
    assert row["solution"].startswith("Let me see\n```python\n1 + 1\n```\n```output\n")
    assert row["messages"][1]["content"] == row["solution"]
    (turn,) = rows_of("sharegpt", material([coded()]))
    assert (turn["conversations"][-1]["value"], turn["tool_output_spans"]) == (
        row["solution"],
        row["tool_output_spans"],
    )
    (open_math,) = rows_of("openmathreasoning", material([coded()]))
    assert (open_math["inference_mode"], open_math["generated_solution"]) == ("tir", row["solution"])


@pytest.mark.parametrize("name", ["numina-tir", "sharegpt"])
def test_an_audit_of_the_rows_finds_their_outputs_masked(coded, material, name):
    (row,) = rows_of(name, material([coded()]))
    (read,) = spread(row, recognise(row))
    assert len(transcript_of(read.trained).spans) == 2
    assert "mask" not in [finding.check for finding in text_findings(read)]
    (bare,) = spread({**row, "tool_output_spans": []}, recognise(row))
    assert "mask" in [finding.check for finding in text_findings(bare)]


def _card(names):
    configs = "".join(
        f"- config_name: {n}\n  data_files:\n  - {{split: train, path: {n}/data/*.parquet}}\n" for n in names
    )
    return f"---\nconfigs:\n{configs}---\n"


@pytest.mark.parametrize("with_tools", [False, True])
def test_datasets_opens_every_format(tmp_path, run, coded, material, load, with_tools):
    given = material([*run, *([coded(7), coded(7, index=1, outcome=WRONG)] if with_tools else [])])
    counts = write_formats(tmp_path / "formats", load_formats(FORMATS), given)
    (tmp_path / "formats" / "README.md").write_text(_card(FORMATS))
    assert all(counts.values())
    for name in FORMATS:
        opened = load(str(tmp_path / "formats"), name)
        wanted = rows_of(name, given)
        assert opened.num_rows == counts[name] == len(wanted)
        assert ("tools" in opened.column_names) == (with_tools and "tools" in load_formats([name])[0].columns)
        for row, expected in zip(opened, wanted, strict=True):
            assert _bare(row) == _bare(expected)


def _bare(value):
    """Return a JSON value without the nulls that Parquet puts where a row has no such key."""
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items() if inner is not None}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def test_many_rows_are_several_shards(tmp_path, monkeypatch):
    monkeypatch.setattr("reasondistill.export.shards.SHARD_ROWS", 2)
    rows = ({"a": str(n)} for n in range(4))
    assert write_shards(tmp_path / "data", schema_of({"a": "text"}), rows) == 4
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == [f"train-{n:05d}-of-00002.parquet" for n in (0, 1)]


def test_a_format_without_rows_has_its_columns(tmp_path, load, candidate, material):
    assert write_formats(tmp_path / "formats", load_formats(["dpo"]), material([candidate()])) == {"dpo": 0}
    empty = load(str(tmp_path / "formats" / "dpo" / "data"), streaming=True)
    assert list(empty) == []
    assert set(empty.column_names) == load_formats(["dpo"])[0].columns.keys() - {"tools"}


def test_half_characters_in_code_and_metadata_are_replaced_one_by_one(tmp_path, coded, candidate, material, load):
    call = {**CALL, "function": {"name": "python", "arguments": json.dumps({"code": "print('\ud800')"})}}
    odd = Problem(id="odd", question="?", answer="1", metadata={"solution": "a\udc00b"})
    given = material([coded(call=call), candidate(problem=odd)])
    write_formats(tmp_path / "formats", load_formats(FORMATS), given)
    row = load(str(tmp_path / "formats" / "numina-tir" / "data"))[0]
    outputs = [row["solution"][span["start"] : span["end"]] for span in row["tool_output_spans"]]
    assert outputs == ["```output\n2\n```\n", "```output\n2\n```\nnot the end\n```\n"]
    assert "print('\ufffd')" in row["solution"]
    assert load(str(tmp_path / "formats" / "open-r1" / "data"))["solution"][1] == "a\ufffdb"


def test_only_some_formats_read_the_wrong_rollouts():
    assert needs_wrong(load_formats(["kd", "dpo"]))
    assert not needs_wrong(load_formats(["kd", "messages", "grpo"]))


def test_pairs_follow_the_order_of_the_main_split(candidate, material):
    candidates = [
        candidate(n, i, f"{i} \\boxed{{}}", o) for i, o in enumerate((Outcome.CORRECT, WRONG)) for n in (3, 1)
    ]
    assert [a.problem_id for a, _ in choose_pairs(material(candidates))] == ["p3", "p1"]


def test_a_format_of_your_own_is_named_by_its_place(tmp_path, run, material, monkeypatch):
    (tmp_path / "my_formats.py").write_text(
        "from reasondistill.export.formats.table import Format\n"
        "def rows(material):\n    return ({'id': key.rollout_id} for key in material.kept)\n"
        "IDS = Format(name='ids', rows=rows, columns={'id': 'text'}, about='ids of the kept rollouts')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    formats = load_formats(["my_formats:IDS", "kd", "my_formats:IDS"])
    assert [each.name for each in formats] == ["ids", "kd"]
    assert write_formats(tmp_path / "formats", formats, material(run)) == {"ids": 3, "kd": 2}


@pytest.mark.parametrize("reference", ["dp0", "my_formats", "nowhere:IDS"])
def test_an_unknown_format_is_one_line(reference):
    with pytest.raises(RecipeError, match=f"export.formats.*{reference}") as raised:
        load_formats([reference])
    assert "\n" not in str(raised.value)
