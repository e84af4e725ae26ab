"""Options of the command line that come from option records."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, MinLen

from reasondistill.cli.option_arguments import add_options, field_docs, read_record, typed_options
from reasondistill.errors import RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    share: Annotated[float, Gt(0), Le(1)] = 0.5
    """Share of 100 % that
    is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Base):
    model: str
    """Name of the model."""
    count: Annotated[int, Ge(1)] | None = None
    """HTTP requests."""
    kind: Literal["fast", "slow"] = "fast"
    words: tuple[Annotated[str, MinLen(1)], ...] = ()
    strict: bool = False
    keep: bool = True
    place: Path | None = None


def parse(*words: str) -> Namespace:
    parser = ArgumentParser()
    add_options(parser, Options, required=("model",))
    return parser.parse_args(["--model", "m", *words])


def test_only_typed_options_reach_the_namespace() -> None:
    assert vars(parse()) == {"Options.model": "m"}
    assert typed_options(parse("--count", "3"), Options) == {"model": "m", "count": 3}
    assert read_record(parse(), Options) == Options(model="m")


def test_every_kind_of_value_is_read() -> None:
    numbers, words = ("--share", "1", "--count", "3"), ("--kind", "slow", "--words", "a", "--words", "b")
    expected = Options(
        model="m", share=1.0, count=3, kind="slow", words=("a", "b"), strict=True, keep=False, place=Path("p")
    )
    assert read_record(parse(*numbers, *words, "--strict", "--no-keep", "--place", "p"), Options) == expected


def test_a_name_of_digits_stays_text() -> None:
    assert read_record(parse("--model", "007"), Options).model == "007"


def test_values_of_the_caller_win() -> None:
    assert read_record(parse("--count", "3"), Options, count=4).count == 4


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--count", "0"), "argument --count: must be at least 1, got 0"),
        (("--count", "x"), "argument --count: must be a whole number, got 'x'"),
        (("--share", "2"), "argument --share: must be above 0 and at most 1, got 2"),
        (("--kind", "slwo"), "argument --kind: invalid choice: 'slwo'"),
    ],
)
def test_a_value_out_of_range_is_refused(words: tuple[str, str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(*words)
    assert line in capsys.readouterr().err


def test_a_repeated_option_is_checked_as_a_whole() -> None:
    with pytest.raises(RecipeError, match="--words is empty"):
        read_record(parse("--words", "a", "--words", ""), Options)


def test_help_shows_the_docs_and_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert "--share SHARE Share of 100 % that is read (default: 0.5)" in shown
    assert "--count COUNT HTTP requests --kind {fast,slow} (default: fast)" in shown


def test_docs_of_a_base_record_are_read_too() -> None:
    docs = {"share": "Share of 100 % that is read.", "model": "Name of the model.", "count": "HTTP requests."}
    assert field_docs(Options) == docs


def test_some_fields_can_be_left_out() -> None:
    parser = ArgumentParser()
    add_options(parser, Options, only=("model", "count"), skip=("count",))
    with pytest.raises(SystemExit):
        parser.parse_args(["--count", "1"])
    assert typed_options(parser.parse_args(["--model", "x"]), Options) == {"model": "x"}


def test_records_with_a_field_of_one_name_do_not_mix() -> None:
    parser = ArgumentParser()
    add_options(parser, Options, only=("model",))
    parser.add_argument("--count")
    assert read_record(parser.parse_args(["--model", "x", "--count", "two"]), Options).count is None
