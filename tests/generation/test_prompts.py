"""Prompt templates: what they send, what their hash covers, and what is refused."""

from dataclasses import replace

import pytest

from reasondistill.errors import RecipeError
from reasondistill.generation.prompts import PromptTemplate, load_template, template_names
from reasondistill.records import Problem

PROBLEM = Problem(id="p", question="What is {x} + {question}?", answer="1")


@pytest.fixture
def write(tmp_path):
    def template(text, name="mine.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return template


@pytest.mark.parametrize("name", template_names())
def test_every_built_in_template_asks_the_question_last(name):
    template = load_template(name)
    turns = template.messages(PROBLEM)
    assert template.name == name
    assert turns[-1].role == "user" and PROBLEM.question in turns[-1].content
    assert [t.role for t in turns if t.role != "system"] == ["user", "assistant"] * len(template.examples) + ["user"]


def test_the_hash_that_rollouts_record_is_stable():
    template = PromptTemplate(name="t", user="{question}", system="Be brief.", examples=(("1 + 1?", "2"),))
    assert template.hash == "40d122474395fc7fb124"


def test_examples_are_earlier_turns_in_the_same_words(write):
    text = "system: Be brief.\nexamples:\n- {question: '1 + 1?', answer: '2'}\nuser: 'Q: {question}'\n"
    turns = load_template(str(write(text))).messages(Problem(id="p", question="2 + 2?"))
    assert [(t.role, t.content) for t in turns] == [
        ("system", "Be brief."),
        ("user", "Q: 1 + 1?"),
        ("assistant", "2"),
        ("user", "Q: 2 + 2?"),
    ]


def test_braces_in_a_question_are_left_alone():
    assert PromptTemplate(name="t", user="{question} {x}").messages(PROBLEM)[0].content == PROBLEM.question + " {x}"


def test_the_hash_covers_the_content_and_not_the_layout_or_the_name(write):
    one = load_template(str(write("system: Be brief.\nuser: '{question}'\n", "one.yaml")))
    two = load_template(str(write("user: >-\n  {question}\n\nsystem: 'Be brief.'\n", "two.yaml")))
    assert one.hash == two.hash
    changes = [{"user": "{question}!"}, {"system": None}, {"examples": (("q", "a"),)}]
    assert len({one.hash, *(replace(one, **change).hash for change in changes)}) == 4


def test_a_file_beside_the_recipe_comes_first(write, tmp_path, monkeypatch):
    write("user: 'beside {question}'")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.yaml").write_text("user: 'here {question}'")
    monkeypatch.chdir(elsewhere)
    assert load_template("mine.yaml", beside=tmp_path).user == "beside {question}"
    assert load_template("mine.yaml").user == "here {question}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "a mapping with the keys system, examples, user, stop, source was expected"),
        ("", "a mapping with the keys"),
        ("usr: '{question}'", "unknown key 'usr'"),
        ("user: no place", "must hold {question}"),
        ("user: 3", "must hold {question}"),
        ("user: null", "must hold {question}"),
        ("user: '{question}'\nexamples: [{question: q}]", "needs `question` and `answer`"),
        ("user: '{question}'\nexamples: [q]", "needs `question` and `answer`"),
        ("user: '{question}'\nexamples: 3", "needs `question` and `answer`"),
        ("user: '{question}'\nsystem: [a]", "`system` must be text"),
        ("user: [", "not YAML"),
    ],
)
def test_a_mistaken_template_is_named(write, text, message):
    path = write(text)
    with pytest.raises(RecipeError) as caught:
        load_template(str(path))
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="not YAML"):
        load_template("mine.yaml", beside=tmp_path)


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(RecipeError, match=r"did you mean math-zero-shot\?"):
        load_template("math-zeroshot")
    with pytest.raises(RecipeError, match=r"built in: .*code-zero-shot, .*math-few-shot, math-zero-shot, "):
        load_template("xyz")
