"""Split a rollout's text into thinking and answer, so that a student learns to keep the two apart."""

from dataclasses import replace

from ..records import Message, Rollout


def thinking_before_box(rollout: Rollout) -> Rollout:
    r"""Return the rollout with the text before the line of its last box as reasoning.

    A turn stays as written when it has reasoning already, no box, or no text before the box's line.

    >>> split_at_box(Message(role="assistant", content="2 + 2 = 4.\n\\boxed{4}"))
    Message(role='assistant', content='\\boxed{4}', reasoning='2 + 2 = 4.', tool_calls=())
    """
    *before, last = rollout.messages
    return replace(rollout, messages=(*before, split_at_box(last)))


def split_at_box(message: Message) -> Message:
    """Split one turn into reasoning and answer; see thinking_before_box."""
    text = message.content
    line = text.rfind("\n", 0, max(0, text.rfind("\\boxed"))) + 1
    if message.role != "assistant" or message.reasoning is not None or "\\boxed" not in text or not text[:line].strip():
        return message
    return replace(message, reasoning=text[:line].strip(), content=text[line:])
