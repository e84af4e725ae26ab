"""Tool-integrated attempts, with a scripted model and real interpreters."""

import asyncio
import json
from dataclasses import replace

import pytest

from reasondistill.engines import Completion
from reasondistill.errors import RecipeError, RequestError
from reasondistill.generation.prompts import load_template
from reasondistill.generation.strategies import AttemptRequest
from reasondistill.generation.strategies.tir.options import INSTRUCTIONS, NOTICES, TirOptions
from reasondistill.generation.strategies.tir.strategy import Tir
from reasondistill.generation.syntax import SYNTAXES
from reasondistill.generation.transcripts import render
from reasondistill.records import FinishReason, Problem, Sampling, Usage
from reasondistill.store.options import read_options

PROBLEM = Problem(id="p", question="q")
TOOLS = "{% for tool in tools %}{{ tool }}{% endfor %}"
"""A chat template that knows tools."""


@pytest.fixture
def attempt(scripted, said, make_problem):
    """Return a function that makes one attempt with a scripted model; texts end by a stop string or their end."""

    def run(script, *, continues=True, template=None, sampling=None, prior=(), thinking="default", **options):
        script = [said(s) if isinstance(s, str) else s for s in script]
        engine = scripted(script, continues=continues, chat_template=template)
        strategy = Tir(template=load_template("tir"), options=TirOptions(**options), thinking=thinking)

        async def make():
            try:
                chosen = sampling or Sampling(max_tokens=100)
                request = AttemptRequest(engine=engine, problem=make_problem(), sampling=chosen, prior=prior)
                return await strategy.attempt(request)
            finally:
                await strategy.aclose()

        return asyncio.run(make()), engine

    return run


def contents(attempt):
    return [(m.role, m.content) for m in attempt.messages]


def codes(attempt):
    return [json.loads(c["function"]["arguments"])["code"] for m in attempt.messages for c in m.tool_calls]


def call(code, name="python", **fields):
    return {"id": "call-7", "type": "function", "function": {"name": name, "arguments": json.dumps({"code": code})}}


def calling(*calls, content=""):
    usage = Usage(completion_tokens=3)
    return Completion(text=content, tool_calls=calls, finish_reason=FinishReason.TOOL_CALLS, usage=usage, seconds=0.1)


def test_code_is_run_and_its_output_goes_back_into_the_turn(attempt):
    made, engine = attempt(["So:\n```python\nx = 20 + 1\nprint(x)", "Twice:\n```python\nx * 2", "It is \\boxed{42}."])
    assert contents(made) == [
        ("assistant", "So:\n"),
        ("tool", "21"),
        ("assistant", "Twice:\n"),
        ("tool", "42"),
        ("assistant", "It is \\boxed{42}."),
    ]
    assert codes(made) == ["x = 20 + 1\nprint(x)", "x * 2"]
    assert engine.asked[1][1] == "So:\n```python\nx = 20 + 1\nprint(x)\n```\n```output\n21\n```\n"
    assert engine.asked[2][1] == render(made.messages[:-1])
    assert made.annotations == {"syntax": "fenced", "executions": 2}
    assert (made.finish_reason, made.usage.completion_tokens, made.tools) == (FinishReason.STOP, 9, ())
    assert INSTRUCTIONS["fenced"] in made.prompt[0].content


def test_a_server_that_cannot_continue_gets_the_output_as_a_turn_of_its_own(attempt):
    text = "So:\n```python\nprint(6 * 7)\n```\nThat prints 41, so \\boxed{41}."
    made, engine = attempt([text, "It is \\boxed{42}."], continues=False)
    assert contents(made) == [("assistant", "So:\n"), ("tool", "42"), ("assistant", "It is \\boxed{42}.")]
    sent, prefix, _ = engine.asked[1]
    assert [(m.role, m.content) for m in sent[-2:]] == [
        ("assistant", "So:\n```python\nprint(6 * 7)\n```"),
        ("user", "```output\n42\n```"),
    ]
    assert prefix == ""


@pytest.mark.parametrize("continues", [True, False])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("name", sorted(SYNTAXES))
def test_every_syntax_runs_its_blocks_and_shows_their_outputs(attempt, name, closed, continues):
    syntax = SYNTAXES[name]
    block = syntax.opening + syntax.call_text("print(6 * 7)") + syntax.closing
    if not closed:  # an engine that leaves the stop string out
        block = block.partition(syntax.stops[0])[0]
    made, engine = attempt([f"So:\n{block}", "It is \\boxed{42}."], continues=continues, syntax=name)
    assert contents(made) == [("assistant", "So:\n"), ("tool", "42"), ("assistant", "It is \\boxed{42}.")]
    assert (codes(made), made.annotations) == (["print(6 * 7)"], {"syntax": name, "executions": 1})
    assert INSTRUCTIONS[name] in made.prompt[0].content
    messages, prefix, _ = engine.asked[1]
    shown = f"{syntax.output_opening}42{syntax.output_closing}"
    if continues:
        assert (prefix, len(messages)) == (render(made.messages[:-1]), 2)
        assert prefix.endswith(shown)
    else:
        assert [m.role for m in messages[-2:]] == ["assistant", "user"]
        assert (prefix, messages[-1].content) == ("", shown.strip())


def test_a_server_may_answer_with_tool_calls(attempt):
    made, engine = attempt([calling(call("y = 6"), call("y * 7")), "It is \\boxed{42}."], continues=False)
    assert [m.role for m in made.messages] == ["assistant", "tool", "tool", "assistant"]
    assert [m.content for m in made.messages[1:3]] == [NOTICES["silent"], "42"]
    assert [m.role for m in engine.asked[1][0][-3:]] == ["assistant", "tool", "tool"]
    assert made.annotations["executions"] == 2


@pytest.mark.parametrize("arguments", ['{"code": "6 * 7"}', '{"code":"6 * 7"}'])
def test_a_model_with_tools_in_its_template_is_told_of_the_interpreter(attempt, arguments):
    text = f'I compute.\n<tool_call>\n{{"name": "python", "arguments": {arguments}}}\n</tool_call>'
    made, engine = attempt([text, "It is \\boxed{42}."], template=TOOLS)
    assert contents(made) == [("assistant", "I compute."), ("tool", "42"), ("assistant", "It is \\boxed{42}.")]
    assert "syntax" not in made.messages[0].tool_calls[0]
    assert [t["function"]["name"] for t in made.tools] == ["python"] and engine.asked[0][2].tools == made.tools
    assert [m.role for m in engine.asked[1][0][-2:]] == ["assistant", "tool"]
    assert made.annotations["syntax"] == "native"


@pytest.mark.parametrize("given", [{}, {"id": None}, {"id": ""}])
def test_calls_without_a_name_of_their_own_get_one(attempt, given):
    function = call("6 * 7")["function"]
    made, _ = attempt([calling({"function": function, **given}), "\\boxed{42}"], continues=False)
    assert made.messages[0].tool_calls == ({"id": "call_0", "type": "function", "function": function},)


def test_several_calls_in_one_text_are_all_run(attempt):
    one, two = (f'<tool_call>\n{{"name": "python", "arguments": {{"code": "{c}"}}}}\n</tool_call>' for c in "12")
    made, _ = attempt([f"{one}\n{two}", "done"], template=TOOLS)
    assert [m.content for m in made.messages] == ["", "1", "2", "done"]


@pytest.mark.parametrize("answer", [calling(call("1", name="search")), "<tool_call>\n{no json\n</tool_call>"])
def test_a_call_of_something_else_is_answered_with_an_error(attempt, answer):
    made, _ = attempt([answer, "done"], template=TOOLS)
    assert [m.content for m in made.messages] == ["", NOTICES["no_tool"], "done"]
    assert made.annotations["failed_executions"] == 1


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("print(1)\n2", "1\n2"),
        ("x = 1", NOTICES["silent"]),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("while True: pass", "TimeoutError: the code ran longer than 0.5 s"),
        ("import os; os._exit(3)", "Error: "),
        ("print('a' * 5000)", "characters cut ...]"),
        ("print(", "SyntaxError"),
    ],
)
def test_the_model_sees_what_came_of_its_code(attempt, code, shown):
    made, _ = attempt([f"```python\n{code}", "done"], cell_seconds=0.5, output_chars=300)
    output = made.messages[1].content
    assert shown in output and len(output) < 400
    assert made.annotations.get("failed_executions", 0) == (0 if shown[0] in "12(c" or "cut" in shown else 1)


def test_a_state_survives_errors_and_killed_cells(attempt):
    cells = ["x = 5", "x = 6; 1 / 0", "import os; os._exit(1)", "x"]
    made, _ = attempt([*(f"```python\n{c}" for c in cells), "done"])
    assert [m.content for m in made.messages if m.role == "tool"][-1] == "6"


def test_fresh_processes_share_nothing(attempt):
    made, _ = attempt(["```python\nx = 5", "```python\nprint(x)", "done"], fresh=True)
    assert "NameError" in made.messages[3].content


def test_after_the_last_execution_there_is_one_closing_turn(attempt):
    block = "```python\n1"
    made, engine = attempt([block, block, f"I give up \\boxed{{0}}.\n{block}"], executions=2)
    assert len(engine.asked) == 3
    assert made.messages[3].content.endswith(NOTICES["closing"])
    assert (made.annotations["executions"], made.finish_reason) == (2, FinishReason.STOP)
    assert "\\boxed{0}" in made.messages[-1].content


def test_a_block_in_the_closing_turn_is_not_run(attempt):
    made, _ = attempt(["```python\n1", "More:\n```python\n2"], executions=1)
    assert [m.role for m in made.messages] == ["assistant", "tool", "assistant"]
    assert made.annotations["unexecuted_blocks"] == 1


def test_a_boxed_answer_after_an_output_ends_the_attempt(attempt):
    made, engine = attempt(["```python\n42", "It is \\boxed{42}. To check:\n```python\n1 / 0"])
    assert (len(engine.asked), made.messages[-1].content) == (2, "It is \\boxed{42}. To check:\n")
    assert made.annotations["executions"] == 1


def test_a_box_before_any_output_is_a_guess_and_its_code_is_run(attempt):
    made, _ = attempt(["\\boxed{1}? I check:\n```python\nprint(2)", "No, \\boxed{2}."])
    assert [m.content for m in made.messages[1:]] == ["2", "No, \\boxed{2}."]


@pytest.mark.parametrize(("policy", "pruned"), [("keep", None), ("prune", True)])
def test_an_answer_without_an_executed_block_is_marked(attempt, policy, pruned):
    made, _ = attempt(["By heart: \\boxed{42}."], hallucinated=policy)
    assert (made.annotations["unexecuted_answer"], made.annotations.get("pruned")) == (True, pruned)
    made, _ = attempt(["```python\n42", "\\boxed{42}"], hallucinated=policy)
    assert made.annotations == {"syntax": "fenced", "executions": 1}


@pytest.mark.parametrize(
    ("restarts", "script", "asked", "marks"),
    [
        (
            1,
            ["It is \\boxed{1}.", "So:\n```python\nprint(42)", "It is \\boxed{42}."],
            3,
            {"restarts": 1, "executions": 1},
        ),
        (2, ["\\boxed{1}", "\\boxed{2}", "\\boxed{3}"], 3, {"restarts": 2, "executions": 0}),
        (1, ["So:\n```python\nprint(42)", "It is \\boxed{42}."], 2, {"executions": 1}),
    ],
)
def test_an_attempt_without_code_is_begun_anew_within_its_tokens(attempt, restarts, script, asked, marks):
    made, engine = attempt(script, restarts=restarts)
    assert len(engine.asked) == asked
    assert marks.items() <= made.annotations.items() and ("restarts" in made.annotations) == ("restarts" in marks)
    assert made.usage.completion_tokens == 3 * asked
    assert made.messages[-1].content == script[-1]
    assert len(attempt(script[:1], restarts=restarts, sampling=Sampling(max_tokens=3))[1].asked) == 1


def test_an_output_that_the_model_wrote_is_replaced_and_marked(attempt):
    text = "```python\nprint(2)\n```\n```output\n3\n```\nSo \\boxed{3}."
    made, engine = attempt([text, "So \\boxed{2}."], continues=False)
    assert contents(made) == [("assistant", ""), ("tool", "2"), ("assistant", "So \\boxed{2}.")]
    assert made.annotations["invented_outputs"] == 1 and len(engine.asked) == 2
    made, engine = attempt([text], continues=False, hallucinated="prune")
    assert (made.annotations["pruned"], len(engine.asked)) == (True, 1)


def test_another_fence_than_code_does_not_end_the_turn(attempt):
    made, engine = attempt(["A table:\n```text\n1 2", "So \\boxed{2}."])
    assert [m.content for m in made.messages] == ["A table:\n```text\n1 2\n```\nSo \\boxed{2}."]
    assert engine.asked[1][1] == "A table:\n```text\n1 2\n```\n"


def test_a_fence_without_a_language_does_not_end_the_turn(attempt):
    made, engine = attempt(["So:\n```\n", "1 2\n```\n", "So \\boxed{2}.", "never"])
    assert [m.content for m in made.messages] == ["So:\n```\n1 2\n```\nSo \\boxed{2}."]
    assert engine.asked[0][2].include_stop and len(engine.asked) == 3


def test_a_stop_string_kept_in_the_text_is_written_once(attempt):
    made, engine = attempt(["```python\n6 * 7\n```\n", "\\boxed{42}"])
    assert engine.asked[1][1] == "```python\n6 * 7\n```\n```output\n42\n```\n"
    assert "written" not in made.messages[0].tool_calls[0]


def test_the_cap_holds_over_all_turns(attempt):
    made, engine = attempt(["```python\n1", "```python\n2", "never"], sampling=Sampling(max_tokens=6))
    assert (made.finish_reason, made.annotations["stopped"], len(engine.asked)) == (FinishReason.LENGTH, "tokens", 2)


def test_a_block_that_the_cap_cut_is_not_run_and_can_be_continued(attempt, said):
    cut = said("```python\nprint(6 *", finish=FinishReason.LENGTH)
    first, _ = attempt([cut])
    assert (first.finish_reason, first.annotations["executions"]) == (FinishReason.LENGTH, 0)
    made, engine = attempt([" 7)", "\\boxed{42}"], prior=first.messages)
    assert engine.asked[0][1] == "```python\nprint(6 *"
    assert contents(made)[1:] == [("tool", "42"), ("assistant", "\\boxed{42}")]


def test_a_cut_attempt_goes_on_in_the_state_that_it_had(attempt, said):
    first, _ = attempt(["```python\nx = 41", said("Then", finish=FinishReason.LENGTH)])
    made, engine = attempt([" add\n```python\nx + 1", "\\boxed{42}"], prior=first.messages)
    assert [m.content for m in made.messages if m.role == "tool"] == [NOTICES["silent"], "42"]
    assert made.annotations["executions"] == 2
    assert engine.asked[0][1] == render(first.messages)
    waiting, _ = attempt(["x", "done"], prior=made.messages[:3], continues=False)
    assert [m.content for m in waiting.messages if m.role == "tool"] == [NOTICES["silent"], "42"]


def test_a_dialogue_that_outgrows_the_context_keeps_what_there_is(attempt, scripted):
    class Full(scripted):
        async def complete(self, *given, **more):
            if self.asked:
                raise RequestError("too long", reason="prompt_too_long")
            return await super().complete(*given, **more)

    strategy = Tir(template=load_template("tir"))
    engine = Full([calling(call("1"))], continues=False)
    made = asyncio.run(_once(strategy, engine))
    assert (made.finish_reason, made.annotations["stopped"]) == (FinishReason.LENGTH, "context")
    assert [m.role for m in made.messages] == ["assistant", "tool"]


async def _once(strategy, engine):
    try:
        return await strategy.attempt(AttemptRequest(engine=engine, problem=PROBLEM, sampling=Sampling()))
    finally:
        await strategy.aclose()


def test_an_attempt_gives_up_a_turn_that_takes_too_long(scripted):
    class Slow(scripted):
        async def complete(self, *given, **more):
            await asyncio.sleep(60)

    made = asyncio.run(_once(Tir(template=load_template("tir"), options=TirOptions(wall_seconds=0.05)), Slow([])))
    assert (made.finish_reason, made.annotations["stopped"], made.messages) == (FinishReason.LENGTH, "wall", ())


@pytest.mark.parametrize(("policy", "seen"), [("keep", "I wonder"), ("strip", None)])
def test_the_thinking_of_earlier_turns_is_sent_or_not(attempt, policy, seen):
    thought = Completion(
        text="", reasoning="I wonder", tool_calls=(call("1"),), finish_reason=FinishReason.TOOL_CALLS,
        usage=Usage(), seconds=0.0,
    )  # fmt: skip
    made, engine = attempt([thought, "done"], template=TOOLS, continues=False, earlier_thinking=policy)
    assert made.messages[0].reasoning == "I wonder"
    assert engine.asked[1][0][-2].reasoning == seen


def test_code_in_a_thought_is_run_there(attempt, said):
    made, engine = attempt([said("", reasoning="Hm:\n```python\nprint(2)"), said("\\boxed{2}", reasoning="Yes.")])
    assert engine.asked[1][1] == "<think>Hm:\n```python\nprint(2)\n```\n```output\n2\n```\n"
    assert [(m.reasoning, m.content) for m in made.messages] == [
        ("Hm:\n", ""), (None, "2"), ("Yes.", "\\boxed{2}"),
    ]  # fmt: skip
    assert render(made.messages).endswith("```\nYes.</think>\\boxed{2}")


def test_a_broken_sandbox_fails_the_request_and_not_the_answer(attempt, monkeypatch):
    monkeypatch.setattr("reasondistill.generation.strategies.tir.interpreters._WAITS", (0.0, 0.0))
    with pytest.raises(RequestError) as caught:
        attempt(["```python\n1"], isolation="http://127.0.0.1:9")
    assert caught.value.reason == "sandbox_error"


@pytest.mark.parametrize(
    "change", [{"executions": 3}, {"syntax": "fenced"}, {"fresh": True}, {"branch_at_code": 2}, {"restarts": 1}]
)
def test_options_that_change_a_sample_are_in_its_identity(change):
    def identity(**options):
        return Tir(template=load_template("tir"), options=TirOptions(**options)).identity()

    assert identity(**change) != identity()
    assert identity(live_sessions=3, isolation="flat", wall_seconds=5) == identity()


@pytest.mark.parametrize(
    "bad",
    [
        {"syntax": "x"},
        {"executions": 0},
        {"hallucinated": "maybe"},
        {"cell_seconds": 0},
        {"live_sessions": 193},
        {"restarts": -1},
        {"restarts": 1, "branch_at_code": 2},
    ],
)
def test_options_that_cannot_work_are_refused(bad):
    with pytest.raises(RecipeError, match=next(iter(bad))):
        read_options(TirOptions, bad, "", "tir")


def told_on_the_way(engine, options=None, prior=(), sampling=None):
    """Return what an attempt tells while it is made, and what comes of it."""
    told = []
    strategy = Tir(template=load_template("tir"), options=options or TirOptions())

    async def make():
        try:
            request = AttemptRequest(
                engine=engine, problem=PROBLEM, sampling=sampling or Sampling(), prior=prior, partial=told.append
            )
            return await strategy.attempt(request)
        finally:
            await strategy.aclose()

    made = asyncio.run(make())
    return [t.messages for t in told], made


def test_a_turn_is_told_before_its_code_runs_and_again_with_the_output(scripted, said):
    told, _ = told_on_the_way(scripted([said("```python\nprint(2)"), said("done")]))
    assert [[(m.role, m.content) for m in messages] for messages in told] == [
        [("assistant", "")],
        [("assistant", ""), ("tool", "2")],
    ]


def test_code_that_nobody_ran_before_a_kill_is_run_when_the_attempt_is_taken_up(attempt, scripted, said):
    told, _ = told_on_the_way(scripted([said("```python\nx = 41"), said("```python\nx + 1"), said("done")]))
    made, engine = attempt(["\\boxed{42}"], prior=told[2])
    assert [m.content for m in made.messages if m.role == "tool"] == [NOTICES["silent"], "42"]
    assert (len(engine.asked), made.annotations["executions"]) == (1, 2)


def test_what_is_known_of_calls_survives_a_kill(attempt, scripted, said):
    text = "```python\n1 / 0\n```\n```output\n3\n```\nSo 3."
    told, whole = told_on_the_way(scripted([said(text), said("done")], continues=False))
    made, _ = attempt(["done"], prior=told[-1], continues=False)
    assert made.annotations == whole.annotations
    assert (made.annotations["failed_executions"], made.annotations["invented_outputs"]) == (1, 1)


class Streaming:
    """Tells the growing text of each turn of a script, as a streaming engine does."""

    def __init__(self, script, continues):
        self.script, self.continues, self.asked = list(script), continues, []
        self.name = self.model = "streaming"
        self.chat_template = None

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=None):
        self.asked.append((tuple(messages), prefix))
        turn = self.script.pop(0)
        for end in range(1, len(turn.text) + 1, 4):
            extras.progress(replace(turn, text=turn.text[:end], tool_calls=(), usage=Usage(completion_tokens=1)))
        return [turn]


@pytest.mark.parametrize("continues", [True, False])
def test_a_turn_that_is_being_written_is_told_and_gone_on_with(said, continues):
    told, _ = told_on_the_way(Streaming([said("So\n```python\n6 * 7"), said("It is \\boxed{42}.")], continues))
    begun = [m for m in told if m[-1].role == "assistant" and not m[-1].tool_calls]
    assert [m[-1].content for m in begun if len(m) == 3] == [
        "I", "It is", "It is \\bo", "It is \\boxed{", "It is \\boxed{42}.",
    ]  # fmt: skip
    assert [len(m) for m in told if m[-1].role == "tool"] == [2]
    engine = Streaming([said("42}.")], continues)
    _, made = told_on_the_way(engine, prior=begun[-2])
    assert made.messages[-1].content == "It is \\boxed{42}."
    [(messages, prefix)] = engine.asked
    assert prefix.endswith("It is \\boxed{")
    assert [m.role for m in messages] == (["system", "user"] if continues else ["system", "user", "assistant", "user"])


def test_half_a_call_is_no_call(scripted):
    class Calling(scripted):
        async def complete(self, messages, sampling, *, prefix="", n=1, extras=None):
            if not self.asked:
                extras.progress(calling(call("1")))
                extras.progress(calling(call("1"), content="I look"))
            return await super().complete(messages, sampling, prefix=prefix, extras=extras)

    told, _ = told_on_the_way(Calling([calling(call("1"), content="I look"), calling(content="done")]))
    assert [[len(m.tool_calls) for m in messages] for messages in told] == [[], [0], [1], [1, 0]]
