"""Sets chosen by what models and vectors say: facility location, IFD, a small set with care, reference models."""

import itertools
import json
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.cli.main import main
from reasondistill.curation.curation_step import Measured
from reasondistill.curation.ledger import Ledger
from reasondistill.curation.lookup.embedding import embed
from reasondistill.curation.lookup.facility import choose_near_all
from reasondistill.curation.steps.diverse import Diverse, DiverseOptions
from reasondistill.curation.steps.ifd import Ifd, IfdOptions, ifd
from reasondistill.curation.steps.references import ReferenceOptions, References
from reasondistill.curation.steps.small_set import SmallSet, SmallSetOptions
from reasondistill.errors import ModelError, RecipeError
from reasondistill.models.resolve import weights_directory
from reasondistill.store import Table

SUMS = [f"Add {n} and {n + 1}: {n} + {n + 1} = {2 * n + 1}." for n in range(6)]
AREAS = [f"A square of side {n} metres has an area of {n} x {n} square metres." for n in range(2)]


def _ids(candidates):
    return [c.rollout.id for c in candidates]


def _diverse(count):
    return Diverse(DiverseOptions(count=count))


def _ifd(share):
    return Ifd(IfdOptions(share=share))


def _value(similar, chosen):
    return similar[:, list(chosen)].max(axis=1).sum()


def _unit(rows):
    vectors = np.array(rows, dtype=np.float32) + 0.01
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


vectors = st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=2, max_size=7).map(_unit)


def _is_greedy(rows, chosen):
    """Tell whether each row that was taken had the largest gain, but for rounding."""
    similar = np.maximum(rows @ rows.T, 0)
    prefixes = [chosen[:taken] for taken in range(len(chosen))]
    best = [max(_value(similar, [*before, other]) for other in range(len(rows))) for before in prefixes]
    return all(_value(similar, chosen[: n + 1]) == pytest.approx(value, abs=1e-3) for n, value in enumerate(best))


@given(vectors, st.integers(1, 4), st.integers(1, 3))
@settings(deadline=None)
def test_each_row_taken_has_the_largest_gain(rows, count, at_once):
    sparse = pytest.importorskip("scipy.sparse", reason="scikit-learn is not installed")
    with mock.patch("reasondistill.curation.lookup.facility._AT_ONCE", at_once):
        for given_ in (rows, sparse.csr_matrix(np.maximum(rows, 0))):
            chosen = choose_near_all(given_, count)
            assert len(chosen) == len(set(chosen)) == min(count, len(rows))
            assert _is_greedy(rows, chosen)


@given(vectors, st.integers(1, 3))
@settings(deadline=None)
def test_the_value_is_near_the_best_of_all_sets(rows, count):
    similar, count = np.maximum(rows @ rows.T, 0), min(count, len(rows))
    best = max(_value(similar, chosen) for chosen in itertools.combinations(range(len(rows)), count))
    assert _value(similar, choose_near_all(rows, count)) >= (1 - 1 / np.e) * best - 1e-4


def test_a_drawn_ground_set_still_finds_the_groups():
    rows = np.repeat(np.eye(3, dtype=np.float32), 40, axis=0)
    assert {row // 40 for row in choose_near_all(rows, 3, ground=30, seed=2)} == {0, 1, 2}


def test_the_odd_ones_are_heard_by_tfidf(candidate, run_step):
    given_ = [candidate(n, text=text) for n, text in enumerate([*SUMS, *AREAS])]
    ledger = Ledger()
    kept = _ids(run_step(_diverse(2), given_, ledger))
    assert {int(name[1]) >= len(SUMS) for name in kept} == {True, False}
    assert ledger.counts() == {"diversity": Counter(near_another=6)}
    assert sorted(_ids(run_step(_diverse(2), given_[::-1]))) == sorted(kept)


def test_few_enough_are_left_alone(candidate, run_step):
    given_ = [candidate(n) for n in range(3)]
    assert _ids(run_step(_diverse(3), given_)) == _ids(given_)


def test_a_missing_library_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(RecipeError, match=r"scikit-learn.*reasondistill\[diversity\]"):
        embed(["a"])


@pytest.mark.parametrize(
    ("scores", "share", "kept", "reasons"),
    [
        ([0.9, 0.5, 0.7, 0.2], 0.5, [0, 2], {"low_ifd": 2}),
        ([0.9, 1.0, 1.2, None], 0.5, [0], {"question_does_not_help": 2, "no_ifd": 1}),
        ([float("nan"), 0.1, 0.1, 0.1], 0.25, [1], {"no_ifd": 1, "low_ifd": 2}),
        ([0.9, 0.8, 0.7, 0.6], 1.0, [0, 1, 2, 3], {}),
        ([0.9, 0.8, 0.7, 0.6], 0.01, [0], {"low_ifd": 3}),
    ],
)
def test_the_hard_ones_stay(candidate, run_step, scores, share, kept, reasons):
    given_, ledger = [candidate(n) for n in range(4)], Ledger()
    known = {f"p{n}-0": score for n, score in enumerate(scores)}
    assert _ids(run_step(_ifd(share), given_, ledger, measured=Measured(ifd=known))) == [f"p{n}-0" for n in kept]
    assert ledger.counts().get("ifd", {}) == reasons


def test_a_rollout_without_a_score_is_in_the_ledger(candidate, run_step):
    ledger = Ledger()
    assert run_step(_ifd(1.0), [candidate(0)], ledger) == []
    assert [drop.reason for drop in ledger.drops] == ["no_ifd"]


@given(st.floats(0.01, 8), st.floats(0.01, 8))
def test_ifd_is_below_1_where_the_question_helps(after, alone):
    assert (ifd(after, alone) < 1) == (after < alone)


def test_what_a_reference_solves_goes(candidate, run_step):
    ledger = Ledger()
    given_ = [candidate(n, index) for n in range(3) for index in range(2)]
    step = References(ReferenceOptions(models=("small",)))
    kept = run_step(step, given_, ledger, measured=Measured(solved_by={"p1": "small"}))
    assert _ids(kept) == ["p0-0", "p0-1", "p2-0", "p2-1"]
    assert [(d.reason, d.evidence) for d in ledger.drops] == [("solved_by_reference", "small")] * 2


SMALL = SmallSetOptions(count=4, shortest=20, longest=60)


def test_a_small_set_has_a_rollout_a_problem_within_bounds(candidate, run_step):
    texts = ["too short", "x" * 30, "y" * 40, "z" * 80]
    given_ = [candidate(n, i, tokens=len(t), text=t) for n in range(6) for i, t in enumerate(texts)]
    ledger = Ledger()
    kept = run_step(SmallSet(SMALL), given_, ledger)
    assert len(kept) == 4 and len({c.problem.id for c in kept}) == 4
    assert {c.rollout.index for c in kept} == {2}
    assert ledger.counts() == {"small_set": Counter(too_short=6, too_long=6, not_drawn=8)}


def test_small_domains_are_heard(candidate, run_step):
    given_ = [candidate(n, subject="algebra", text="x" * 30) for n in range(300)]
    given_ += [candidate(n, subject="logic", text="x" * 30) for n in range(300, 330)]
    options = SmallSetOptions(count=60, shortest=1, longest=99)
    kept = Counter(c.problem.metadata["subject"] for c in run_step(SmallSet(options), given_))
    assert kept["logic"] > 12  # their share alone would be 5, evenly 30
    flat = SmallSetOptions(count=60, shortest=1, longest=99, temperature=1.0)
    shares = Counter(c.problem.metadata["subject"] for c in run_step(SmallSet(flat), given_))
    assert shares["logic"] < kept["logic"]


@pytest.mark.parametrize("step", ["diverse", "small", "ifd"])
@given(data=st.data())
@settings(deadline=None, max_examples=15)
def test_counts_add_up_and_neither_order_nor_a_second_time_matters(candidate, run_step, step, data):
    names = data.draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), unique=True, max_size=9))
    made = [candidate(n, i, tokens=5 + n, text=f"{'so ' * (3 * n + i)}{n}") for n, i in names]
    scores = {c.rollout.id: ((len(c.rollout.text) * 7) % 13) / 10 for c in made}

    steps = {
        "diverse": _diverse(3),
        "small": SmallSet(SmallSetOptions(count=3, shortest=2, longest=40)),
        "ifd": _ifd(1.0),
    }

    def chosen(candidates, ledger):
        return run_step(steps[step], candidates, ledger, seed=1, measured=Measured(ifd=scores))

    ledger = Ledger()
    kept = chosen(made, ledger)
    assert len(kept) + len(ledger.drops) == len(made)
    assert _ids(kept) == [c.rollout.id for c in made if c.rollout.id in _ids(kept)]
    assert sorted(_ids(chosen(made[::-1], Ledger()))) == sorted(_ids(kept))
    assert _ids(chosen(kept, Ledger())) == _ids(kept)


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_a_run_scores_by_a_real_model_once(tmp_path: Path, capsys):
    model = "smollm2-135m-instruct"
    try:
        weights_directory(model)
    except ModelError as error:
        pytest.skip(f"the model cannot be had: {error}")
    rows = [
        {"problem_id": "a", "question": "What is 2 plus 3?", "gold": "5", "completion": "2 plus 3 is \\boxed{5}."},
        {
            "problem_id": "b",
            "question": "What is 4 plus 4?",
            "gold": "8",
            "completion": "The sum of 4 and 4: \\boxed{8}.",
        },
        {
            "problem_id": "c",
            "question": "Name a colour.",
            "gold": "1",
            "completion": "Paris lies in France. \\boxed{1}",
        },
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = tmp_path / "ifd.yaml"
    curate = {"ifd": {"model": model, "engine": "transformers", "share": 0.6}, "diverse": 1, "embedding": model}
    given_ = {"name": "ifd", "until": "export", "out": str(tmp_path / "run"), "curate": curate}
    recipe.write_text(json.dumps(given_ | {"generate": {"rollouts": [str(tmp_path / "r.jsonl")]}}))
    assert main(["run", str(recipe)]) == 0
    scores = {row["rollout_id"]: row["ifd"] for row in Table(tmp_path / "run" / "ifd", key="rollout_id")}
    assert len(scores) == 3 and all(0 < score < 2 for score in scores.values())
    drops = [(row["step"], row["reason"]) for row in Table(tmp_path / "run" / "drops", key="rollout_id")]
    assert len(drops) == 2 and drops[-1] == ("diversity", "near_another")
    before = {p.name: p.read_bytes() for p in (tmp_path / "run" / "ifd").iterdir()}
    assert main(["run", str(recipe), "curate.ifd.share=1.0"]) == 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "run" / "ifd").iterdir()} == before
    assert main(["run", str(recipe), "curate.ifd.model=no-such-model"]) == 2
    assert "no-such-model" in capsys.readouterr().err.splitlines()[-1]
