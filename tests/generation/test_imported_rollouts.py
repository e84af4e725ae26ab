"""Rollouts from files: thinking in any markup, and code with its outputs, are split from the answer."""

import json

import pytest

from reasondistill.generation.imported_rollouts import ImportedRollouts, in_roles

ROW = {"problem_id": "p", "question": "What is 6*7?", "answer": "42"}
CODE = "```python\nprint(6*7)\n```\n```output\n42\n```\n"
TAGS = [
    ("<think>\n", "\n</think>\n\n"),
    ("", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
]


@pytest.fixture
def read(tmp_path):
    """Return a reader of rows as rollouts."""

    def run(*rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps({**ROW, **row}) + "\n" for row in rows))
        source = ImportedRollouts(paths=[path])
        source.problems()
        return [in_roles(rollout).completion for file in source._files for rollout in file]

    return run


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_thinking_in_tags_becomes_reasoning(read, opening, closing):
    [[turn]] = read({"completion": f"{opening}six sevens{closing}It is 42."})
    assert (turn.reasoning, turn.content) == ("six sevens", "It is 42.")


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_code_inside_thinking_becomes_a_call(read, opening, closing):
    [turns] = read({"completion": f"{opening}I run\n{CODE}so 42{closing}It is 42."})
    assert [turn.role for turn in turns] == ["assistant", "tool", "assistant"]
    assert (turns[0].reasoning.strip(), turns[1].content, turns[2].content.strip()) == ("I run", "42", "It is 42.")


@pytest.mark.parametrize(
    "message",
    [
        {"content": "It is 42.", "thinking": "six sevens"},
        {"content": "It is 42.", "reasoning": None, "reasoning_content": "six sevens"},
        {
            "content": "It is 42.",
            "reasoning": "",
            "reasoning_details": [{"type": "reasoning.text", "text": "six sevens"}],
        },
        {"content": [{"type": "thinking", "thinking": "six sevens"}, {"type": "text", "text": "It is 42."}]},
    ],
)
def test_thinking_of_a_message_is_read_in_any_shape(read, message):
    turns = [{"role": "user", "content": ROW["question"]}, {"role": "assistant", **message}]
    [[turn]] = read({"messages": turns})
    assert (turn.reasoning, turn.content) == ("six sevens", "It is 42.")


def test_every_turn_of_a_tool_transcript_is_taken_apart(read):
    said = [
        ("user", "?"),
        ("assistant", "[THINK]I run[/THINK]print(42)"),
        ("tool", "42"),
        ("assistant", "a</think>42"),
    ]
    [turns] = read({"messages": [{"role": role, "content": content} for role, content in said]})
    assert [(turn.reasoning, turn.content) for turn in turns] == [("I run", "print(42)"), (None, "42"), ("a", "42")]
