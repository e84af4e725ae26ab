import json
import os
import subprocess
import sys

import pytest

from reasondistill.errors import DataError, RecipeError
from reasondistill.problems import get_problems, load_gym, load_hub

ROWS = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(5)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A directory that `datasets.load_dataset` opens like a dataset on the hub, with a cache of its own."""
    datasets = pytest.importorskip("datasets", reason="the train extra is not installed")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    data = tmp_path / "data"
    data.mkdir()
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return data


def test_procedural_is_a_source():
    problems = get_problems("procedural", count=3, seed=1, split="unseen")
    assert [p.split for p in problems] == ["unseen"] * 3


def test_a_generator_makes_a_hundred_problems_unless_told():
    assert len(get_problems("procedural")) == 100


def test_a_file_is_a_source(jsonl):
    assert [p.answer for p in get_problems(str(jsonl(*ROWS)), count=2)] == ["1", "2"]


def test_a_missing_file_is_a_data_error():
    with pytest.raises(DataError, match=r"none\.jsonl: file not found"):
        get_problems("none.jsonl")


@pytest.mark.parametrize("source", ["procedurl", "", "gsm8k", "a/b/c", "hub:", "s3://bucket/x", "data.csv"])
def test_an_unknown_source_names_the_accepted_forms(source):
    with pytest.raises(
        RecipeError, match=r"names no source of problems; it must be procedural, gym:NAME, hub:ORG/NAME"
    ):
        get_problems(source)


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_refused(count):
    with pytest.raises(RecipeError, match=f"at least 1, got {count}"):
        get_problems("procedural", count=count)


def test_an_existing_path_of_another_format_is_not_taken_for_a_hub_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("a,b")
    with pytest.raises(DataError, match="must end in"):
        get_problems("data/rows.csv")


def test_a_dataset_is_loaded_through_the_datasets_library(folder):
    problems = load_hub(str(folder), split="test", limit=2, as_split="seen")
    assert [(p.answer, p.split, p.source) for p in problems] == [
        ("1", "seen", f"{folder}:test"),
        ("2", "seen", f"{folder}:test"),
    ]


def test_an_unknown_split_of_a_dataset_lists_those_that_exist(folder):
    with pytest.raises(DataError, match=r"Unknown split.*test"):
        load_hub(str(folder), split="train")


def test_an_unknown_configuration_of_a_dataset_is_a_data_error(folder):
    with pytest.raises(DataError, match="BuilderConfig 'easy' not found"):
        load_hub(str(folder), config="easy", split="test")


@pytest.mark.parametrize(
    "source", ["openai/gsm8k", "hub:openai/gsm8k", "hub:openai/gsm8k:main:test", "hub:squad::test"]
)
def test_a_hub_that_cannot_be_reached_is_one_clear_line(source, tmp_path):
    # A process of its own: the library reads its offline switch when it is imported.
    program = f"from reasondistill.problems import get_problems\nget_problems({source!r})"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("reasondistill.errors.DataError: ")
    assert "the dataset cannot be loaded" in last


def test_gym_without_its_extra_says_how_to_get_it():
    if _has_gym():
        pytest.skip("reasoning-gym is installed")
    with pytest.raises(RecipeError, match=r"pip install 'reasondistill\[reasoning-gym\]'"):
        get_problems("gym:chain_sum", count=2)


def test_gym_datasets_give_distinct_problems_with_text_answers():
    pytest.importorskip("reasoning_gym", reason="the reasoning-gym extra is not installed")
    problems = load_gym("chain_sum", count=20, seed=1)
    assert len({p.id for p in problems}) == 20
    assert all(isinstance(p.answer, str) and p.source == "gym:chain_sum" for p in problems)
    assert problems == load_gym("chain_sum", count=20, seed=1)
    assert not {p.id for p in problems} & {p.id for p in load_gym("chain_sum", count=20, seed=1, split="seen")}


@pytest.mark.parametrize(
    ("name", "hint"), [("chain_sums", "did you mean chain_sum"), ("composite", "default settings")]
)
def test_a_gym_dataset_that_cannot_be_made_is_one_clear_line(name, hint):
    pytest.importorskip("reasoning_gym", reason="the reasoning-gym extra is not installed")
    with pytest.raises(RecipeError, match=hint):
        load_gym(name, count=1)


def test_importing_problems_imports_nothing_heavy():
    program = "import sys, reasondistill.problems; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"datasets", "pyarrow", "torch", "sympy", "reasoning_gym"} & set(done.stdout.split())


def _has_gym():
    try:
        import reasoning_gym  # noqa: F401
    except ImportError:
        return False
    return True
