"""An attempt in one turn, and one that goes on where an earlier one was cut."""

import asyncio

import pytest

from reasondistill.engines import PLAIN, Extras
from reasondistill.generation.prompts import PromptTemplate
from reasondistill.generation.strategies import AttemptRequest, Cot
from reasondistill.records import FinishReason, Message, Sampling

TEMPLATE = PromptTemplate(name="t", user="{question}", system="Be brief.")


def attempt(strategy, engine, problem, **given):
    request = AttemptRequest(engine=engine, problem=problem, sampling=Sampling(), **given)
    return asyncio.run(strategy.attempt(request))


def test_one_turn_is_what_came_back(scripted, said, make_problem):
    engine = scripted([said("42", reasoning="6 * 7")])
    made = attempt(Cot(template=TEMPLATE), engine, make_problem())
    assert made.prompt == TEMPLATE.messages(make_problem())
    assert made.messages == (Message(role="assistant", content="42", reasoning="6 * 7"),)
    assert (made.usage.completion_tokens, made.seconds, made.finish_reason) == (3, 0.5, FinishReason.STOP)


@pytest.mark.parametrize(
    ("cut", "rest", "prefix", "whole"),
    [
        (("The sum", None), ("is 4.", None), "The sum", ("The sumis 4.", None)),
        (("", "2 and"), ("4", " 2"), "<think>2 and", ("4", "2 and 2")),
        (("It is", "2 and 2"), (" 4", None), "<think>2 and 2</think>It is", ("It is 4", "2 and 2")),
    ],
)
def test_a_cut_attempt_is_continued(scripted, said, make_problem, cut, rest, prefix, whole):
    engine = scripted([said(rest[0], rest[1])])
    before = Message(role="assistant", content=cut[0], reasoning=cut[1])
    made = attempt(Cot(template=TEMPLATE), engine, make_problem(), prior=(before,))
    assert engine.asked[0][1] == prefix
    assert [(m.content, m.reasoning) for m in made.messages] == [whole]


def test_an_engine_that_may_not_continue_is_asked_to_all_the_same(scripted, said, make_problem):
    engine = scripted([said(" is 4.")], continues=False)
    before = Message(role="assistant", content="The sum")
    made = attempt(Cot(template=TEMPLATE), engine, make_problem(), prior=(before,))
    assert (engine.asked[0][1], [m.content for m in made.messages]) == ("The sum", ["The sum is 4."])


def test_what_a_long_turn_holds_so_far_is_told(scripted, said, make_problem):
    class Streaming(scripted):
        async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
            extras.progress(said(" is"))
            return await super().complete(messages, sampling, prefix=prefix, extras=extras)

    told = []
    before = Message(role="assistant", content="The sum")
    attempt(Cot(template=TEMPLATE), Streaming([said(" is 4.")]), make_problem(), prior=(before,), partial=told.append)
    assert [m.content for made in told for m in made.messages] == ["The sum is"]


QWEN = "{%- if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}"
OSS = "{%- if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}{% endif %}{{ message.thinking }}"
PLAIN_TEMPLATE = "{% for m in messages %}{{ m.thinking }}{{ m['enable_thinking'] }}{{ m.content }}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "model", "effort", "arguments", "spoken"),
    [
        (QWEN, "m", "default", {}, False),
        (QWEN, "m", "off", {"enable_thinking": False}, False),
        (QWEN, "m", "medium", {"enable_thinking": True}, False),
        (QWEN, "m", "high", {"enable_thinking": True}, True),
        (OSS, "m", "high", {"reasoning_effort": "high"}, False),
        (OSS, "m", "off", {"reasoning_effort": "low"}, True),
        (PLAIN_TEMPLATE, "Qwen/Qwen3-8B", "off", {}, True),
        (None, "Qwen/Qwen3-8B", "off", {"enable_thinking": False}, False),
        (None, "gpt-oss-120b", "low", {"reasoning_effort": "low"}, False),
        (None, "some-model", "low", {}, True),
    ],
)
def test_an_effort_reaches_the_model_as_its_template_takes_it(
    scripted, said, make_problem, template, model, effort, arguments, spoken
):
    engine = scripted([said("4")], chat_template=template, model=model)
    made = attempt(Cot(template=TEMPLATE, thinking=effort), engine, make_problem())
    [(messages, _, extras)] = engine.asked
    assert extras == Extras(arguments=arguments)
    assert (messages[0].content != "Be brief.") is spoken
    assert made.prompt == messages


def test_an_effort_is_said_even_without_a_system_message(scripted, said, make_problem):
    engine = scripted([said("4")])
    made = attempt(Cot(template=PromptTemplate(name="t", user="{question}"), thinking="off"), engine, make_problem())
    assert [m.role for m in made.prompt] == ["system", "user"]
