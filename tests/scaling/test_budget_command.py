"""`--decode budget` of `evaluate` and `generate`, as a user runs them against a server."""

import json

import pytest

from reasondistill.cli.main import main
from reasondistill.store import Table


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "problems.jsonl"
    rows = [{"id": f"p{i}", "question": f"What is {i} plus 1?", "answer": str(i + 1)} for i in range(10, 14)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def command(name, problems, server, out, *more):
    given = {"evaluate": "--benchmark", "generate": "--problems"}[name]
    engine = ["--engine", "openai", "--base-url", server.url, "--continuation", "prefix", "--model", "thinker"]
    return [name, given, str(problems), *engine, "--max-tokens", "64", "--out", str(out), "--json", *more]


@pytest.mark.parametrize(
    ("options", "accuracy", "thinking", "waits"),
    [
        (["--thinking-budget", "3"], 0.0, 3, 0),
        (["--thinking-budget", "4"], 1.0, 4, 0),
        (["--waits", "1"], 1.0, None, 1),
        (["--waits", "2", "--thinking-budget", "40"], 0.0, None, 2),
        (["--waits", "2", "--forcing", "wait=Hmm"], 1.0, None, 2),
    ],
)
def test_evaluate_forces_budget_and_waits(options, accuracy, thinking, waits, problems, thinker, tmp_path, capsys):
    if "wait=Hmm" in options:
        thinker.say = lambda question, text: thinker_without_wait(question, text)
    assert main(command("evaluate", problems, thinker, tmp_path / "out", "--decode", "budget", *options)) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["pass@1"]["value"] == accuracy
    rows = list(Table(tmp_path / "out" / "rollouts", key="id"))
    assert {row["annotations"]["waits"] for row in rows} == {waits}
    assert thinking is None or {row["annotations"]["thinking_tokens"] for row in rows} == {thinking}
    assert all(
        row["messages"][-1]["reasoning"].count("Wait") == (0 if "wait=Hmm" in options else waits) for row in rows
    )
    assert {row["sampling"]["temperature"] for row in rows} == {0.0}


def thinker_without_wait(question, text):
    if "</think>" in text:
        return f"\n\n\\boxed{{{int(question.split()[2]) + 1}}}"
    return (" think" if "Hmm" in text else "think") + "</think>"


def test_the_same_command_asks_nothing_again(problems, thinker, tmp_path, capsys):
    given = command("generate", problems, thinker, tmp_path / "out", "--decode", "budget", "--thinking-budget", "3")
    assert main(given) == 0
    asked = len(thinker.requests)
    assert main(given) == 0
    assert len(thinker.requests) == asked == 8


def test_a_server_is_asked_to_cap_by_itself(problems, thinker, tmp_path):
    given = command("generate", problems, thinker, tmp_path / "out", "--decode", "budget", "--thinking-budget", "9")
    assert main([*given, "--forcing", "control=engine"]) == 0
    assert [body["thinking_token_budget"] for body in thinker.requests] == [9] * 4
    assert main([*given, "--out", str(tmp_path / "counted here")]) == 0
    assert all("thinking_token_budget" not in body for body in thinker.requests[4:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--thinking-budget", "4"], "belong to --decode budget, got --decode greedy"),
        (["--decode", "budget", "--thinking-budget", "64"], "leaves no token of --max-tokens 64 for the answer"),
        (["--decode", "budget", "--forcing", "formt=think"], "unknown option formt (did you mean format?)"),
        (["--decode", "budget", "--continuation", "auto"], "say --continuation prefix if the server does"),
    ],
)
def test_what_cannot_work_is_one_line(options, message, problems, thinker, tmp_path, capsys):
    assert main(command("evaluate", problems, thinker, tmp_path / "out", *options)) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ")


def test_an_empty_thinking_budget_is_refused(problems, thinker, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(command("evaluate", problems, thinker, tmp_path / "out", "--decode", "budget", "--thinking-budget", "0"))
    assert stop.value.code == 2
    assert "argument --thinking-budget: must be at least 1, got 0" in capsys.readouterr().err


def test_a_server_that_ignores_the_cap_is_an_error_and_not_a_result(problems, thinker, tmp_path, capsys):
    honest = thinker.answer
    thinker.answer = lambda body: honest({**body, "max_tokens": 64})
    given = command("evaluate", problems, thinker, tmp_path / "out", "--decode", "budget", "--thinking-budget", "3")
    assert main(given) == 2
    assert "budget_breach 4" in capsys.readouterr().err
