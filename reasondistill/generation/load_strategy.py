"""From a recipe's choices to a strategy that can be asked."""

import re
from dataclasses import dataclass
from typing import Any

from ..errors import RecipeError
from ..store.options import Choice, load_member, read_choice
from .decoding import DECODINGS, Decoding
from .effort import Effort
from .prompts import FEW_SHOT, PromptTemplate
from .strategies import STRATEGIES, Strategy

_FIELD = re.compile(r"\{([a-z_]{2,})\}")
_LATEX = re.compile(r"[\w\\^$}]")
"""Character before a brace that opens an argument of LaTeX."""


def strategy_class(name: str) -> type[Strategy]:
    """Return the class of a strategy by its short name or `package.module:Name`.

    >>> strategy_class("cot").TEMPLATE
    'math-zero-shot'
    """
    member: type[Strategy] = load_member(name, STRATEGIES, "strategy")
    return member


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyChoice:
    """How a model is asked: the strategy, the decoding rule and the effort of thinking."""

    strategy: Choice = Choice(name="cot")
    decoding: Choice = Choice(name="plain")
    thinking: Effort = "default"

    @property
    def member(self) -> type[Strategy]:
        return strategy_class(self.strategy.name)

    @property
    def template(self) -> str:
        """Prompt template where none is named."""
        return self.member.TEMPLATE

    @property
    def teacher_template(self) -> str:
        """A teacher's prompt template where none is named: examples show it the form, unless its thinking is forced."""
        is_plain = self.decoding == Choice(name="plain")
        return FEW_SHOT.get(self.template, self.template) if is_plain else self.template

    def options(self) -> Any:
        """Return the strategy's options. RecipeError for a mistaken name or option."""
        return read_choice(self.strategy, STRATEGIES, "strategy", where="")[1]

    def decoding_rule(self) -> Decoding:
        """Return the decoding rule. RecipeError for a mistaken name or option."""
        rule, options = read_choice(self.decoding, DECODINGS, "decoding", where="")
        made: Decoding = rule(name=self.decoding.name, options=options)
        return made

    def make(self, template: PromptTemplate) -> Strategy:
        """Return the strategy that asks with a template. RecipeError for a mistaken name, option or template field."""
        options, name, decoding = self.options(), self.strategy.name, self.decoding_rule()
        check_fields(template, name, self.member)
        return self.member(name=name, template=template, options=options, thinking=self.thinking, decoding=decoding)


def check_fields(template: PromptTemplate, name: str, member: type[Strategy]) -> None:
    """Raise RecipeError for a field that the strategy does not fill, so that no `{field}` reaches the model as text."""
    by_field: dict[str, list[str]] = {}
    for built_in in STRATEGIES:
        for each in strategy_class(built_in).FIELDS:
            by_field.setdefault(each, []).append(built_in)
    for part, text in (("system", template.system or ""), ("user", template.user)):
        for match in _FIELD.finditer(text):
            field, before = match[1], text[: match.start()][-1:]
            is_text = field not in by_field and _LATEX.match(before)
            if field in member.FIELDS or (part, field) == ("user", "question") or is_text:
                continue
            filling = " or ".join(by_field.get(field, []))
            rest = f"strategy {filling} does" if filling else f"no strategy does; write {{ {field} }} if it is text"
            raise RecipeError(f"prompt template {template.name}: strategy {name} does not fill {{{field}}}; {rest}")
