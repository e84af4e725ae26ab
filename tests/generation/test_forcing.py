"""Budget forcing with a model that is a rule: where thinking ends, what is counted, what is asked of the engine."""

import asyncio
import re
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.engines import PLAIN, Abilities, Completion
from reasondistill.errors import EngineError, RecipeError, RequestError
from reasondistill.generation.decoding.forcing import BudgetForcing, confidence
from reasondistill.generation.decoding.forcing_options import ForcingOptions
from reasondistill.generation.prompts import PromptTemplate
from reasondistill.generation.strategies import AttemptRequest, Cot
from reasondistill.records import FinishReason, Message, Sampling, Usage
from reasondistill.store.options import read_options

TEMPLATE = PromptTemplate(name="t", user="{question}", system="Be brief.")
FIRST = "one two three four five six"
AGAIN = " seven eight"
END = "<end>"


def pieces(text):
    """Cut a text into the toy's tokens: words with their space, and single signs."""
    return re.findall(r"<end>| ?\w+|.", text, re.DOTALL)


def rest(text):
    """Return what the toy model writes after a text: it thinks, closes, answers; after Wait it thinks on."""
    thinking, closed, answer = text.removeprefix("<think>\n").partition("</think>")
    if closed:
        ending = "\n\nFinal Answer: 6." if "Final Answer:" in answer else "\n\nIt is 6."
        return ending.removeprefix(answer) + END
    _, waited, written = thinking.rpartition("Wait")
    segment = (AGAIN if waited else FIRST) + "\n</think>\n\nIt is 6."
    assert segment.startswith(written)
    return segment.removeprefix(written) + END


@dataclass
class Toy:
    """An engine that takes tokens; counts what a prefix cache would have to compute."""

    name: str = "toy"
    model: str = "toy-1"
    chat_template: str | None = None
    continues: bool = True
    abilities: Abilities = field(default_factory=lambda: Abilities(token_ids=True))
    generous: int = 0
    """Tokens that it writes beyond its cap."""
    words: list[str] = field(default_factory=list)
    cached: list[tuple[int, ...]] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)
    asked: list[tuple[str, Sampling]] = field(default_factory=list)

    def ids(self, text):
        for piece in pieces(text):
            if piece not in self.words:
                self.words.append(piece)
        return tuple(self.words.index(piece) for piece in pieces(text))

    async def encode(self, text, *, begins=False):
        return self.ids(text)

    async def decode(self, ids):
        return "".join(self.words[i] for i in ids if self.words[i] != END)

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
        self.asked.append((prefix, sampling))
        before = extras.prefix_ids or self.ids(prefix)
        self.computed.append(len(before) - self._shared(before))
        made = self.ids(rest(await self.decode(before)))[: sampling.max_tokens + self.generous]
        finish, stop = FinishReason.LENGTH, None
        for count in range(1, len(made) + 1):
            text = await self.decode(made[:count])
            stop = next((s for s in sampling.stop if s in text), None)
            if stop or self.words[made[count - 1]] == END:
                made, finish = made[:count], FinishReason.STOP
                break
        self.cached.append(tuple(before) + made)
        usage = Usage(prompt_tokens=len(before), completion_tokens=len(made))
        text = (await self.decode(made)).partition(stop)[0] if stop else await self.decode(made)
        logprobs = tuple(-1.0 for _ in made) if extras.logprobs else None
        return [
            Completion(
                text=text, token_ids=made, finish_reason=finish, usage=usage, seconds=0.5, stop=stop, logprobs=logprobs
            )
        ]

    def _shared(self, ids):
        return max((n for other in self.cached for n in range(len(ids) + 1) if ids[:n] == other[:n]), default=0)


class TextToy(Toy):
    """The same model behind a server that takes and returns text."""

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
        [made] = await super().complete(messages, sampling, prefix=prefix, n=n)
        return [Completion(text=made.text, finish_reason=made.finish_reason, usage=made.usage, seconds=0.5)]


@dataclass
class Rambling(Toy):
    """A server that thinks for as long as it likes."""

    thought: str = ""

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
        text = f"{self.thought}</think>\n\nIt is 6."
        assert extras.thinking_budget == 6
        usage = Usage(prompt_tokens=5, completion_tokens=len(pieces(text)))
        return [Completion(text=text, finish_reason=FinishReason.STOP, usage=usage, seconds=0.5)]


def forced(engine, make_problem, *, max_tokens=100, prior=(), **options):
    strategy = Cot(template=TEMPLATE, decoding=BudgetForcing(options=ForcingOptions(**options)))
    sampling = Sampling(temperature=0.0, max_tokens=max_tokens)
    request = AttemptRequest(engine=engine, problem=make_problem(), sampling=sampling, prior=prior)
    return asyncio.run(strategy.attempt(request))


def text_toy():
    return TextToy(abilities=Abilities())


@pytest.mark.parametrize("make", [Toy, text_toy])
def test_nothing_is_forced_where_nothing_needs_to_be(make, make_problem):
    engine = make()
    made = forced(engine, make_problem, thinking_budget=50)
    [message] = made.messages
    assert (message.reasoning.rstrip(), message.content) == (FIRST, "It is 6.")
    assert made.finish_reason is FinishReason.STOP
    assert (made.annotations["ended"], made.annotations["requests"], made.annotations["inserted_tokens"]) == (
        "model",
        1,
        0,
    )


def test_an_unforced_attempt_is_the_unforced_completion_token_by_token(make_problem):
    engine = Toy()
    made = forced(engine, make_problem)
    [plain] = asyncio.run(Toy(words=engine.words).complete((), Sampling(max_tokens=100), prefix="<think>\n"))
    assert made.token_ids == engine.ids("<think>\n") + plain.token_ids[:-1]


@pytest.mark.parametrize("budget", range(1, 7))
def test_thinking_is_closed_at_the_budget(budget, make_problem):
    engine = Toy()
    made = forced(engine, make_problem, thinking_budget=budget)
    [message] = made.messages
    assert message.reasoning == "".join(pieces(FIRST)[:budget])
    assert message.content == "Final Answer: 6."
    assert made.annotations["thinking_tokens"] == budget
    assert made.annotations["ended"] == "budget"
    assert engine.asked[1][0].endswith("\n</think>\n\nFinal Answer:")
    assert made.finish_reason is FinishReason.STOP


@pytest.mark.parametrize("waits", [1, 2, 3])
def test_the_end_of_thinking_becomes_wait(waits, make_problem):
    engine = Toy()
    made = forced(engine, make_problem, waits=waits)
    [message] = made.messages
    assert message.reasoning.replace("\n", "") == FIRST + ("Wait" + AGAIN) * waits
    assert "</think>" not in message.reasoning
    assert [message.reasoning[at : at + 4] for at in made.annotations["wait_at"]] == ["Wait"] * waits
    assert made.annotations["waits"] == waits == made.annotations["inserted_tokens"]
    assert made.annotations["requests"] == 1 + waits
    assert message.content == "It is 6."


@pytest.mark.parametrize(("budget", "waits", "thought"), [(15, 2, 15), (14, 1, 11)])
def test_rounds_share_the_budget(budget, waits, thought, make_problem):
    # With 14 tokens the second round is cut in the middle of the delimiter, which is no thought.
    made = forced(Toy(), make_problem, waits=5, thinking_budget=budget)
    assert made.messages[0].reasoning == FIRST + "\n" + ("Wait" + AGAIN + "\n") * waits
    assert (made.annotations["thinking_tokens"], made.annotations["waits"], made.annotations["ended"]) == (
        thought,
        waits,
        "budget",
    )


def test_a_wait_that_the_budget_has_no_room_for_leaves_the_models_own_end(make_problem):
    made = forced(Toy(), make_problem, waits=1, thinking_budget=11, wait="Wait, wait a bit")
    assert (made.annotations["waits"], made.annotations["ended"], made.annotations["thinking_tokens"]) == (
        0,
        "model",
        7,
    )
    assert made.messages[0].content == "It is 6."


def test_each_forced_step_costs_one_request_that_computes_what_we_wrote(make_problem):
    engine = Toy()
    made = forced(engine, make_problem, waits=2, thinking_budget=15)
    assert made.annotations["requests"] == len(engine.asked) == 1 + 2 + 1
    closing = len(pieces("</think>\n\nFinal Answer:"))
    assert engine.computed[1:] == [1, 1, closing]


def test_a_delimiter_that_the_model_has_begun_is_not_left_half(make_problem):
    # The seventh token is a line break, the eighth the first sign of the delimiter.
    made = forced(Toy(), make_problem, thinking_budget=8)
    assert made.messages[0].reasoning == FIRST + "\n"
    assert made.messages[0].content == "Final Answer: 6."


def test_a_closing_of_several_tokens_that_belongs_to_the_answer(make_problem):
    options = {"format": "boxed", "closing": "four five", "final": ""}
    made = forced(Toy(), make_problem, **options)
    assert made.messages[0].reasoning == "one two three "
    assert made.messages[0].content.startswith("four five six")


@pytest.mark.parametrize("budget", [3, 50])
def test_a_server_that_takes_text_is_forced_too(budget, make_problem):
    made = forced(text_toy(), make_problem, thinking_budget=budget, waits=1)
    [message] = made.messages
    if budget == 3:
        assert (message.reasoning, message.content) == ("one two three", "Final Answer: 6.")
        assert made.annotations["thinking_tokens"] == 3
    else:
        assert message.reasoning.replace("\n", "") == FIRST + "Wait" + AGAIN


def test_a_cap_that_is_ignored_is_an_error(make_problem):
    with pytest.raises(RequestError, match="wrote 5 tokens where 3 were allowed") as error:
        forced(Toy(generous=2), make_problem, thinking_budget=3)
    assert error.value.reason == "budget_breach"


def test_an_engine_that_ignores_its_own_cap_is_found_out(make_problem):
    with pytest.raises(RequestError, match="toy ignored the thinking budget of 3: 7 tokens of thinking"):
        forced(Toy(), make_problem, thinking_budget=3, control="engine")


def test_a_server_that_ignores_its_own_cap_is_found_out_by_an_estimate(make_problem):
    assert forced(text_toy(), make_problem, thinking_budget=6, control="engine").annotations["requests"] == 1
    long = "on and " * 40
    with pytest.raises(RequestError, match="ignored the thinking budget of 6"):
        forced(Rambling(abilities=Abilities(), thought=long), make_problem, thinking_budget=6, control="engine")


def test_an_engine_that_may_begin_a_new_turn_is_refused(make_problem):
    with pytest.raises(EngineError, match="--continuation prefix"):
        forced(Toy(continues=False), make_problem, thinking_budget=3)


def test_max_tokens_bounds_thinking_and_answer_together(make_problem):
    made = forced(Toy(), make_problem, max_tokens=4)
    assert (made.annotations["ended"], made.finish_reason) == ("tokens", FinishReason.LENGTH)
    assert (made.messages[0].reasoning, made.messages[0].content) == ("one two three four", "")
    made = forced(Toy(), make_problem, max_tokens=4, thinking_budget=3)
    assert made.finish_reason is FinishReason.LENGTH
    assert made.usage.completion_tokens == 4


def test_a_cut_answer_is_gone_on_with(make_problem):
    engine = Toy()
    cut = forced(engine, make_problem, max_tokens=17)
    assert cut.finish_reason is FinishReason.LENGTH and cut.messages[0].content
    made = forced(engine, make_problem, prior=cut.messages)
    whole = forced(Toy(), make_problem)
    assert made.messages[0].reasoning == whole.messages[0].reasoning
    assert made.messages[0].content.replace("\n", "") == whole.messages[0].content.replace("\n", "")


@pytest.mark.parametrize("waits", [0, 2])
@pytest.mark.parametrize("cap", [3, 9, 12])
def test_a_cut_thinking_is_gone_on_with(cap, waits, make_problem):
    options = {"waits": waits, "thinking_budget": 19}
    cut = forced(Toy(), make_problem, max_tokens=cap, **options)
    assert (cut.finish_reason, cut.messages[0].content) == (FinishReason.LENGTH, "")
    made = forced(Toy(), make_problem, prior=cut.messages, **options)
    whole = forced(Toy(), make_problem, **options)
    assert made.messages == whole.messages
    assert {k: made.annotations[k] for k in ("waits", "thinking_tokens", "ended")} == {
        k: whole.annotations[k] for k in ("waits", "thinking_tokens", "ended")
    }


def test_a_prompted_baseline_says_the_length_and_forces_nothing(make_problem):
    engine = Toy()
    made = forced(engine, make_problem, thinking_budget=250, control="steps")
    assert made.prompt[0] == Message(
        role="system", content="Be brief.\nThink in at most 3 numbered steps before you answer."
    )
    assert made.annotations["requests"] == 1 and made.annotations["thinking_tokens"] == 7


def test_how_sure_the_model_was_is_kept_if_asked(make_problem):
    made = forced(Toy(), make_problem, confidence=True)
    assert made.annotations["confidence"] == {"mean": -1.0, "lowest": -1.0, "tail": -1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "tags"}, "budget.format must be one of auto, think"),
        ({"thinking_budget": 0}, "budget.thinking_budget must be at least 1, got 0"),
        ({"waits": -1}, "budget.waits must be at least 0"),
        ({"waits": 1, "wait": ""}, "budget.wait is empty"),
        ({"waits": 1, "control": "short"}, "budget.waits needs control: force"),
        ({"control": "engine"}, "needs a thinking_budget"),
        ({"closing": ""}, "budget.closing is empty"),
        ({"step_tokens": 0}, "budget.step_tokens must be at least 1"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(RecipeError, match=message):
        read_options(ForcingOptions, options, "", "budget")


@pytest.mark.parametrize(
    ("template", "options", "closing"),
    [
        (None, {}, "</think>"),
        ("{{ content.split('</think>') }}<think>", {}, "</think>"),
        ("...<|begin_of_thought|>...", {}, "<|end_of_thought|>"),
        ("Put your reasoning between <reasoning> and </reasoning>.", {}, "</reasoning>"),
        ("...<|begin_of_thought|>...", {"format": "think"}, "</think>"),
        (None, {"closing": "So the answer is"}, "So the answer is"),
    ],
)
def test_delimiters_come_from_the_template_or_the_recipe(template, options, closing):
    form = ForcingOptions(**options).thinking_format(template)
    assert form.closing == closing and closing in form.forced


def test_what_changes_a_sample_is_part_of_its_identity():
    def identity(**options):
        return BudgetForcing(options=ForcingOptions(**options)).identity()

    for change in ({"waits": 1}, {"thinking_budget": 3}, {"wait": "Hmm", "waits": 1}, {"control": "long"}):
        assert identity(**change) != identity()
    assert identity(confidence=True) == identity()


@given(st.lists(st.floats(-20, 0), min_size=1, max_size=40), st.integers(1, 50))
def test_the_weakest_group_is_no_surer_than_the_whole(logprobs, group):
    found = confidence(logprobs, group=group)
    assert min(logprobs) - 1e-5 <= found["lowest"] <= max(logprobs) + 1e-5
    if group == 1 or group >= len(logprobs):
        assert found["lowest"] <= found["mean"] + 1e-5
