"""The dataset card: front matter that YAML reads back, and the counts and terms that a reader needs."""

from dataclasses import replace

import pytest
import yaml

from reasondistill.curation.ledger import Drop, Ledger
from reasondistill.export.card import CardFacts, render_card


def _ledger():
    ledger = Ledger()
    for number, (step, reason) in enumerate([("outcome", "incorrect"), ("outcome", "incorrect"), ("limit", "enough")]):
        ledger.add(Drop(rollout_id=f"r{number}", problem_id="p", step=step, reason=reason))
    return ledger


FACTS = CardFacts(
    name="quickstart",
    teacher="teacher-1b",
    teacher_licence="Apache-2.0",
    teacher_terms="Outputs may be used freely.",
    sources=["procedural"],
    template="math-few-shot",
    template_hash="abc",
    verifier="rules 1",
    rollouts=10,
    examples=7,
    controls={"all": 9, "wrong": 2},
    ledger=_ledger(),
    held_out=["seen (procedural)"],
    command="reasondistill run configs/quickstart.yaml",
)


def _front_matter(card):
    assert card.startswith("---\n")
    return yaml.safe_load(card.split("---\n")[1])


def test_the_front_matter_names_every_split():
    front = _front_matter(render_card(FACTS))
    assert [config["config_name"] for config in front["configs"]] == ["default", "control-all", "control-wrong"]
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}]
    assert front["configs"][2]["data_files"] == [{"split": "train", "path": "splits/wrong/data/train-*.parquet"}]
    assert "reasoning" in front["tags"]


def test_a_control_without_rows_is_no_configuration():
    card = render_card(replace(FACTS, controls={"all": 9, "wrong": 0}))
    assert [config["config_name"] for config in _front_matter(card)["configs"]] == ["default", "control-all"]
    assert "Control split `control-wrong`: 0 rows" in card


@pytest.mark.parametrize(
    "name", ["a: b", "[x]", "yes", "3", '"quoted"', "- item", "#1", "你好 🎉", "tab\tand \\", "---"]
)
def test_any_name_is_text_in_the_front_matter(name):
    assert _front_matter(render_card(replace(FACTS, name=name)))["pretty_name"] == name


def test_the_card_says_what_a_reader_must_know():
    card = render_card(FACTS)
    for words in (
        "7 of 10 rollouts of `teacher-1b`, each judged by rules 1",
        "Teacher licence: Apache-2.0. Outputs may be used freely.",
        "Decontaminated against: seen (procedural)",
        "Control split `control-wrong`: 2 rows",
        "| outcome | incorrect | 2 |",
        "| limit | enough | 1 |",
        "    reasondistill run configs/quickstart.yaml",
        "`math-few-shot` (hash abc)",
    ):
        assert words in card


def test_what_was_not_done_is_said():
    assert "Decontaminated against: nothing" in render_card(replace(FACTS, held_out=[]))
