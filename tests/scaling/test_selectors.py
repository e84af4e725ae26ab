"""Votes that need a model: it picks one of k rollouts, or rates each; what it cannot say counts as wrong."""

import json
import re

import pytest

from reasondistill.cli.main import main
from reasondistill.scaling.selectors import picked, rated

RECIPE = """
name: sweep
out: {out}
model: {{model: thinker, engine: openai, base_url: "{url}", continuation: prefix, concurrency: 8}}
benchmark: {{source: "{problems}"}}
max_tokens: 64
sequential: {{budgets: []}}
parallel: {{budgets: [20], samples: 4, k: [1, 2, 4], votes: [majority, select, judge]}}
"""
N = 8


def knows_best(question):
    """Pick or rate as one who can add."""
    right = f"\\boxed{{{int(re.search(r'What is (.+?) plus', question)[1]) + 1}}}"
    if "solutions of it" not in question:
        return f"Rating: {9 if right in question else 1}"
    solutions = question.split("Solution ")[1:]
    return f"Best: {next((i for i, text in enumerate(solutions, 1) if right in text), 1)}"


@pytest.fixture
def sweep(tmp_path, thinker, capsys):
    """Return a sweep over a model whose samples with an odd seed are wrong, and that selects as told."""
    problems = tmp_path / "problems.jsonl"
    rows = [{"id": f"p{i}", "question": f"What is {i} plus 1?", "answer": str(i + 1)} for i in range(10, 10 + N)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = tmp_path / "sweep.yaml"
    recipe.write_text(RECIPE.format(out=tmp_path / "out", url=thinker.url, problems=problems))
    honest = thinker.answer

    def run(select=knows_best):
        def answer(body):
            asked = body["messages"][-1]["content"]
            if asked.startswith("A problem and"):
                message = {"role": "assistant", "content": select(asked)}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                return {"choices": [choice], "usage": {"prompt_tokens": 50, "completion_tokens": 7}}
            row = honest(body)
            if body["seed"] % 2:
                message = row["choices"][0]["message"]
                message["content"] = re.sub(r"boxed{\d+}", "boxed{0}", message["content"])
            return row

        thinker.answer = answer
        assert main(["scale", str(recipe), "--json"]) == 0
        points = json.loads(capsys.readouterr().out)["points"]
        return {point["label"].partition(",")[0]: point for point in points}

    return run


def test_one_who_knows_best_picks_what_the_oracle_would(sweep, thinker):
    points = sweep()
    best = points["pass@4"]["accuracy"]["value"]
    assert best > points["maj@1"]["accuracy"]["value"]
    assert points["select@4"]["accuracy"]["value"] == points["judge@4"]["accuracy"]["value"] == best
    assert points["select@4"]["tokens"] == pytest.approx(points["maj@4"]["tokens"] + 7)
    assert points["judge@4"]["tokens"] == pytest.approx(points["maj@4"]["tokens"] + 4 * 7)
    asked = len(thinker.requests)
    assert sweep()["select@4"] == points["select@4"]
    assert len(thinker.requests) == asked


def test_what_it_cannot_say_is_no_right_answer(sweep):
    points = sweep(select=lambda question: "They are all fine.")
    assert points["select@4"]["accuracy"]["value"] == 0.0
    # No rating tells the rollouts apart, so that one is as good as another.
    assert points["judge@4"]["accuracy"]["value"] == pytest.approx(points["maj@1"]["accuracy"]["value"])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Best: 2", 1),
        ("Best: 1, no.\nBest: 3", 2),
        ("The best solution is **2**.", 1),
        ("Best: 0", None),
        ("Best: 99999999999999999999", None),
        ("Solution 2 is right", None),
        ("", None),
    ],
)
def test_the_last_named_solution_is_picked(text, place):
    assert picked(text, 3) == place


@pytest.mark.parametrize(
    ("text", "value"),
    [("Rating: 7.5", 7.5), ("Rating is 3, or rather\nRating: 4", 4.0), ("Rating: 11", None), ("7", None)],
)
def test_the_last_rating_counts(text, value):
    assert rated(text) == value
