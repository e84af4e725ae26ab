"""The dataset card: front matter that YAML reads back, and the counts and terms that a reader needs."""

from dataclasses import replace

import pytest
import yaml

from reasondistill.curation.agreement import Agreement
from reasondistill.curation.contamination import ContaminationSearch
from reasondistill.curation.ledger import Drop, Ledger, waterfall
from reasondistill.curation.lookup.held_out import HeldOut
from reasondistill.evaluation.statistics import wilson
from reasondistill.export.card.card import render_card
from reasondistill.export.card.facts import CardFacts
from reasondistill.records import Problem
from verifiers import Outcome


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


def _agreement(labels):
    agreement = Agreement()
    list(agreement.watch(labels))
    return agreement.to_row()


def _labelled(candidate, label, outcome, count, start=0):
    return [candidate(0, start + n, outcome=outcome, annotations={"label": label}) for n in range(count)]


def test_the_hub_library_reads_the_front_matter(tmp_path):
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    facts = replace(FACTS, formats={"dpo": 4, "kto": 0}, licences={"MIT": 3, "CC BY 4.0": 1})
    (tmp_path / "README.md").write_text(render_card(facts))
    data = DatasetCard.load(tmp_path / "README.md").data
    assert (data.license, data.size_categories) == (["cc-by-4.0", "mit"], ["n<1K"])
    assert data.task_categories == ["text-generation", "question-answering"]
    configs = MetadataConfigs.from_dataset_card_data(data)
    assert list(configs) == ["default", "control-all", "control-wrong", "dpo"]
    assert configs["dpo"]["data_files"] == [{"split": "train", "path": "formats/dpo/data/train-*.parquet"}]


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        ({}, "unknown"),
        ({"not known": 3}, "unknown"),
        ({"Apache-2.0": 1}, "apache-2.0"),
        ({"MIT": 1, "not known": 2}, "other"),
        ({"CC BY-NC-SA 4.0 (MIT OpenCourseWare)": 1}, "other"),
    ],
)
def test_the_licence_is_one_that_the_hub_knows(licences, expected):
    assert _front_matter(render_card(replace(FACTS, licences=licences)))["license"] == expected


def test_rates_are_those_of_labels_and_verdicts(candidate):
    labels = [
        *_labelled(candidate, True, Outcome.CORRECT, 8),
        *_labelled(candidate, True, Outcome.NO_ANSWER, 2, 10),
        *_labelled(candidate, False, Outcome.CORRECT, 1, 20),
        *_labelled(candidate, False, Outcome.INCORRECT, 3, 30),
        *_labelled(candidate, True, Outcome.ERROR, 5, 40),
        *_labelled(candidate, "yes", Outcome.CORRECT, 5, 50),
    ]
    row = _agreement(labels)
    assert row["labelled"] == 19
    assert (row["true_accept"]["value"], row["true_accept"]["n"]) == (0.8, 10)
    assert (row["false_accept"]["value"], row["false_accept"]["n"]) == (0.25, 4)
    assert row["true_accept"] == wilson(8, 10).to_row()
    assert row["outcomes"]["labelled_wrong"] == {"correct": 1, "incorrect": 3}
    card = render_card(replace(FACTS, agreement=row))
    assert "| accepted of the rollouts labelled right | 80.0 % [49.0, 94.3] n=10 |" in card
    assert "| accepted of the rollouts labelled wrong | 25.0 % [4.6, 69.9] n=4 |" in card


def test_rates_without_rows_are_not_told(candidate):
    assert _agreement([candidate()]) == {"labelled": 0}
    assert _agreement(_labelled(candidate, True, Outcome.CORRECT, 1)).keys() == {"labelled", "true_accept", "outcomes"}
    assert "labels" not in render_card(FACTS)


def test_the_waterfall_goes_from_problems_to_examples():
    falls = waterfall(10, {"outcome": {"incorrect": 2}, "limit": {"enough": 1}}, 7)
    lines = render_card(replace(FACTS, problems=5, waterfall=falls)).splitlines()
    start = lines.index("| stage | kept | dropped |")
    assert lines[start + 2 : start + 7] == [
        "| problems | 5 |  |",
        "| rollouts | 10 |  |",
        "| after outcome | 8 | 2 |",
        "| after limit | 7 | 1 |",
        "| examples | 7 |  |",
    ]


def test_contamination_that_was_not_checked_is_told():
    for found in (None, ContaminationSearch(HeldOut({})).report()):
        assert "Contamination: not checked." in render_card(replace(FACTS, contamination=found))


def test_contamination_is_told_for_each_benchmark_without_its_texts():
    question = "What is half of the sum of one and two and three and four and five?"
    search = ContaminationSearch(HeldOut({"bench": [Problem(id="<b>|", question=question)], "clean": []}))
    search.add("p", question.upper())
    search.add("q", "What is nothing like it?")
    card = render_card(replace(FACTS, contamination=search.report()))
    assert "1 of 2 questions repeated a benchmark's problem and were left out." in card
    assert "| bench | 1 | 1 | 1 | 1 (1) | 1 (1) |" in card
    assert "| clean | 0 | 0 | 0 | 0 (0) | 0 (0) |" in card
    assert "| p | bench | &lt;b>\\| | same_question | 1.00 |" in card
    assert "half of the sum" not in card.lower()


def test_prompts_and_versions_stand_on_the_card():
    card = render_card(replace(FACTS, prompts={"Teacher": "Solve:\n{question}"}, versions={"python": "3.11"}))
    assert "Teacher:\n\n    Solve:\n    {question}\n" in card
    assert "Made with python 3.11." in card
