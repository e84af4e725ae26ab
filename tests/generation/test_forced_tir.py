"""Budget forcing inside tool-integrated attempts: budget and waits hold over turns, and outputs do not count."""

import asyncio
import re
from dataclasses import dataclass, field

import pytest

from reasondistill.engines import PLAIN, Abilities, Completion
from reasondistill.generation.decoding.forcing import BudgetForcing
from reasondistill.generation.decoding.forcing_options import ForcingOptions
from reasondistill.generation.prompts import load_template
from reasondistill.generation.strategies import AttemptRequest
from reasondistill.generation.strategies.tir.options import TirOptions
from reasondistill.generation.strategies.tir.strategy import Tir
from reasondistill.records import FinishReason, Sampling, Usage

END = "<end>"
BLOCK = "```python\nprint(6 * 7)\n```\n"
OUTPUT = "```output\n42\n```\n"
FIRST, SECOND, AGAIN = f"I compute it now.\n{BLOCK}", "So it is forty two.", " I am sure."
CALL = '<tool_call>\n{"name": "python", "arguments": {"code": "6 * 7"}}\n</tool_call>'


def pieces(text):
    """Cut a text into the toy's tokens: words with their space, and single signs."""
    return re.findall(r"<end>| ?\w+|.", text, re.DOTALL)


def textual(text, turns):
    """Return the rest of a turn of a model that thinks, runs a block in its thinking, thinks on and answers."""
    thinking, closed, answer = text.removeprefix("<think>\n").partition("</think>")
    if closed:
        ending = "\n\nFinal Answer: \\boxed{42}." if "Final Answer:" in answer else "\n\nIt is \\boxed{42}."
        return ending.removeprefix(answer) + END
    before, _, written = thinking.rpartition("Wait") if "Wait" in thinking else thinking.rpartition(OUTPUT)
    segment = (AGAIN if "Wait" in thinking else SECOND if before else FIRST) + "\n</think>\n\nIt is \\boxed{42}."
    assert segment.startswith(written)
    return segment.removeprefix(written) + END


def native(text, turns):
    """Return the rest of a turn of a model that calls its tool after a first thought and answers after a second."""
    thinking, closed, answer = text.removeprefix("<think>\n").partition("</think>")
    ending = f"\n\n{CALL}" if turns == 0 else "\n\nIt is \\boxed{42}."
    if closed:
        if "Final Answer:" in answer:
            return (" \\boxed{42}." if turns else f"\n{CALL}") + END
        return ending.removeprefix(answer) + END
    segment = ("I call it now." if turns == 0 else SECOND) + "\n</think>" + ending
    return segment.removeprefix(thinking) + END


@dataclass
class Toy:
    """An engine that takes tokens and follows a rule."""

    rule: object = textual
    chat_template: str | None = None
    abilities: Abilities = field(default_factory=lambda: Abilities(token_ids=True))
    name: str = "toy"
    model: str = "toy-1"
    continues: bool = True
    words: list[str] = field(default_factory=list)
    requests: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def ids(self, text):
        self.words += [piece for piece in dict.fromkeys(pieces(text)) if piece not in self.words]
        return tuple(self.words.index(piece) for piece in pieces(text))

    async def encode(self, text, *, begins=False):
        return self.ids(text)

    async def decode(self, ids):
        return "".join(self.words[i] for i in ids if self.words[i] != END)

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
        await asyncio.sleep(0)
        before = extras.prefix_ids or self.ids(prefix)
        turns = sum(m.role == "assistant" for m in messages)
        made = self.ids(self.rule(await self.decode(before), turns))[: sampling.max_tokens]
        finish, stop = FinishReason.LENGTH, None
        for count in range(1, len(made) + 1):
            text = await self.decode(made[:count])
            stop = next((s for s in sampling.stop if s in text), None)
            if stop or self.words[made[count - 1]] == END:
                made, finish = made[:count], FinishReason.STOP
                break
        self.requests.append((tuple(before), made))
        self.seeds.append(sampling.seed)
        usage = Usage(prompt_tokens=len(before), completion_tokens=len(made))
        text = await self.decode(made)
        if stop and not extras.include_stop:
            text = text.partition(stop)[0]
        ids = made if self.abilities.token_ids else None
        return [Completion(text=text, token_ids=ids, finish_reason=finish, usage=usage, seconds=0.1, stop=stop)]

    async def aclose(self):
        return None


def text_toy():
    return Toy(abilities=Abilities())


@pytest.fixture
def forced(make_problem):
    """Return a function that makes attempts under budget forcing with one strategy."""

    def run(engine, *, prior=(), max_tokens=200, tir=None, indexes=(0,), told=None, **options):
        strategy = Tir(
            template=load_template("tir"),
            options=TirOptions(**(tir or {})),
            decoding=BudgetForcing(options=ForcingOptions(**options)),
        )
        requests = [
            AttemptRequest(
                engine=engine,
                problem=make_problem(),
                sampling=Sampling(max_tokens=max_tokens, seed=1000 * index),
                index=index,
                prior=prior,
                partial=None if told is None else told.append,
            )
            for index in indexes
        ]

        async def make():
            try:
                return await asyncio.gather(*map(strategy.attempt, requests))
            finally:
                await strategy.aclose()

        made = asyncio.run(make())
        return made[0] if len(made) == 1 else made

    return run


def turns(attempt):
    return [(m.role, m.reasoning, m.content) for m in attempt.messages]


THOUGHT = len(pieces(FIRST + SECOND)) + 1
"""Tokens of the whole thinking: the code counts, its output does not, the line break before the delimiter does."""


@pytest.mark.parametrize("make", [Toy, text_toy])
def test_code_in_a_forced_thought_is_run_there(make, forced):
    engine = make()
    made = forced(engine, thinking_budget=100)
    assert turns(made) == [
        ("assistant", "I compute it now.\n", ""),
        ("tool", None, "42"),
        ("assistant", f"{SECOND}\n", "It is \\boxed{42}."),
    ]
    notes = made.annotations
    assert (notes["executions"], notes["requests"], notes["ended"]) == (1, 2, "model")
    assert made.finish_reason is FinishReason.STOP
    if make is Toy:
        assert notes["thinking_tokens"] == THOUGHT
        assert made.usage.completion_tokens == sum(len(ids) for _, ids in engine.requests)


def test_nothing_is_tokenized_twice(forced):
    engine = Toy()
    forced(engine, thinking_budget=100)
    (before, made), (again, _) = engine.requests
    assert again == (*before, *made, *engine.ids(OUTPUT))


@pytest.mark.parametrize("budget", [1, 4, len(pieces(FIRST)) + 1, THOUGHT - 2])
def test_the_budget_holds_over_the_blocks_of_an_attempt(budget, forced):
    made = forced(Toy(), thinking_budget=budget)
    ran = budget > len(pieces(FIRST))
    assert (made.annotations["thinking_tokens"], made.annotations["ended"]) == (budget, "budget")
    assert made.annotations["executions"] == ran
    assert made.messages[-1].content == "Final Answer: \\boxed{42}."
    thinking = made.messages[-1].reasoning
    assert thinking == "".join(pieces(SECOND)[: budget - len(pieces(FIRST))] if ran else pieces(FIRST)[:budget])


def test_a_budget_that_ends_with_the_block_closes_after_its_output(forced):
    engine = Toy()
    made = forced(engine, thinking_budget=len(pieces(FIRST)))
    assert turns(made)[1:] == [("tool", None, "42"), ("assistant", "", "Final Answer: \\boxed{42}.")]
    assert len(engine.requests) == 2


def test_waits_go_on_in_the_thinking_after_an_output(forced):
    made = forced(Toy(), waits=1)
    assert made.messages[-1].reasoning == f"{SECOND}\nWait{AGAIN}\n"
    assert (made.annotations["waits"], made.annotations["executions"]) == (1, 1)
    assert made.messages[-1].content == "It is \\boxed{42}."


def test_each_request_of_an_attempt_has_its_own_seed(forced):
    engine = Toy()
    forced(engine, waits=1, thinking_budget=40)
    assert len(set(engine.seeds)) == len(engine.seeds) == 4


@pytest.mark.parametrize("cap", [3, 15, 24, 28])
def test_a_truncated_attempt_is_resumed_under_the_same_budget(cap, forced):
    options = {"thinking_budget": THOUGHT - 1}
    cut = forced(Toy(), max_tokens=cap, **options)
    assert cut.finish_reason is FinishReason.LENGTH
    made, whole = forced(Toy(), prior=cut.messages, **options), forced(Toy(), **options)
    assert made.messages == whole.messages
    assert made.annotations["thinking_tokens"] == whole.annotations["thinking_tokens"]


def test_what_a_killed_attempt_has_told_is_resumed(forced):
    told = []
    whole = forced(Toy(), told=told, thinking_budget=50)
    assert [[m.role for m in part.messages] for part in told] == [["assistant"], ["assistant", "tool"]]
    for part in told:
        assert forced(Toy(), prior=part.messages, thinking_budget=50).messages == whole.messages


def test_turns_of_a_chat_template_with_tools_share_the_budget(forced):
    engine = Toy(rule=native, chat_template="{{ tools }}")
    made = forced(engine, thinking_budget=100)
    assert turns(made) == [
        ("assistant", "I call it now.\n", ""),
        ("tool", None, "42"),
        ("assistant", f"{SECOND}\n", "It is \\boxed{42}."),
    ]
    first = len(pieces("I call it now.")) + 1
    assert made.annotations["thinking_tokens"] == first + len(pieces(SECOND)) + 1
    short = forced(Toy(rule=native, chat_template="{{ tools }}"), thinking_budget=first + 2)
    assert short.messages[-1].reasoning == "".join(pieces(SECOND)[:2])
    assert (short.annotations["thinking_tokens"], short.annotations["ended"]) == (first + 2, "budget")
    none = forced(Toy(rule=native, chat_template="{{ tools }}"), thinking_budget=first)
    assert (none.messages[-1].reasoning, none.messages[-1].content) == ("", "Final Answer: \\boxed{42}.")


def test_attempts_that_share_a_beginning_have_a_budget_each(forced):
    engine = Toy()
    made = forced(engine, tir={"branch_at_code": 2}, indexes=(0, 1), thinking_budget=THOUGHT - 2)
    assert len(engine.requests) == 1 + 2 * 2
    assert [m.annotations["thinking_tokens"] for m in made] == [THOUGHT - 2] * 2
    assert made[0].messages == made[1].messages
    assert made[0].annotations["branch"] == made[1].annotations["branch"]


def test_a_sentence_about_the_length_reaches_a_tool_users_prompt(forced):
    made = forced(Toy(), control="tokens", thinking_budget=30)
    assert "at most 30 tokens" in made.prompt[0].content
    assert (made.annotations["executions"], made.annotations["ended"]) == (1, "model")
