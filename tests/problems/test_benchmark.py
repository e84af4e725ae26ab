"""Benchmarks as files: every one is whole, names prompts that exist, and is found where it lies."""

import json
from pathlib import Path

import pytest

from reasondistill.errors import RecipeError
from reasondistill.generation.prompts import load_template
from reasondistill.generation.strategies.code import Code
from reasondistill.problems.benchmarks.benchmark import VARIABLE, benchmark_names, find_benchmark
from reasondistill.problems.hub import load_hub
from reasondistill.records import Kind, Problem
from verifiers.math import POLICIES

LOCAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "benchmarks"
WANTED = {
    "gsm8k", "math500", "aime24", "aime25", "amc23", "svamp", "minerva", "olympiadbench", "humaneval", "humaneval-plus",
    "mbpp", "mbpp-full", "mbpp-plus", "livecodebench", "codecontests", "reasoning-gym",
}  # fmt: skip


def test_every_benchmark_of_the_field_is_there():
    assert set(benchmark_names()) == WANTED


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_benchmark_is_whole(name):
    found = find_benchmark(name)
    assert found.title and found.licence and found.version and found.problems
    assert found.policy in POLICIES
    for prompt in found.prompts:
        template = load_template(prompt)
        assert template.source or prompt in ("code-zero-shot",)
        assert "{question}" in template.user


@pytest.mark.parametrize("name", sorted(WANTED - {"reasoning-gym"}))
def test_a_local_benchmark_has_the_problems_that_it_says(name):
    found = find_benchmark(name)
    if found.local_file(LOCAL) is None:
        pytest.skip("no benchmark files beside this checkout")
    problems = found.load(folder=LOCAL)
    assert len(problems) == found.problems
    assert {p.kind for p in problems} == {found.kind} and {p.split for p in problems} == {"test"}
    assert len(found.load(folder=LOCAL, limit=3)) == 3


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("MATH-500", "math500"), ("humaneval+", "humaneval-plus"), ("mbpp_plus", "mbpp-plus"), ("GSM8K", "gsm8k")],
)
def test_names_are_found_however_they_are_spelled(spelling, name):
    assert find_benchmark(spelling).name == name


def test_a_dataset_of_reasoning_gym_is_named_after_it():
    pytest.importorskip("reasoning_gym")
    found = find_benchmark("reasoning-gym:spell_backward")
    assert (found.name, found.gym) == ("reasoning-gym:spell_backward", "spell_backward")
    assert [p.source for p in found.load(limit=2)] == ["gym:spell_backward"] * 2


@pytest.mark.parametrize("source", ["problems.jsonl", "org/name", "hub:org/name:config", "gym:x", "procedural"])
def test_other_sources_are_no_benchmarks(source):
    assert find_benchmark(source) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [("gsm9k", "did you mean gsm8k?"), ("poems", "there are aime24, aime25"), ("none.yaml", "no such file")],
)
def test_an_unknown_name_is_refused(name, message):
    with pytest.raises(RecipeError) as caught:
        find_benchmark(name)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "kind: math\nfile: a.jsonl\nprompts: [r1-boxed]\nlicense: MIT\ntitle: T",
            "unknown key 'license' (did you mean",
        ),
        ("title: T\nkind: poem\nfile: a.jsonl\nprompts: [r1-boxed]", "kind must be math or code, got 'poem'"),
        ("title: T\nkind: math\nprompts: [r1-boxed]", "needs `file`, `hub` or `gym`"),
        ("title: T\nkind: math\nfile: a.jsonl", "`prompts` must name at least one"),
        ("[1]", "a mapping was expected"),
        ("a: [", "not YAML"),
    ],
)
def test_a_users_file_that_is_not_one_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        find_benchmark(str(path))
    assert message in str(caught.value)


@pytest.fixture
def mine(tmp_path):
    """A benchmark of a user's own, and its problems in a folder."""
    (tmp_path / "mine.yaml").write_text("title: Mine\nkind: math\nfile: mine.jsonl\nprompts: [r1-boxed]\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.jsonl").write_text(json.dumps({"id": "a", "question": "1 + 1?", "answer": "2"}) + "\n")
    return find_benchmark(str(tmp_path / "mine.yaml"))


def test_a_users_benchmark_is_read_from_the_folder_named(mine, tmp_path, monkeypatch):
    assert [p.id for p in mine.load(folder=tmp_path / "data")] == ["a"]
    monkeypatch.setenv(VARIABLE, str(tmp_path / "data"))
    assert [p.id for p in mine.load()] == ["a"]
    assert (mine.name, mine.strategy, mine.prompt(None), mine.prompt("x")) == ("mine", "cot", "r1-boxed", "x")


def test_a_file_that_is_nowhere_is_told_with_the_way_out(mine, tmp_path):
    with pytest.raises(RecipeError, match=f"is not in .*; name its folder with --benchmarks-dir or {VARIABLE}"):
        mine.load(folder=tmp_path)


def test_another_judging_is_another_hash(tmp_path):
    one = find_benchmark("minerva")
    assert one.hash == find_benchmark("minerva").hash != find_benchmark("math500").hash


def test_rows_of_the_hub_are_read_by_the_benchmarks_fields(monkeypatch):
    rows = [{"Body": "Two apples.", "Question": "How many?", "Answer": "2.0", "ID": "chal-1"}]
    monkeypatch.setattr("reasondistill.problems.hub.read_hub", lambda hub, streaming: iter(rows))
    [problem] = load_hub("x/y", fields=find_benchmark("svamp").fields)
    assert (problem.id, problem.question, problem.answer) == ("chal-1", "Two apples. How many?", "2.0")
    code = [{"name": "n", "description": "Double it.", "public_tests": {"input": ["1"], "output": ["2"]}}]
    monkeypatch.setattr("reasondistill.problems.hub.read_hub", lambda hub, streaming: iter(code))
    [problem] = load_hub("x/y", fields=find_benchmark("codecontests").fields, kind="code")
    assert (problem.id, problem.kind) == ("n", Kind.CODE)


def test_tests_are_shown_where_a_prompt_has_a_place_for_them():
    problem = Problem(id="p", kind=Kind.CODE, question="Add one.", tests=["assert f(1) == 2", "assert f(2) == 3"])
    [turn] = Code(template=load_template("mbpp-tests")).ask(problem).messages(problem)
    assert turn.content.endswith("assert f(1) == 2\nassert f(2) == 3") and "Add one." in turn.content
    [turn] = Code(template=load_template("evalplus-mbpp-instruct")).ask(problem).messages(problem)
    assert "assert f(1) == 2" in turn.content and "assert f(2) == 3" not in turn.content


def test_stop_strings_and_sources_are_no_part_of_the_prompts_hash(tmp_path):
    text = "user: '{question}'\n"
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(f"{text}stop: ['Q:']\nsource: me\n")
    one, two = (load_template(str(tmp_path / name)) for name in ("a.yaml", "b.yaml"))
    assert (one.hash, two.stop, two.source) == (two.hash, ("Q:",), "me")
    (tmp_path / "b.yaml").write_text(f"{text}stop: Q\n")
    with pytest.raises(RecipeError, match="`stop` must be a list of texts"):
        load_template(str(tmp_path / "b.yaml"))
