"""Budget forcing on real engines with SmolLM2: counts, identity, prefills, and where what we write lands."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pytest

from reasondistill.engines import Completion, Engine, EngineOptions, Extras, open_engine
from reasondistill.errors import ModelError, RequestError
from reasondistill.generation.decoding.forcing import BudgetForcing
from reasondistill.generation.decoding.forcing_options import FORMATS, ForcingOptions
from reasondistill.generation.prompts import PromptTemplate, load_template
from reasondistill.generation.strategies import Attempt, AttemptRequest, Cot
from reasondistill.generation.strategies.tir.options import TirOptions
from reasondistill.generation.strategies.tir.strategy import Tir
from reasondistill.generation.transcripts import python_call
from reasondistill.records import FinishReason, Message, Problem, Sampling

MODEL = "smollm2-135m-instruct"
PROBLEM = Problem(id="p", question="What is 2 + 2? Explain it.", answer="4")
TEMPLATE = PromptTemplate(name="t", user="{question}")
THOUGHT_CALL = python_call("print(2 + 2)", number=0) | {"syntax": "fenced", "written": {"thinking": True}}
BLOCK = 32
"""Tokens that share a fate in vLLM's prefix cache here."""

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]


@dataclass
class Watched:
    """An engine whose completions are kept."""

    engine: Any
    runner: asyncio.Runner
    made: list[Completion] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("name", "model", "continues", "chat_template", "abilities"):
            setattr(self, name, getattr(self.engine, name))

    async def complete(self, messages: Sequence[Message], sampling: Sampling, **request: Any) -> list[Completion]:
        made = await self.engine.complete(messages, sampling, **request)
        self.made += made
        return list(made)

    async def encode(self, text: str, *, begins: bool = False) -> tuple[int, ...]:
        return tuple(await self.engine.encode(text, begins=begins))

    async def decode(self, ids: Sequence[int]) -> str:
        return str(await self.engine.decode(ids))

    def text(self, ids: Sequence[int]) -> str:
        return self.runner.run(self.decode(ids))

    def ids(self, text: str) -> tuple[int, ...]:
        return self.runner.run(self.encode(text))

    def plain(self, tokens: int, prefix: str = "") -> tuple[int, ...]:
        """Return the ids of an unforced greedy completion."""
        sampling = Sampling(temperature=0.0, max_tokens=tokens)
        extras = Extras(prefix_ids=self.ids(prefix) if prefix else ())
        [made] = self.runner.run(
            self.engine.complete(TEMPLATE.messages(PROBLEM), sampling, prefix=prefix, extras=extras)
        )
        assert made.finish_reason is FinishReason.LENGTH
        return made.token_ids

    def force(self, *, tokens: int = 90, problem: Problem = PROBLEM, **options: Any) -> Attempt:
        self.made.clear()
        strategy = Cot(template=TEMPLATE, decoding=BudgetForcing(options=ForcingOptions(**options)))
        sampling = Sampling(temperature=0.0, max_tokens=tokens)
        return self.runner.run(strategy.attempt(AttemptRequest(engine=self, problem=problem, sampling=sampling)))

    def force_tools(self, prior: tuple[Message, ...], *, tokens: int, **options: Any) -> Attempt:
        """Resume a tool-integrated attempt under budget forcing."""
        self.made.clear()
        strategy = Tir(
            template=load_template("tir"),
            options=TirOptions(syntax="fenced", executions=2),
            decoding=BudgetForcing(options=ForcingOptions(**options)),
        )
        sampling = Sampling(temperature=0.0, max_tokens=tokens)
        request = AttemptRequest(engine=self, problem=PROBLEM, sampling=sampling, prior=prior)
        made = self.runner.run(strategy.attempt(request))
        self.runner.run(strategy.aclose())
        return made


@pytest.fixture(
    scope="module",
    params=["transformers", pytest.param("vllm", marks=pytest.mark.filterwarnings("ignore")), "llamacpp"],
)
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    if request.param == "llamacpp":
        pytest.importorskip("xllamacpp")
    if request.param == "vllm" and find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    capped = FORMATS["think"].delimiters if request.param == "vllm" else None
    options = EngineOptions(engine=request.param, model=MODEL, max_context=320, concurrency=1, dtype="float32")
    with asyncio.Runner() as runner:
        try:
            engine: Engine = runner.run(open_engine(options, thinking_delimiters=capped))
        except ModelError as error:
            pytest.skip(f"the model cannot be had: {error}")
        yield Watched(engine, runner)
        runner.run(engine.aclose())


@pytest.fixture(scope="module")
def plain(watched: Watched) -> tuple[int, ...]:
    return watched.plain(40)


@pytest.fixture(scope="module")
def closing(watched: Watched, plain: tuple[int, ...]) -> str:
    """Return three words in the middle of what the model writes unforced: a delimiter of several tokens."""
    whole = watched.text(plain)
    words = whole.split(" ")
    found = (" " + " ".join(words[i : i + 3]) for i in range(9, len(words) - 3))
    return next(text for text in found if whole.count(text) == 1 and len(watched.ids(text)) >= 3)


def apart(closing: str, **more: Any) -> dict[str, Any]:
    """Return options for a thinking without tags that ends where the model writes `closing`."""
    return {"format": "boxed", "opening": "", "closing": closing, "final": "", **more}


def test_greedy_is_unchanged_where_nothing_is_forced(watched: Watched, plain: tuple[int, ...], closing: str) -> None:
    made = watched.force(tokens=40, thinking_budget=39, **apart(closing))
    assert (made.annotations["ended"], made.annotations["inserted_tokens"]) == ("model", 0)
    assert made.token_ids == plain
    # Where a wait would not fit, the model's own end stands: two requests, and still its own tokens.
    made = watched.force(tokens=40, thinking_budget=38, waits=1, wait="Wait, " * 20, **apart(closing))
    assert (made.annotations["waits"], len(watched.made)) == (0, 2)
    assert made.token_ids == plain


@pytest.mark.parametrize("budget", [1, 7])
def test_counts_are_exact_at_the_budget(budget: int, watched: Watched, plain: tuple[int, ...], closing: str) -> None:
    made = watched.force(thinking_budget=budget, tokens=16, **apart(closing))
    assert made.annotations["thinking_tokens"] == budget
    assert made.token_ids is not None and made.token_ids[:budget] == plain[:budget]
    assert made.messages[0].reasoning == watched.text(plain[:budget])
    assert made.messages[0].content.startswith(closing.strip())
    assert made.usage.completion_tokens == sum(len(each.token_ids or ()) for each in watched.made)
    assert len(made.token_ids) <= made.usage.completion_tokens + len(watched.ids(f"\n{closing}\n"))


def test_waits_land_where_the_model_would_have_ended(watched: Watched, plain: tuple[int, ...], closing: str) -> None:
    made = watched.force(tokens=60, waits=2, thinking_budget=50, wait=" Wait", **apart(closing))
    thinking, at = made.messages[0].reasoning or "", made.annotations["wait_at"]
    assert 1 <= len(at) <= 2
    assert [thinking[i : i + 5] for i in at] == [" Wait"] * len(at)
    assert thinking[: at[0]] == watched.text(plain).partition(closing)[0]
    assert closing not in thinking[: at[-1]]
    assert made.annotations["inserted_tokens"] == len(at) * len(watched.ids(" Wait"))
    assert len(watched.made) <= 1 + len(at) + 1


def test_a_forced_step_computes_little_but_what_we_wrote(watched: Watched, closing: str) -> None:
    made = watched.force(thinking_budget=9, tokens=14, **apart(closing))
    assert len(watched.made) == made.annotations["requests"] == 2
    again = watched.made[1].usage
    if watched.engine.name == "transformers":
        assert again.cached_tokens == 0  # it has no prefix cache: each step reads all again, once
        return
    computed = again.prompt_tokens - again.cached_tokens
    slack = BLOCK if watched.engine.name == "vllm" else 2
    assert computed <= len(watched.ids(f"\n{closing}\n")) + slack


def test_a_turn_that_ends_without_an_answer_is_closed_and_may_be_taken_back(watched: Watched) -> None:
    brief = Problem(id="q", question="Say only: yes.", answer="yes")
    made = watched.force(problem=brief, format="boxed", opening="", tokens=30)
    if made.annotations["ended"] == "tokens":
        pytest.skip("the model does not stop by itself here")
    assert made.annotations["ended"] == "turn" and "\\boxed{" in made.messages[0].content
    again = watched.force(problem=brief, format="boxed", opening="", tokens=40, waits=1)
    assert again.messages[0].reasoning.startswith(f"{made.messages[0].reasoning}Wait")
    assert "<|" not in again.messages[0].reasoning


def test_tags_of_several_tokens_are_closed_by_force(watched: Watched) -> None:
    assert len(watched.ids("</think>")) > 1
    made = watched.force(thinking_budget=7, tokens=12)
    assert made.annotations["thinking_tokens"] == 7
    assert made.messages[0].content.startswith("Final Answer:")
    assert made.messages[0].reasoning == watched.text(watched.plain(7, prefix="<think>\n"))


def test_a_tool_users_thinking_is_closed_by_force_too(watched: Watched) -> None:
    prior = (
        Message(role="assistant", content="", reasoning="I compute:\n", tool_calls=(THOUGHT_CALL,)),
        Message(role="tool", content="4"),
    )
    made = watched.force_tools(prior, thinking_budget=len(watched.ids("I compute:\n")) + 30, tokens=60)
    assert [m.role for m in made.messages[:2]] == ["assistant", "tool"]
    assert made.annotations["executions"] >= 1
    if made.annotations["ended"] == "budget":
        assert made.annotations["thinking_tokens"] == len(watched.ids("I compute:\n")) + 30
        assert made.messages[-1].content.startswith("Final Answer:")
    assert made.annotations["thinking_tokens"] <= len(watched.ids("I compute:\n")) + 30


def test_the_engines_own_cap_stops_at_the_same_token(watched: Watched) -> None:
    if watched.engine.name != "vllm":
        pytest.skip("only vLLM caps thinking by itself")
    ours = watched.force(thinking_budget=12, tokens=16)
    theirs = watched.force(thinking_budget=12, tokens=24, control="engine")
    assert theirs.annotations["requests"] == 1
    assert theirs.annotations["thinking_tokens"] == ours.annotations["thinking_tokens"] == 12
    assert theirs.messages[0].reasoning == ours.messages[0].reasoning
    opening = len(watched.ids("<think>\n"))
    assert (theirs.token_ids or ())[: opening + 12] == (ours.token_ids or ())[: opening + 12]
    with pytest.raises(RequestError, match="cannot be below"):
        watched.force(thinking_budget=1, control="engine")
