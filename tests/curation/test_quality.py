"""Quality filters: what each knob drops and keeps, from real rows, and golds that the rollouts contradict."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.candidate_source import Candidate
from reasondistill.curation.ledger import Ledger
from reasondistill.curation.reference_audit import audit_references
from reasondistill.curation.steps.quality import CHECKS, Quality, QualityOptions, repeated_share
from reasondistill.records import Kind, Message
from verifiers import Outcome, Verdict

TRACES = Path(__file__).resolve().parents[3] / "shared" / "data" / "traces"
ALL = QualityOptions(
    need_answer=True,
    one_answer=True,
    repetition=0.5,
    foreign_letters=0.01,
    no_figures=True,
    right_steps=True,
    no_made_up_output=True,
    no_spying=True,
)
# The reference solution of the first row of GSM8K test (MIT), openai/grade-school-math, and one with a slip.
RIGHT = "Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day. She makes 9 * 2 = $<<9*2=18>>18 every day.\n#### 18"
SLIP = RIGHT.replace("16-3-4=9", "16-3-4=8")
LOOP = "Wait, let me check the sum once more. The sum of the two numbers is 7. " * 12
HANZI = "We first add the numbers. 我们先把这两个数字加起来。 The answer is 7."


@pytest.fixture(scope="session")
def candidate(make_problem, make_rollout):
    """Return a builder of a candidate from the completion, and if need be the question, kind and verdict."""

    def build(text=None, *, number=0, index=0, question="What?", kind=Kind.MATH, verdict=None, messages=None):
        problem = make_problem(number, question=question, kind=kind)
        given = {} if messages is None else {"messages": messages}
        return Candidate(
            problem=problem,
            rollout=make_rollout(problem, text, index=index, **given),
            verdict=verdict or Verdict(outcome=Outcome.CORRECT, extracted="1"),
        )

    return build


@pytest.fixture(scope="session")
def dropped(run_step):
    """Return a function from candidates to the kept ones, and reason and evidence of each drop."""

    def run(candidates, options=ALL):
        ledger = Ledger()
        kept = run_step(Quality(options), candidates, ledger)
        return kept, [(drop.reason, drop.evidence) for drop in ledger.drops]

    return run


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (RIGHT, None),
        (SLIP, "wrong_step"),
        (r"Either \boxed{3} or, no, \boxed{4}.", "several_answers"),
        (r"First \boxed{3}. So the answer is \boxed{3}.", None),
        (r"The solutions are $\boxed{3}$ and $\boxed{4}$.", None),
        (LOOP, "loop"),
        (HANZI, "mixed_languages"),
        ("Let α and β be the angles, so α + β = π.", None),
        ("Señor Müller über naïve façades. The answer is 7.", None),
        ("```python\nprint(7)\n```\n```output\n7\n```\nThe answer is 7.", "made_up_output"),
        ("```python\nprint(7)\n```", None),
    ],
)
def test_what_a_completion_is_dropped_for(candidate, dropped, text, reason):
    _, drops = dropped([candidate(text)])
    assert [found for found, _ in drops] == ([reason] if reason else [])
    assert all(evidence for _, evidence in drops)


@pytest.mark.parametrize(
    ("question", "is_dropped"),
    [
        ("What is the area of the triangle? [asy] draw((0,0)--(1,0)); [/asy]", True),
        ("The figure below shows a square. Find its area.", True),
        ("In the diagram, $AB = 3$. Find $BC$.", True),
        ("A boat goes 3 km. How far is that as shown by its log?", True),
        ("A six-figure salary is 100000. What is half of it?", False),
        ("Figure out how many pictures he took.", False),
    ],
)
def test_questions_that_rest_on_a_figure_go(candidate, dropped, question, is_dropped):
    assert bool(dropped([candidate(RIGHT, question=question)])[1]) == is_dropped


@pytest.mark.parametrize(
    ("code", "is_dropped"),
    [
        ("import inspect\nsrc = inspect.getsource(check)", True),
        ("text = open(__file__).read()", True),
        ("import __main__\nans = __main__.expected", True),
        ("def f(x):\n    return x + 1", False),
        ("with open('input.txt') as f:\n    print(f.read())", False),
    ],
)
def test_programs_that_read_their_tests_go_and_texts_about_them_stay(candidate, dropped, code, is_dropped):
    assert bool(dropped([candidate(code, kind=Kind.CODE)])[1]) == is_dropped
    assert not dropped([candidate(code, kind=Kind.MATH)])[1]


def test_what_a_tool_wrote_is_not_held_against_the_model(candidate, dropped):
    messages = (
        Message(role="user", content="What?"),
        Message(role="assistant", content="print(7)"),
        Message(role="tool", content=LOOP),
        Message(role="assistant", content="It is 7."),
    )
    assert not dropped([candidate(messages=messages)])[1]


def test_without_an_answer_mathematics_goes(candidate, dropped):
    verdict = Verdict(outcome=Outcome.NO_ANSWER)
    assert dropped([candidate("Well.", verdict=verdict)])[1] == [("no_answer", "nothing was extracted")]
    assert not dropped([candidate("x = 1", kind=Kind.CODE, verdict=verdict)])[1]


@pytest.mark.parametrize("text", [SLIP, LOOP, HANZI, r"\boxed{3} \boxed{4} so \boxed{5} is it"])
def test_a_knob_that_is_off_drops_nothing(candidate, dropped, text):
    kept, drops = dropped([candidate(text)], QualityOptions())
    assert (len(kept), drops) == (1, [])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([RIGHT, SLIP, LOOP, HANZI, r"\boxed{3} or \boxed{4}"]), max_size=8), st.data())
def test_counts_add_up_twice_is_once_and_order_makes_no_difference(candidate, dropped, texts, data):
    given = [candidate(text, index=index) for index, text in enumerate(texts)]
    kept, drops = dropped(given)
    assert len(kept) + len(drops) == len(given)
    assert dropped(kept) == (kept, [])
    shuffled, _ = dropped(data.draw(st.permutations(given)))
    assert {c.rollout.id for c in shuffled} == {c.rollout.id for c in kept}


def test_every_check_has_a_knob():
    assert {knob for knob, _ in CHECKS.values()} == set(QualityOptions.__dataclass_fields__)


def traces(name):
    path = TRACES / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"traces not beside this checkout: {path.name}")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        # File, kind, and of its numbered rows (from 1) why each is dropped; None: it stays.
        (
            "gsm8k_rho1",
            Kind.MATH,
            {1: "made_up_output", 1331: "wrong_step", 1431: "loop", 1504: "loop", 1332: "wrong_step", 1321: None},
        ),
        ("gsm8k_openai_gpt3", Kind.MATH, {84: "wrong_step", 210: "wrong_step", 3027: "loop", 1: None, 2: None}),
        (
            "math100x8_qwen",
            Kind.MATH,
            {
                49: "figure",
                105: None,
                132: "wrong_step",
                202: "mixed_languages",
                366: "mixed_languages",
                388: "mixed_languages",
                442: "made_up_output",
                1: None,
            },
        ),
        # Their docstrings say `tri(1) = 3`: an example, no false equation.
        ("code_llmdebugger", Kind.CODE, {152: None, 787: None, 663: "loop", 2238: "loop", 1: None}),
    ],
)
def test_real_rows(candidate, dropped, name, kind, expected):
    rows = dict(enumerate(traces(name), start=1))
    found = {}
    for number in expected:
        row = rows[number]
        question = row.get("question") or row.get("prompt") or "?"
        _, drops = dropped([candidate(row["completion"], question=question, kind=kind)])
        found[number] = drops[0][0] if drops else None
    assert found == expected


def test_a_blank_in_the_question_is_no_second_answer(candidate, dropped):
    question = r"Fill in: $11x - 3 = 11x - 7 + \boxed{\phantom{2}}$"
    text = r"So $11x - 7 + \boxed{\phantom{2}} = 11x - 3$, and the box holds $\boxed{4}$."
    assert not dropped([candidate(text, question=question)])[1]
    assert dropped([candidate(text)])[1][0][0] == "several_answers"


def test_programs_that_cheat_by_reading_what_is_expected_are_found(candidate, dropped):
    folder = TRACES.parent / "sandbox" / "attacks"
    if not folder.is_dir():
        pytest.skip("the attacks are not beside this checkout")
    readers = {
        path.name
        for path in folder.glob("v*.py")  # from v52 on most walk the collector's objects, whatever else they try
        if dropped([candidate(path.read_text(), kind=Kind.CODE)], QualityOptions(no_spying=True))[1]
    }
    early = {name for name in readers if name < "v5"}
    assert early == {"v12_frame_read_expected.py", "v15_caller_code_consts.py"}
    assert {"v84_proc_self.py", "v88_remembers_runs.py"} & {path.name for path in folder.glob("v*.py")} <= readers
    programs = [row["completion"] for row in traces("code_llmdebugger")]
    assert not dropped([candidate(text, kind=Kind.CODE) for text in programs], QualityOptions(no_spying=True))[1]


def test_real_right_completions_are_no_loops():
    rows = traces("gsm8k_rho1")[:1500]
    right = [row["completion"] for row in rows if row["is_correct"]]
    assert len(right) > 300 and sum(repeated_share(text) > 0.5 for text in right) <= len(right) // 200


@pytest.mark.parametrize(
    ("answers", "suspect"),
    [
        (["7"] * 4, ("7", 4, 4)),
        (["7", "$7$", "7 ", "7", "1"], ("$7$", 4, 5)),
        (["7"] * 3, None),
        (["7"] * 4 + ["1"] * 2, None),
        (["7", "8", "9", "6"], None),
        (["1"] * 8, None),
    ],
)
def test_strong_agreement_against_the_gold_flags_it(candidate, answers, suspect):
    given = [
        candidate(
            index=i,
            verdict=Verdict(outcome=Outcome.CORRECT if a == "1" else Outcome.INCORRECT, extracted=a),
        )
        for i, a in enumerate(answers)
    ]
    found = [(s.answer, s.votes, s.rollouts) for s in audit_references(given)]
    assert found == ([suspect] if suspect else [])
