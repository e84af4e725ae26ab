"""The effort of thinking asked of a model: default (nothing is asked), off, low, medium, high. The table is data.

A template with a switch gets its arguments; a sentence in the system message serves where there is no such switch.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ..engines.base import Engine, Extras
from ..records import Message, Row

Effort = Literal["default", "off", "low", "medium", "high"]
EFFORTS: tuple[str, ...] = get_args(Effort)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One way of templates to choose the effort."""

    variable: str
    """Variable whose presence in a template's text shows that it has the switch."""
    models: str
    """Regular expression of the names of models with the switch, for servers that do not show their template."""
    arguments: Mapping[str, Row]
    spoken: frozenset[str] = frozenset()
    """Efforts that the switch cannot distinguish from others, so that the sentence is added."""


_ON_AND_OFF = frozenset({"low", "high"})
SWITCHES = (
    # Before `enable_thinking`: a template with both uses this one for the effort.
    Switch(
        variable="reasoning_effort",
        models=r"gpt-?oss|^o[134]\b|gpt-5|grok-3-mini|grok-4",
        # Thinking cannot be turned off here: the lowest effort and the sentence come closest.
        arguments={"off": {"reasoning_effort": "low"}} | {e: {"reasoning_effort": e} for e in EFFORTS[2:]},
        spoken=frozenset({"off"}),
    ),
    Switch(
        variable="enable_thinking",
        models=r"qwen-?3(?!.*(coder|instruct|thinking))|smollm-?3|glm-?4\.5",
        arguments={e: {"enable_thinking": e != "off"} for e in EFFORTS[1:]},
        spoken=_ON_AND_OFF,
    ),
    Switch(
        variable="thinking",
        models=r"deepseek-v3\.[12]|granite-3\.[23]",
        arguments={e: {"thinking": e != "off"} for e in EFFORTS[1:]},
        spoken=_ON_AND_OFF,
    ),
)

SENTENCES = {
    "off": "Answer directly, without thinking aloud first.",
    "low": "Think only briefly before you answer.",
    "medium": "Think step by step before you answer.",
    "high": "Think long and carefully before you answer: consider several ways and check your result.",
}


def with_effort(
    messages: Sequence[Message], effort: str, engine: Engine, tools: tuple[Row, ...] = ()
) -> tuple[tuple[Message, ...], Extras]:
    """Return the messages and template arguments that ask the engine's model for this effort."""
    if effort == "default":
        return tuple(messages), Extras(tools=tools)
    switch = switch_of(engine.chat_template, engine.model)
    extras = Extras(tools=tools, arguments=dict(switch.arguments[effort]) if switch else {})
    if switch is None or effort in switch.spoken:
        return spoken(messages, SENTENCES[effort]), extras
    return tuple(messages), extras


def switch_of(chat_template: str | None, model: str) -> Switch | None:
    """Return the switch of a template, or of a model's name if the template is unknown.

    >>> switch_of("{% if enable_thinking %}", "any").variable
    'enable_thinking'
    >>> switch_of(None, "openai/gpt-oss-20b").variable
    'reasoning_effort'
    >>> switch_of(None, "Qwen/Qwen2.5-Coder-0.5B-Instruct") is None
    True
    """
    for switch in SWITCHES:
        if chat_template is None:
            match = re.search(switch.models, model.rpartition("/")[2], re.IGNORECASE)
        else:
            match = re.search(rf"{{[%{{][^%}}]*(?<![.'\"\w]){switch.variable}(?!['\"\w])", chat_template)
        if match:
            return switch
    return None


def spoken(messages: Sequence[Message], sentence: str) -> tuple[Message, ...]:
    """Return the messages with a sentence at the end of the system message, or in one of its own."""
    if messages and messages[0].role == "system":
        return (replace(messages[0], content=f"{messages[0].content}\n{sentence}"), *messages[1:])
    return (Message(role="system", content=sentence), *messages)
