"""Comparing systems: what is paired, how tests are corrected, and what the words claim."""

import json

import pytest

from reasondistill.cli.main import main
from reasondistill.errors import DataError
from reasondistill.evaluation.comparison import System, compare_systems, words
from reasondistill.evaluation.statistics import holm, mcnemar_exact


def _system(name, values, contents=None):
    return System(name=name, scores={f"p{i}": float(v) for i, v in enumerate(values)}, contents=contents or {})


def test_a_pair_is_tested_on_the_problems_of_both():
    [pair] = compare_systems([_system("a", [0] * 10 + [1] * 10), _system("b", [1] * 18 + [0])])
    assert (pair.n, pair.won, pair.lost) == (19, 10, 1)
    assert (pair.accuracy_a, pair.accuracy_b) == (9 / 19, 18 / 19)
    assert pair.p_value == pair.p_holm == mcnemar_exact(10, 1)
    assert pair.low < pair.difference < pair.high
    assert words(pair).startswith("b is better than a: +47.4 points [")
    assert "McNemar's exact test, p = 0.012" in words(pair)


def test_the_worse_one_is_called_so():
    [pair] = compare_systems([_system("a", [1] * 20), _system("b", [0] * 10 + [1] * 10)])
    assert words(pair).startswith("b is worse than a: -50.0 points")


def test_a_difference_within_the_noise_is_not_claimed_and_its_size_is_told():
    [pair] = compare_systems([_system("a", [1, 0] * 15), _system("b", [1, 0] * 14 + [1, 1])])
    assert not pair.is_clear and pair.detectable >= 6 / 30
    assert words(pair).startswith("No difference of b from a can be concluded: +3.3 points")
    assert "That does not make them equal: a true difference below 20.0 points" in words(pair)


def test_an_interval_that_the_corrected_test_does_not_bear_out_is_a_hint():
    first = _system("a", [0] * 30)
    others = [_system(name, [1] * 6 + [0] * 24) for name in "bcd"]
    pairs = compare_systems([first, *others])
    assert [pair.p_value for pair in pairs] == [2 / 64] * 3
    assert [pair.p_holm for pair in pairs] == holm([2 / 64] * 3)
    assert "a hint, no conclusion" in words(pairs[0])


def test_shares_take_the_sign_flip_test():
    [pair] = compare_systems([_system("a", [0.25, 0.5] * 20), _system("b", [0.5, 0.75] * 20)])
    assert (pair.test, pair.is_clear, round(pair.difference, 2)) == ("sign-flip test", True, 0.25)


def test_all_pairs_are_compared_where_that_is_asked():
    systems = [_system(name, [1, 0, 1]) for name in "abc"]
    assert [(p.a, p.b) for p in compare_systems(systems)] == [("a", "b"), ("a", "c")]
    assert [(p.a, p.b) for p in compare_systems(systems, all_pairs=True)] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_an_id_that_stands_for_two_problems_pairs_nothing():
    a, b = _system("a", [1, 1], {"p0": "x", "p1": "y"}), _system("b", [0, 1], {"p0": "x", "p1": "z"})
    assert compare_systems([a, b])[0].n == 1
    with pytest.raises(DataError, match="a and c have no judged problem in common; compare runs of one benchmark"):
        compare_systems([a, System(name="c", scores={"q": 1.0})])


@pytest.fixture
def evaluated(tmp_path, monkeypatch, capsys):
    """Return a maker of evaluation folders from completions of problems whose answer is 2."""
    monkeypatch.chdir(tmp_path)

    def make(name, *groups, answer="2", finish="stop"):
        rows = [
            {"problem_id": f"p{i}", "completion": text, "answer": answer, "finish_reason": finish}
            for i, group in enumerate(groups)
            for text in group
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert main(["evaluate", "--rollouts", f"{name}.jsonl", "--out", name]) == 0
        capsys.readouterr()
        return name

    return make


def test_truncation_is_said_in_terminal_json_and_page(evaluated, capsys, tmp_path):
    a, b = evaluated("a", *["3"] * 12, finish="length"), evaluated("b", *["2"] * 12)
    line = "12 of 12 completions were cut at the token cap and may be wrong for that alone; raise --max-tokens"
    assert json.loads((tmp_path / a / "report.json").read_text())["warnings"] == [line]
    assert json.loads((tmp_path / b / "report.json").read_text())["warnings"] == []
    assert main(["compare", a, b, "--json", "--page", "page.html"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["warnings"] == [f"a: {line}"]
    assert f"warning: a: {line}" in said.err
    assert line in (tmp_path / "page.html").read_text()


def test_evaluations_are_compared_from_the_command_line(evaluated, capsys):
    a, b = evaluated("a", *["3"] * 12), evaluated("b", *["2"] * 11, "3", "2")
    assert main(["compare", a, b]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split() == ["system", "pass@1"]
    assert "b is better than a: +91.7 points" in said.out.splitlines()[-1]
    assert said.err == "warning: a and b: 1 problems are not in both and are left out\n"
    assert main(["compare", a, b, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert [system["name"] for system in row["systems"]] == ["a", "b"]
    assert {"difference", "low", "high", "n", "p_value", "p_holm", "detectable", "words"} <= row["pairs"][0].keys()


def test_another_metric_may_be_compared(evaluated, capsys):
    a, b = evaluated("a", *["233"] * 8), evaluated("b", *["223"] * 8)
    assert main(["compare", a, b, "--metric", "maj@3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"][0]["difference"] == 1.0
    assert main(["compare", a, b, "--metric", "pass@4"]) == 2
    assert "a: no problem has pass@4" in capsys.readouterr().err
    assert main(["compare", a, b, "--metric", "luck"]) == 2
    assert "metric 'luck' is not known; it is one of pass, avg" in capsys.readouterr().err


def test_what_cannot_be_compared_is_told_in_one_line(evaluated, capsys, tmp_path):
    a, c = evaluated("a", "2", "3"), evaluated("c", "2", "3", answer="3")
    (tmp_path / "nothing").mkdir()
    cases = [
        ((a,), "compare needs two systems or more, got 1"),
        ((a, a), "a is named twice"),
        ((a, "nothing"), "nothing: neither a run nor an evaluation's folder"),
        ((a, "gone"), "gone: neither a run nor an evaluation's folder"),
        ((a, c), "no judged problem in common; 2 ids stand for different problems"),
    ]
    for places, message in cases:
        assert main(["compare", *places]) == 2
        said = capsys.readouterr()
        assert message in said.err and said.err.startswith(("error", "warning")) and not said.out
