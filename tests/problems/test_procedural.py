import re
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.errors import RecipeError
from reasondistill.problems import generate_procedural
from reasondistill.problems.procedural import TEMPLATES
from reasondistill.problems.procedural.template import step_results

TRAIN, SEEN, UNSEEN = ([t for t in TEMPLATES if t.belongs_to(split)] for split in ("train", "seen", "unseen"))
each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)


def _drafts(template, count=150):
    rng = Random(template.name)
    drafts = (template.draw(rng) for _ in range(100_000))
    return [draft for draft, _ in zip(filter(None, drafts), range(count), strict=False)]


def _recomputed(working):
    # Independent of the templates' own evaluation: Python's arithmetic over Fractions.
    return eval(re.sub(r"\d+", r"Fraction(\g<0>)", working), {"Fraction": Fraction})


def test_there_are_enough_templates_of_each_sort():
    assert len(SEEN) >= 24
    assert len(UNSEEN) >= 6
    assert {t.name for t in SEEN} < {t.name for t in TRAIN}
    assert len({t.name for t in TEMPLATES}) == len(TEMPLATES)


def test_steps_are_one_to_four_and_most_templates_have_two():
    steps = [t.steps for t in (*SEEN, *UNSEEN)]
    assert set(steps) == {1, 2, 3, 4}
    assert steps.count(2) > len(steps) / 2


def test_unseen_templates_take_no_more_steps_than_seen_ones():
    assert {t.steps for t in UNSEEN} <= {t.steps for t in SEEN}


@each_template
def test_answers_are_positive_whole_numbers_that_the_working_gives(template):
    for draft in _drafts(template):
        assert Fraction(draft.answer) == _recomputed(draft.working)
        assert re.fullmatch(r"[1-9]\d{0,2}", draft.answer)


@each_template
def test_every_step_is_positive_and_whole(template):
    for draft in _drafts(template):
        assert all(value > 0 and value.denominator == 1 for value in step_results(template.solution, draft.numbers))


@each_template
def test_the_question_states_every_number_of_the_working(template):
    # 4 and 2 legs are stated too; halves, hundredths, doubles and thirds are words.
    constants = {int(n) for n in re.findall(r"\d+", template.solution)}
    for draft in _drafts(template):
        stated = {int(n) for n in re.findall(r"\d+", draft.question)}
        assert set(draft.numbers.values()) <= stated
        assert {int(n) for n in re.findall(r"\d+", draft.working)} <= stated | constants


@each_template
def test_every_wording_uses_every_number(template):
    for wording in template.wordings:
        assert set(re.findall(r"\{([a-z]+)[.}]", wording)) >= set(template.numbers)


@each_template
def test_there_are_two_or_three_wordings(template):
    assert 2 <= len(template.wordings) <= 3


@each_template
def test_questions_are_short_clean_english(template):
    for question in {draft.question for draft in _drafts(template)}:
        assert len(question.split()) <= 45
        assert not re.search(r"[{}]|  |\bNone\b|[<>]|\s[.,?]", question), question
        assert re.search(r"[?.]$", question), question
        assert re.match(r"[A-Z0-9]", question), question
        assert all(s[0].isupper() or s[0].isdigit() for s in re.split(r"(?<=[.?]) ", question)), question
        # Neither "1 apples" nor "a 8 ..." nor "a apple".
        assert not re.search(r"(?<![/\d.])1 [a-z]+s\b", question), question
        assert not re.search(r"\b[Aa] \$?(8\d*|11|18|[aeiou]\w*)\b", question), question


@each_template
def test_pronouns_fit_the_only_name(template):
    for draft in _drafts(template):
        found = {w.lower() for w in re.findall(r"\b(she|he|her|his)\b", draft.question, flags=re.IGNORECASE)}
        assert not ({"she", "her"} & found and {"he", "his"} & found), draft.question


@each_template
def test_questions_differ(template):
    questions = [draft.question for draft in _drafts(template)]
    assert len(set(questions)) > 0.6 * len(questions)


@pytest.mark.parametrize("split", ["train", "seen", "unseen"])
def test_problems_are_distinct_and_spread_evenly(split):
    problems = generate_procedural(count=400, seed=1, split=split)
    assert len({p.question for p in problems}) == len({p.id for p in problems}) == 400
    templates = {"train": TRAIN, "seen": SEEN, "unseen": UNSEEN}[split]
    counts = [sum(p.metadata["template"] == t.name for p in problems) for t in templates]
    assert max(counts) - min(counts) <= 1
    assert {p.split for p in problems} == {split}


def test_a_problem_says_where_it_comes_from():
    problem = generate_procedural(count=1, seed=0, split="unseen")[0]
    template = UNSEEN[0]
    assert problem.source == f"procedural:{template.name}"
    assert problem.metadata["template"] == template.name
    assert problem.metadata["steps"] == template.steps
    assert problem.id == problem.content_hash


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_seen_problems_have_numbers_that_no_training_problem_has(train_seed, seen_seed):
    def key(problem):
        return problem.metadata["template"], problem.metadata["working"]

    train = {key(p) for p in generate_procedural(count=300, seed=train_seed)}
    seen = generate_procedural(count=150, seed=seen_seed, split="seen")
    assert not any(key(p) in train for p in seen)


def test_the_same_seed_gives_the_same_problems_on_every_machine():
    first = generate_procedural(count=40, seed=7)
    assert first == generate_procedural(count=80, seed=7)[:40]
    assert first != generate_procedural(count=40, seed=8)


def test_excluded_problems_do_not_occur():
    first = {p.content_hash for p in generate_procedural(count=60, seed=3)}
    again = generate_procedural(count=60, seed=3, exclude=first)
    assert not first & {p.content_hash for p in again}


def test_every_template_has_thousands_of_training_problems():
    assert len(generate_procedural(count=5000, seed=0)) == 5000


def test_an_unknown_split_is_refused():
    with pytest.raises(RecipeError, match="train, seen, unseen, got 'test'"):
        generate_procedural(count=1, seed=0, split="test")


def test_only_plain_arithmetic_is_a_solution():
    with pytest.raises(ValueError, match="something other than numbers"):
        step_results("abs(a)", {"a": 1})
