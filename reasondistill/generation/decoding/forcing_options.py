r"""The knobs of budget forcing, the delimiters of thinking and the sentences of its prompted baselines: all data.

A thinking format says what opens the thinking, what closes it, and what is written where it is closed by force. It
belongs to the model; `auto` takes it from the chat template.
"""

from dataclasses import asdict, dataclass, replace

from ...errors import RecipeError
from ...records import Row

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingFormat:
    """How a model tells thinking and answer apart."""

    opening: str = "<think>\n"
    """Written by us at the start of the turn, unless the template has done so."""
    closing: str = "</think>"
    """What the model writes at the end of its thinking; several tokens are well."""
    forced: str = "\n</think>\n\n"
    """Written by us where the budget is used up; holds `closing`."""
    final: str = "Final Answer:"
    """Written after `forced`, so that the model answers at once (Muennighoff et al. 2025)."""
    in_answer: bool = False
    r"""Whether `closing` belongs to the answer, as `\boxed{` does."""

    @property
    def delimiters(self) -> tuple[str, str]:
        """What opens thinking and what closes it, for an engine with a cap of its own.

        It takes the same text for an end that the model writes and for one by force, so that no words of ours go with
        it.
        """
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
CONTROLS = ("force", "engine", "tokens", "steps", "short", "long")
SENTENCES = {
    "tokens": "Think for at most {tokens} tokens before you answer.",
    "steps": "Think in at most {steps} numbered steps before you answer.",
    "short": "Think only for a short while, without checking twice, then answer.",
    "long": "Think for a long while; where you are done early, use the time to check every step, then answer.",
}
"""The prompted baselines of budget forcing (Muennighoff et al. 2025, section 4.2), in words of our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcingOptions:
    """How long a model thinks."""

    thinking_budget: int | None = None
    """Tokens of thinking, ours among them, at which it is closed; None: only `max_tokens` bounds it."""
    waits: int = 0
    """How often at most the end of thinking is taken back and `wait` written instead (s1: 1 to 8). All rounds share
    the budget."""
    wait: str = "Wait"
    format: str = AUTO
    """auto or a name of FORMATS; the three fields below replace parts of it."""
    opening: str | None = None
    closing: str | None = None
    final: str | None = None
    control: str = "force"
    """force: by what is written here; engine: by the engine's own cap (no waits); tokens, steps, short, long: by a
    sentence in the prompt alone, the baselines."""
    step_tokens: int = 100
    """Tokens that one step of `control: steps` stands for (s1)."""
    confidence: bool = False
    """Store how sure the model was of its tokens, for weighted votes; needs an engine with log-probabilities."""

    def __post_init__(self) -> None:
        choices = {"format": (AUTO, *FORMATS), "control": CONTROLS}
        for key, accepted in choices.items():
            if getattr(self, key) not in accepted:
                raise RecipeError(f"forcing.{key} must be one of {', '.join(accepted)}, got {getattr(self, key)!r}")
        if self.thinking_budget is not None and self.thinking_budget < 1:
            raise RecipeError(f"forcing.thinking_budget must be at least 1, got {self.thinking_budget}")
        if self.waits < 0:
            raise RecipeError(f"forcing.waits must be at least 0, got {self.waits}")
        if self.step_tokens < 1:
            raise RecipeError(f"forcing.step_tokens must be at least 1, got {self.step_tokens}")
        if self.waits and not self.wait:
            raise RecipeError("forcing.wait is empty; it is what is written instead of the end of thinking")
        if self.waits and self.control != "force":
            raise RecipeError(f"forcing.waits needs control: force, got control: {self.control}")
        if self.control in ("engine", "tokens", "steps") and self.thinking_budget is None:
            raise RecipeError(f"forcing.control: {self.control} needs a thinking_budget")
        if self.closing == "":
            raise RecipeError("forcing.closing is empty; it is what ends the thinking")

    def identity(self) -> Row:
        """Return what changes a sample, the words that the model reads among it."""
        row = asdict(self)
        del row["confidence"]
        return {**row, "sentence": self.sentence, "formats": {k: asdict(v) for k, v in FORMATS.items()}}

    @property
    def sentence(self) -> str | None:
        """What the prompt says of the length; None where nothing is said.

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
        name = self.format
        if name == AUTO:
            tags = {name: form.opening.strip() for name, form in FORMATS.items() if form.opening}
            # Templates that strip earlier thinking name its tags too, whatever the others are.
            name = next((name for name, tag in tags.items() if tag in (chat_template or "")), "think")
        found = FORMATS[name]
        if self.closing is not None and self.closing != found.closing:
            found = replace(found, closing=self.closing, forced=f"\n{self.closing}\n")
        opening = found.opening if self.opening is None else self.opening
        return replace(found, opening=opening, final=found.final if self.final is None else self.final)
