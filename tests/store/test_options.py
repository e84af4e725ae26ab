"""Option records: rows become frozen records and back, and a mistake is one line with file, key and way out."""

import json
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen

from reasondistill.errors import RecipeError
from reasondistill.store.options import Check, Choice, check_keys, dump_options, load_member, read_choice, read_options


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    samples: Annotated[int, Ge(1)] = 1
    top_p: Annotated[float, Ge(0), Le(1)] | None = None
    seconds: Annotated[float, Gt(0)] = 2.0
    warmup: Annotated[float, Ge(0), Lt(1)] = 0.05
    rate: Annotated[float, Gt(0), Lt(1)] = 0.5
    steps: Literal[-1] | Annotated[int, Ge(1)] = -1
    keep: Literal["correct", "all", "wrong"] = "correct"
    formats: tuple[Literal["dpo", "kto", "grpo"], ...] = ()
    waits: tuple[Annotated[int, Ge(0)], ...] = (0, 1)
    address: str | tuple[str, ...] | None = None
    strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: Annotated[str, MinLen(1)] = "run"
    generate: Inner = field(default_factory=Inner)
    held_out: dict[str, Inner] = field(default_factory=dict)
    strategy: Choice = Choice(name="cot")
    custom: tuple[Choice, ...] = ()
    out: Path | None = None
    more: Inner | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A record with a rule about two of its fields."""

    low: int = 0
    high: int = 1

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise RecipeError(f"pair.low must be at most pair.high, got {self.low} and {self.high}")


def _even(number: int) -> None:
    if number % 2:
        raise ValueError(f"must be even, got {number}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    size: Annotated[int, Check(_even)] = 2


class Member:
    Options = Inner


def _refusal(call, *given, **named):
    with pytest.raises(RecipeError) as caught:
        call(*given, **named)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_row_becomes_a_frozen_record_with_defaults():
    record = read_options(Outer, {"generate": {"samples": 4}, "held_out": {"seen": {"top_p": 0.5}}})
    assert record == Outer(generate=Inner(samples=4), held_out={"seen": Inner(top_p=0.5)})
    with pytest.raises(FrozenInstanceError):
        record.name = "other"


@pytest.mark.parametrize(
    "record",
    [
        Outer(),
        Outer(out=Path("a/b"), more=Inner(address=("u", "v"), waits=(), formats=("dpo",))),
        Outer(strategy=Choice(name="tir", options={"executions": 4}), custom=(Choice(name="a"), Choice(name="m:B"))),
        Outer(held_out={"seen": Inner(keep="all"), "unseen": Inner(strict=False)}),
    ],
    ids=lambda _: "record",
)
def test_a_record_survives_json(record):
    assert read_options(Outer, json.loads(json.dumps(dump_options(record)))) == record


def test_values_are_converted_where_nothing_is_lost():
    # YAML reads 1e-5 as text, and a name such as 2024 as a number.
    record = read_options(Outer, {"name": 2024, "generate": {"seconds": "1e-5", "samples": 2.0, "strict": "no"}})
    assert (record.name, record.generate) == ("2024", Inner(seconds=1e-5, samples=2, strict=False))


@pytest.mark.parametrize(
    ("row", "choice"),
    [
        ("tir", Choice(name="tir")),
        ({"name": "tir"}, Choice(name="tir")),
        ({"name": "tir", "executions": 4}, Choice(name="tir", options={"executions": 4})),
        ("package.module:Name", Choice(name="package.module:Name")),
    ],
)
def test_a_choice_is_a_name_or_a_mapping(row, choice):
    assert read_options(Outer, {"strategy": row}).strategy == choice


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"generate": {"samples": -3}}, "generate.samples must be at least 1, got -3"),
        ({"generate": {"samples": None}}, "generate.samples must be a whole number, got null"),
        ({"generate": {"samples": "two"}}, "generate.samples must be a whole number, got 'two'"),
        ({"generate": {"samples": 1.5}}, "generate.samples must be a whole number, got 1.5"),
        ({"generate": {"top_p": 2}}, "generate.top_p must be between 0 and 1, got 2"),
        ({"generate": {"top_p": float("nan")}}, "generate.top_p must be a finite number, got nan"),
        ({"generate": {"seconds": float("inf")}}, "generate.seconds must be a finite number, got inf"),
        ({"generate": {"top_p": "x"}}, "generate.top_p must be a number, got 'x'"),
        ({"generate": {"seconds": 0}}, "generate.seconds must be above 0, got 0"),
        ({"generate": {"warmup": 1}}, "generate.warmup must be at least 0 and below 1, got 1"),
        ({"generate": {"rate": 1.0}}, "generate.rate must be between 0 and 1, got 1.0"),
        ({"generate": {"steps": 0}}, "generate.steps must be -1 or at least 1, got 0"),
        (
            {"generate": {"keep": "corect"}},
            "generate.keep must be one of correct, all, wrong, got 'corect' (did you mean correct?)",
        ),
        (
            {"generate": {"formats": ["dpo", "kt"]}},
            "generate.formats must be one of dpo, kto, grpo, got 'kt' (did you mean kto?)",
        ),
        ({"generate": {"formats": "dpo"}}, "generate.formats must be a list, got 'dpo'"),
        ({"generate": {"waits": [0, -1]}}, "generate.waits must be at least 0, got -1"),
        ({"generate": {"strict": "maybe"}}, "generate.strict must be true or false, got 'maybe'"),
        ({"generate": {"address": {}}}, "generate.address must be text or a list, got {}"),
        ({"more": {"samples": 0}}, "more.samples must be at least 1, got 0"),
        ({"held_out": {"seen": {"samples": 0}}}, "held_out.seen.samples must be at least 1, got 0"),
        ({"name": ""}, "name is empty; give it a value"),
        ({"name": ["x"]}, "name must be text, got ['x']"),
        ({"out": 3}, "out must be a path, got 3"),
        ({"strategy": 5}, "strategy must be a name or a mapping with a name, got 5"),
        ({"strategy": {"nam": "tir"}}, "strategy must be a name or a mapping with a name, got {'nam': 'tir'}"),
        ({"generate": 4}, "generate must be a mapping of keys to values, got 4"),
        ({"held_out": [1]}, "held_out must be a mapping of keys to values, got [1]"),
        ({"held_out": {"seen": 4}}, "held_out.seen must be a mapping of keys to values, got 4"),
        ("hello", "the file must be a mapping of keys to values, got 'hello'"),
        ({"generte": {}}, "unknown key generte (did you mean generate?)"),
        ({"generate": {"smples": 1}}, "unknown key generate.smples (did you mean generate.samples?)"),
        ({"held_out": {"a": {"sample": 1}}}, "unknown key held_out.a.sample (did you mean held_out.a.samples?)"),
        ({"more": {"sample": 1}}, "unknown key more.sample (did you mean more.samples?)"),
        ({"xyz": 1}, "unknown key xyz (known here: name, generate, held_out, strategy, custom, out, more)"),
        ({3: 1}, "unknown key 3 (known here: name, generate, held_out, strategy, custom, out, more)"),
        # A misspelt key explains more than the value that went wrong beside it.
        ({"generate": {"samples": 0, "kep": "all"}}, "unknown key generate.kep (did you mean generate.keep?)"),
    ],
)
def test_a_mistake_is_one_line(row, line):
    assert _refusal(read_options, Outer, row) == f"recipe.yaml: {line}"


def test_the_line_names_the_file_and_the_key_of_the_row():
    line = _refusal(read_options, Inner, {"samples": 0}, "a.yaml", "x.y")
    assert line == "a.yaml: x.y.samples must be at least 1, got 0"
    assert "unknown key x.y.kep (did you mean x.y.keep?)" in _refusal(read_options, Inner, {"kep": 0}, "a.yaml", "x.y")
    assert _refusal(read_options, Inner, {"samples": 0}, "") == "samples must be at least 1, got 0"


def test_a_records_own_rule_keeps_its_words():
    assert _refusal(read_options, Pair, {"low": 2}) == "recipe.yaml: pair.low must be at most pair.high, got 2 and 1"


def test_a_rule_in_an_annotation_sees_the_converted_value():
    assert read_options(Ruled, {"size": "4"}) == Ruled(size=4)
    assert _refusal(read_options, Ruled, {"size": "3"}) == "recipe.yaml: size must be even, got 3"


def test_keys_alone_are_checked_without_the_values():
    check_keys(Outer, {"generate": {"samples": 0}, "name": None}, "samples=0")
    line = _refusal(check_keys, Outer, {"generate": {"smples": 0}}, "generate.smples=0")
    assert line == "generate.smples=0: unknown key generate.smples (did you mean generate.samples?)"


def test_no_secret_stands_in_a_line():
    line = _refusal(read_options, Outer, {"generate": {"keep": "https://me:hunter2@host/v1?key=hunter3"}})
    assert "hunter" not in line


def test_a_member_is_loaded_by_name_or_by_path():
    members = {"small": f"{__name__}:Member"}
    assert load_member("json:dumps", members, "strategy") is json.dumps
    assert load_member("path", {"path": "pathlib:Path"}, "strategy") is Path


@pytest.mark.parametrize(
    ("reference", "line"),
    [
        ("tri", "strategy must be one of cot, tir or your own package.module:Name, got 'tri' (did you mean tir?)"),
        ("json:", "strategy must be one of cot, tir or your own package.module:Name, got 'json:'"),
        ("json:nothing", "strategy 'json:nothing': module json has no nothing"),
        ("no_such_module:Name", "strategy 'no_such_module:Name': cannot import no_such_module (ModuleNotFoundError:"),
    ],
)
def test_a_member_that_cannot_be_loaded_is_named(reference, line):
    members = {"cot": "json:loads", "tir": "json:dumps"}
    assert _refusal(load_member, reference, members, "strategy").startswith(line)


def test_a_module_that_fails_while_it_is_imported_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "broken_member.py").write_text("raise RuntimeError('first\\nsecond')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "(RuntimeError: first second)" in _refusal(load_member, "broken_member:X", {}, "strategy")


def test_a_choice_becomes_its_members_options(tmp_path, monkeypatch):
    (tmp_path / "own_member.py").write_text(
        "from dataclasses import dataclass\nfrom typing import Annotated\nfrom annotated_types import Ge\n"
        "@dataclass(frozen=True, slots=True, kw_only=True)\nclass Options:\n    depth: Annotated[int, Ge(1)] = 8\n"
        "class Own:\n    Options = Options\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    member, options = read_choice(Choice(name="own_member:Own", options={"depth": 4}), {}, "generate.strategy")
    assert (member.__name__, options.depth) == ("Own", 4)
    wrong = Choice(name="own", options={"depth": 0})
    line = _refusal(read_choice, wrong, {"own": "own_member:Own"}, "generate.strategy", "a.yaml")
    assert line == "a.yaml: generate.strategy.depth must be at least 1, got 0"


def test_a_member_without_options_is_refused():
    line = _refusal(read_choice, Choice(name="os:path"), {}, "generate.strategy")
    assert line.startswith("recipe.yaml: generate.strategy 'os:path': has no dataclass `Options`")
