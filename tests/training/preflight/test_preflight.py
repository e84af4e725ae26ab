"""What preflight lets through and what it stops, on a tokenizer made here."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from reasondistill.errors import DataError
from reasondistill.generation.transcripts import parse
from reasondistill.records import Message
from reasondistill.training.options import TrainOptions
from reasondistill.training.preflight.conversation import IGNORED
from reasondistill.training.preflight.preflight import PreflightReport, preflight
from reasondistill.training.preflight.token_file import open_tokens
from reasondistill.training.preflight.trained_text import is_rendering

USER = {"role": "user", "content": "What is 2+3?"}


def row(*completion: dict[str, Any], prompt: tuple[dict[str, Any], ...] = (USER,), **keys: Any) -> dict[str, Any]:
    return {"prompt": list(prompt), "completion": list(completion), **keys}


def says(content: str, **keys: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **keys}


def check(tokenizer: Any, *rows: dict[str, Any], **options: Any) -> PreflightReport:
    return checked(tokenizer, rows, **options)[0]


def checked(
    tokenizer: Any, rows: Sequence[dict[str, Any]], ends: Sequence[int] = (), **options: Any
) -> tuple[PreflightReport, list[dict[str, Any]]]:
    """Return the report and the rows to train on."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "tokens.arrow"
        report = preflight(tokenizer, rows, options=TrainOptions(**options), out=out, end_ids=ends)
        return report, open_tokens(out).to_list()


def test_the_answer_and_its_end_token_are_trained_on_and_nothing_else(toy_tokenizer: Any) -> None:
    report = check(toy_tokenizer, row(says("It is 5.")))
    assert report.sample == "It is 5.<|im_end|>"
    assert report.trained_tokens == len("It is 5.") + 1


def test_the_report_counts_rows_and_tokens(toy_tokenizer: Any) -> None:
    report, examples = checked(toy_tokenizer, [row(says("5")), row(says("It is 5."))])
    assert asdict(report) == {
        "rows": 2,
        "too_long": 0,
        "longest": len(examples[1]["input_ids"]),
        "trained_tokens": 2 + 9,
        "total_tokens": sum(len(e["input_ids"]) for e in examples),
        "template": "the model's own",
        "sample": "5<|im_end|>",
    }


def test_reasoning_that_the_template_knows_nothing_of_becomes_a_think_block(toy_tokenizer: Any) -> None:
    report = check(toy_tokenizer, row(says("5", reasoning="2 and 3.")))
    assert report.sample == "<think>\n2 and 3.\n</think>\n\n5<|im_end|>"


def test_tool_output_is_not_trained_on(toy_tokenizer: Any) -> None:
    report = check(
        toy_tokenizer, row(says("```python\nprint(5)\n```"), {"role": "tool", "content": "5"}, says("So 5."))
    )
    assert report.sample == "```python\nprint(5)\n```<|im_end|>So 5.<|im_end|>"


def test_the_nulls_of_a_table_are_no_messages(toy_tokenizer: Any) -> None:
    nulls = {"reasoning": None, "tool_calls": None, "name": None}
    report = check(toy_tokenizer, row(says("5", **nulls), tools=None))
    assert report.sample == "5<|im_end|>"


def test_a_prompt_that_opens_the_thinking_block_must_be_met_by_the_answer(toy_tokenizer: Any) -> None:
    toy_tokenizer.chat_template = toy_tokenizer.chat_template.replace("assistant\n'", "assistant\n<think>\n'")
    with pytest.raises(DataError, match="the model is asked with '<think>"):
        check(toy_tokenizer, row(says("5")))
    assert check(toy_tokenizer, row(says("5", reasoning="2, 3."))).sample == "2, 3.\n</think>\n\n5<|im_end|>"


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ([says("")], "no token would be trained on"),
        ([says("5<|im_end|> and more")], "an end token stands inside the answer"),
        ([says("", tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]), says("5")], "is not the message"),
    ],
    ids=["empty", "spelt end token", "calls left out"],
)
def test_a_completion_that_cannot_be_trained_on_is_named(
    toy_tokenizer: Any, completion: list[dict[str, Any]], reason: str
) -> None:
    with pytest.raises(DataError, match=rf"row 1: .*{reason}.* \(1 of 2 rows\)"):
        check(toy_tokenizer, row(says("fine")), row(*completion))


@pytest.mark.parametrize("completion", [[], [says("x"), {"role": "tool", "content": "5"}]], ids=["none", "tool last"])
def test_a_completion_ends_with_the_assistant(toy_tokenizer: Any, completion: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError, match="row 1: the completion does not end with an assistant message"):
        check(toy_tokenizer, row(says("fine")), row(*completion))


def test_a_row_without_a_prompt_is_named(toy_tokenizer: Any) -> None:
    with pytest.raises(DataError, match="row 0: the prompt has no message"):
        check(toy_tokenizer, row(says("5"), prompt=()))


def test_an_end_token_that_the_template_never_writes_stops(toy_tokenizer: Any) -> None:
    toy_tokenizer.eos_token = "<|endoftext|>"
    with pytest.raises(DataError, match=r"never with the end token '<\|endoftext\|>': the student would not learn to"):
        check(toy_tokenizer, row(says("5")))


def test_an_end_token_of_the_generation_config_counts(toy_tokenizer: Any) -> None:
    end = toy_tokenizer.eos_token_id
    toy_tokenizer.eos_token = "<|endoftext|>"
    assert checked(toy_tokenizer, [row(says("5"))], [end])[0].sample == "5<|im_end|>"


def test_a_template_that_drops_the_answer_stops(toy_tokenizer: Any) -> None:
    toy_tokenizer.chat_template = toy_tokenizer.chat_template.replace("message['content']", "message['content'][:3]")
    with pytest.raises(DataError, match="is not the message 'It is 5"):
        check(toy_tokenizer, row(says("It is 5.")))


def test_a_template_that_drops_the_tool_output_stops(toy_tokenizer: Any) -> None:
    toy_tokenizer.chat_template = toy_tokenizer.chat_template.replace(
        "messages %}", "messages if message.role != 'tool' %}"
    )
    with pytest.raises(DataError, match="leaves out the tool output '42'"):
        check(toy_tokenizer, row(says("run"), {"role": "tool", "content": "42"}, says("So.")))


def test_a_template_that_drops_earlier_thoughts_cannot_mask_tool_output(toy_tokenizer: Any) -> None:
    toy_tokenizer.chat_template = toy_tokenizer.chat_template.replace(
        "message['content'] +", "(message['content'] if loop.last else message['content'][-4:]) +"
    )
    with pytest.raises(DataError, match="row 0: the chat template renders a conversation differently once it goes on"):
        check(toy_tokenizer, row(says("let me run"), {"role": "tool", "content": "42"}, says("So.")))


def test_a_template_that_refuses_the_conversation_stops(toy_tokenizer: Any) -> None:
    toy_tokenizer.chat_template = "{{ raise_exception('no tools here') }}"
    with pytest.raises(DataError, match="row 0: the chat template refuses this conversation: no tools here"):
        check(toy_tokenizer, row(says("5")))


def test_long_rows_are_left_out_and_counted(toy_tokenizer: Any) -> None:
    rows = [row(says("5"))] * 9 + [row(says("5" * 200))]
    report, examples = checked(toy_tokenizer, rows, max_length=120, max_truncated_share=0.1)
    assert (report.rows, report.too_long, len(examples)) == (9, 1, 9)


@pytest.mark.parametrize("share", [0.05, 0.0])
def test_too_many_long_rows_stop(toy_tokenizer: Any, share: float) -> None:
    rows = [row(says("5"))] * 9 + [row(says("5" * 200))]
    with pytest.raises(DataError, match=r"1 of 10 rows are longer than train.max_length 120 \(longest: 2\d\d tokens\)"):
        check(toy_tokenizer, *rows, max_length=120, max_truncated_share=share)


def test_a_dataset_without_rows_stops(toy_tokenizer: Any) -> None:
    with pytest.raises(DataError, match="the dataset has no rows"):
        check(toy_tokenizer)


def test_a_row_of_another_form_is_named(toy_tokenizer: Any) -> None:
    with pytest.raises(DataError, match="row 1: not prompt and completion messages"):
        check(toy_tokenizer, row(says("5")), {"prompt": [USER], "completion": [{"role": "assistant"}], "tools": "{"})


def test_a_tokenizer_without_a_chat_template_stops(toy_tokenizer: Any) -> None:
    toy_tokenizer.chat_template = None
    with pytest.raises(DataError, match="has no chat template"):
        check(toy_tokenizer, row(says("5")))


@pytest.mark.parametrize(
    ("text", "message", "expected"),
    [
        ("5", Message(role="assistant", content="5"), True),
        (" 5 ", Message(role="assistant", content="5\n"), True),
        ("<think>\n\n</think>\n\n5", Message(role="assistant", content="5"), True),
        ("<|channel|>final<|message|>5", Message(role="assistant", content="5"), True),
        ("<think>a</think><", Message(role="assistant", content="<", reasoning="a"), True),
        ("thought</think>5", Message(role="assistant", content="5", reasoning="thought"), True),
        ("final 5", Message(role="assistant", content="5"), False),
        ("5 and more", Message(role="assistant", content="5"), False),
        ("</think>5", Message(role="assistant", content="5", reasoning="thought"), False),
        ("thought", Message(role="assistant", content="5", reasoning="thought"), False),
        ("cafe\u0301", Message(role="assistant", content="café"), True),
    ],
)
def test_a_text_renders_a_message_with_markup_only(text: str, message: Message, expected: bool) -> None:
    assert is_rendering(text, message) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Run.\n{"name": "run", "arguments": {"code": "print(\\"é\\")", "n": [1, 2]}}', True),
        ("Run.run(code='print(\"é\")', n=[1, 2])", True),
        ('Run.\n{"name": "run", "arguments": {}}', False),
        ("Run.", False),
    ],
)
def test_a_call_is_there_with_its_name_and_every_argument(text: str, expected: bool) -> None:
    call = {"function": {"name": "run", "arguments": '{"code": "print(\\"é\\")", "n": [1, 2]}'}}
    assert is_rendering(text, Message(role="assistant", content="Run.", tool_calls=(call,))) is expected


TIR = (
    "I compute.\n```python\nprint(2 + 3)\n```\n```output\n5\n```\n"
    "Again:\n```python\nprint(5)\n```\n```output\n5\n```\nSo 5."
)


def tir_row(text: str = TIR, **prompt: Any) -> dict[str, Any]:
    """Return a row as export writes it: calls as JSON text, every message with the same keys."""
    messages = [m.to_row() for m in parse(text)]
    flat = [{"tool_calls": None, **m} for m in messages]
    calls = [json.dumps(m["tool_calls"]) if m["tool_calls"] else None for m in flat]
    return row(*({**m, "tool_calls": c} for m, c in zip(flat, calls, strict=True)), **prompt)


@pytest.mark.parametrize("text", [TIR, TIR.replace("```\nSo", "```\n\nSo"), TIR.replace("python", "py")])
def test_outputs_inside_a_turn_are_not_trained_on(toy_tokenizer: Any, text: str) -> None:
    report, [example] = checked(toy_tokenizer, [tir_row(text)])
    outside = text.replace("```output\n5\n```\n", "")
    assert report.sample == outside + "<|im_end|>"
    assert text in toy_tokenizer.decode(example["input_ids"])


def test_a_template_that_cuts_a_turn_leaves_its_outputs_masked(toy_tokenizer: Any) -> None:
    toy_tokenizer.chat_template = toy_tokenizer.chat_template.replace(
        "message['content']", "message['content'].replace('5', 'five')"
    )
    with pytest.raises(DataError, match="not found among its tokens"):
        check(toy_tokenizer, tir_row())


def test_token_counts_stand_in_the_file(toy_tokenizer: Any) -> None:
    _, [example] = checked(toy_tokenizer, [row(says("It is 5."))])
    assert example["length"] == len(example["input_ids"]) == len(example["labels"])
    assert example["trained"] == len([label for label in example["labels"] if label != IGNORED]) == 9


def test_a_completed_file_is_not_written_again(toy_tokenizer: Any, tmp_path: Path) -> None:
    out = tmp_path / "tokens.arrow"
    first = preflight(toy_tokenizer, [row(says("5"))], options=TrainOptions(), out=out)
    assert preflight(toy_tokenizer, iter(()), options=TrainOptions(), out=out) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokens.arrow", "tokens.json"]


def test_a_refused_dataset_leaves_no_file(toy_tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 0: no token"):
        preflight(toy_tokenizer, [row(says(""))], options=TrainOptions(), out=tmp_path / "tokens.arrow")
    assert list(tmp_path.iterdir()) == []
