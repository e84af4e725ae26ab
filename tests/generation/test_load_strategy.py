"""From choices to strategies: names, options, the user's own members, and the fields of templates."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest
from annotated_types import Ge

from reasondistill.errors import RecipeError
from reasondistill.generation.decoding import DECODINGS
from reasondistill.generation.decoding.plain import Plain
from reasondistill.generation.load_strategy import StrategyChoice, strategy_class
from reasondistill.generation.prompts import PromptTemplate, load_template, template_names
from reasondistill.generation.strategies import STRATEGIES, Cot
from reasondistill.store.options import Choice

FILLED = {"code": {"form", "tests", "example"}, "tir": {"tools"}}
HERE = __name__


@dataclass(frozen=True, slots=True, kw_only=True)
class HintOptions:
    hints: Annotated[int, Ge(1)] = 1


class Hinted(Cot):
    Options: ClassVar = HintOptions
    FIELDS: ClassVar = ("hint",)

    def ask(self, problem, annotations=None):
        return self.template.filled(hint="Think. " * self.options.hints)


class Twice(Plain):
    def instruct(self, messages):
        return (*messages, *messages)


@pytest.mark.parametrize("decoding", DECODINGS)
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_and_decoding_is_made_by_name(name, decoding):
    template = load_template(strategy_class(name).TEMPLATE)
    choice = StrategyChoice(strategy=Choice(name=name), decoding=Choice(name=decoding), thinking="low")
    made = choice.make(template)
    assert (made.name, made.thinking, made.group_size) == (name, "low", 1)
    assert made.label == (name if decoding == "plain" else f"{name}+{decoding}")
    assert made.options == made.Options()


def test_options_and_decoding_are_part_of_the_identity():
    def identity(strategy, decoding="plain", **options):
        template = load_template(strategy_class(strategy).TEMPLATE)
        choice = StrategyChoice(strategy=Choice(name=strategy, options=options), decoding=decoding)
        return choice.make(template).identity()

    budget = Choice(name="budget", options={"thinking_budget": 8})
    made = [
        identity("tir", Choice(name="plain")),
        identity("tir", Choice(name="plain"), executions=4),
        identity("tir", budget),
        identity("cot", budget),
        identity("cot", Choice(name="budget")),
    ]
    assert all(one != other for i, one in enumerate(made) for other in made[:i])


@pytest.mark.parametrize(
    ("choice", "decoding", "message"),
    [
        (Choice(name="tor"), Choice(name="plain"), "strategy must be one of cot, code, tir"),
        (Choice(name="tir", options={"exections": 2}), Choice(name="plain"), "did you mean strategy.executions"),
        (Choice(name="cot", options={"executions": 2}), Choice(name="plain"), "unknown key strategy.executions"),
        (Choice(name="cot"), Choice(name="bugdet"), "decoding must be one of plain, budget"),
        (Choice(name=f"{HERE}:Hinted", options={"hints": 0}), Choice(name="plain"), "hints must be at least 1, got 0"),
    ],
)
def test_a_mistaken_choice_is_one_line(choice, decoding, message):
    with pytest.raises(RecipeError, match=message) as caught:
        StrategyChoice(strategy=choice, decoding=decoding).make(PromptTemplate(name="t", user="{question}"))
    assert "\n" not in str(caught.value)


def test_members_of_the_users_own_need_no_change_here(make_problem):
    template = PromptTemplate(name="t", user="{hint}{question}")
    choice = Choice(name=f"{HERE}:Hinted", options={"hints": 2})
    made = StrategyChoice(strategy=choice, decoding=Choice(name=f"{HERE}:Twice")).make(template)
    assert made.ask(make_problem()).user == "Think. Think. {question}"
    assert made.label == f"{HERE}:Hinted+{HERE}:Twice"
    assert len(made.decoding.instruct(template.messages(make_problem()))) == 2


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", template_names())
def test_a_template_is_refused_by_a_strategy_that_does_not_fill_it(name, strategy, make_problem):
    template = load_template(name)
    text = f"{template.system} {template.user}"
    needed = {field for fields in FILLED.values() for field in fields if f"{{{field}}}" in text}
    choice = StrategyChoice(strategy=Choice(name=strategy))
    left = needed - FILLED.get(strategy, set())
    if left:
        with pytest.raises(RecipeError, match=f"prompt template {name}: strategy {strategy} does not fill") as caught:
            choice.make(template)
        able = next(other for other, fields in FILLED.items() if left & fields)
        assert f"strategy {able} does" in str(caught.value) and "\n" not in str(caught.value)
    else:
        asked = choice.make(template).ask(make_problem())
        assert not any(f"{{{field}}}" in f"{asked.system} {asked.user}" for field in needed)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"user": "{question} {tests}"}, r"strategy cot does not fill \{tests\}; strategy code does"),
        ({"user": "{question}", "system": "{tools}"}, r"strategy cot does not fill \{tools\}; strategy tir does"),
        ({"user": "{question} {level}"}, r"does not fill \{level\}; no strategy does; write \{ level \} if it is text"),
        ({"user": "{question}", "system": "On {question}:"}, r"does not fill \{question\}; no strategy does"),
    ],
)
def test_any_field_that_would_reach_the_model_is_refused(fields, message):
    with pytest.raises(RecipeError, match=f"prompt template t: {message}|prompt template t: strategy cot {message}"):
        StrategyChoice().make(PromptTemplate(name="t", **fields))


@pytest.mark.parametrize("text", ["\\boxed{answer}", "\\frac{aa}{bb}", "x_{max}", "{}", "{x}", "{ level }", "{'a': 1}"])
def test_braces_of_other_kinds_are_text(text):
    assert StrategyChoice().make(PromptTemplate(name="t", user=f"{text} {{question}}"))


@pytest.mark.parametrize(
    ("choice", "student", "teacher"),
    [
        (StrategyChoice(), "math-zero-shot", "math-few-shot"),
        (StrategyChoice(decoding=Choice(name="budget")), "math-zero-shot", "math-zero-shot"),
        (StrategyChoice(strategy=Choice(name="tir")), "tir", "tir"),
    ],
)
def test_a_teacher_is_shown_the_form_by_examples(choice, student, teacher):
    assert (choice.template, choice.teacher_template) == (student, teacher)
