r"""The options of budget forcing, the delimiters of thinking and the sentences of the prompted baselines: all data."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, MinLen

from ...errors import RecipeError

AUTO = "auto"
Format = Literal["auto", "think", "thought", "reasoning", "boxed"]
Control = Literal["force", "engine", "tokens", "steps", "short", "long"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingFormat:
    """How a model separates thinking from the answer."""

    opening: str = "<think>\n"
    """Text that we write at the start of the turn, unless the template has written it."""
    closing: str = "</think>"
    """Text that the model writes at the end of its thinking; may be several tokens."""
    forced: str = "\n</think>\n\n"
    """Text that we write when the budget is used up; contains `closing`."""
    final: str = "Final Answer:"
    """Text that we write after `forced`, so that the model answers at once (Muennighoff et al. 2025)."""
    in_answer: bool = False
    r"""Whether `closing` belongs to the answer, as `\boxed{` does."""

    @property
    def delimiters(self) -> tuple[str, str]:
        """Opening and closing for an engine that caps thinking by itself; its forced end holds no words of ours."""
        return self.opening, self.closing


FORMATS = {
    "think": ThinkingFormat(),
    "thought": ThinkingFormat(
        opening="<|begin_of_thought|>\n\n",
        closing="<|end_of_thought|>",
        forced="\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n",
    ),
    "reasoning": ThinkingFormat(
        opening="<reasoning>\n", closing="</reasoning>", forced="\n</reasoning>\n<answer>\n", final=""
    ),
    # No tags at all: the calculation is the thinking and the box is the answer.
    "boxed": ThinkingFormat(opening="", closing="\\boxed{", forced="\n\\boxed{", final="", in_answer=True),
}
SENTENCES = {
    "tokens": "Think for at most {tokens} tokens before you answer.",
    "steps": "Think in at most {steps} numbered steps before you answer.",
    "short": "Think only for a short while, without checking twice, then answer.",
    "long": "Think for a long while; where you are done early, use the time to check every step, then answer.",
}
"""Prompted baselines of budget forcing (Muennighoff et al. 2025, section 4.2), in our own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcingOptions:
    """How long a model thinks."""

    NOT_IN_ID: ClassVar[tuple[str, ...]] = ("confidence",)
    """Options that decide no sample."""

    thinking_budget: Annotated[int, Ge(1)] | None = None
    """Tokens of thinking, ours included, at which it is closed. None: only `max_tokens` bounds it."""
    waits: Annotated[int, Ge(0)] = 0
    """Maximum number of ends of thinking that are replaced by `wait` (s1: 1 to 8). All rounds share the budget."""
    wait: str = "Wait"
    """Text that replaces an end of thinking."""
    format: Format = "auto"
    """Thinking format: auto or a name of FORMATS; the three fields below replace parts of it."""
    opening: str | None = None
    closing: Annotated[str, MinLen(1)] | None = None
    final: str | None = None
    control: Control = "force"
    """Who controls the length. force: the texts that we write; engine: the engine's own cap (no waits); tokens, steps,
    short, long: only a sentence in the prompt, the baselines."""
    step_tokens: Annotated[int, Ge(1)] = 100
    """Tokens per step of `control: steps` (s1)."""
    confidence: bool = False
    """Whether to store the model's confidence in its tokens, for weighted votes; needs log-probabilities."""

    def __post_init__(self) -> None:
        if self.waits and not self.wait:
            raise RecipeError("budget.wait is empty; it is the text that replaces an end of thinking")
        if self.waits and self.control != "force":
            raise RecipeError(f"budget.waits needs control: force, got control: {self.control}")
        if self.control in ("engine", "tokens", "steps") and self.thinking_budget is None:
            raise RecipeError(f"budget.control: {self.control} needs a thinking_budget")

    @property
    def sentence(self) -> str | None:
        """The prompt's sentence about the length, if there is one.

        >>> ForcingOptions(control="steps", thinking_budget=250).sentence
        'Think in at most 3 numbered steps before you answer.'
        """
        if self.control not in SENTENCES:
            return None
        budget = self.thinking_budget or 0
        return SENTENCES[self.control].format(tokens=budget, steps=-(-budget // self.step_tokens))

    def thinking_format(self, chat_template: str | None) -> ThinkingFormat:
        """Return the delimiters of a model by its chat template.

        >>> ForcingOptions().thinking_format("...<|begin_of_thought|>...").closing
        '<|end_of_thought|>'
        """
        name: str = self.format
        if name == AUTO:
            tags = {name: form.opening.strip() for name, form in FORMATS.items() if form.opening}
            # Templates that strip earlier thinking name its tags too, whatever the others are.
            name = next((name for name, tag in tags.items() if tag in (chat_template or "")), "think")
        found = FORMATS[name]
        if self.closing is not None and self.closing != found.closing:
            found = replace(found, closing=self.closing, forced=f"\n{self.closing}\n")
        opening = found.opening if self.opening is None else self.opening
        return replace(found, opening=opening, final=found.final if self.final is None else self.final)
