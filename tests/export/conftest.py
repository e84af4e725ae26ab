"""A small run as the export formats see it: right and wrong rollouts of a few problems, some with code."""

import pytest

from reasondistill.curation.candidates import Candidate
from reasondistill.curation.rejected import wrong_beside
from reasondistill.curation.select import SelectOptions, select
from reasondistill.export.dataset import to_example
from reasondistill.export.material import gather
from reasondistill.generation.prompts import PromptTemplate
from reasondistill.records import Message, Usage
from verifiers import Outcome, Verdict

TEMPLATE = PromptTemplate(name="student", user="Solve: {question}", system="Be brief.")
CALL = {"id": "call_0", "type": "function", "function": {"name": "python", "arguments": '{"code": "1 + 1"}'}}
TOOL = {"type": "function", "function": {"name": "python", "parameters": {}}}


@pytest.fixture(scope="session")
def candidate(make_problem, make_rollout):
    """Return a builder of judged rollouts: (problem, index, text, outcome, tokens)."""

    def build(number=0, index=0, text=None, outcome=Outcome.CORRECT, tokens=10, problem=None, **fields):
        problem = problem or make_problem(number, source="own:set")
        usage = Usage(prompt_tokens=20, completion_tokens=tokens)
        rollout = make_rollout(problem, text, index=index, usage=usage, **fields)
        verdict = Verdict(outcome=outcome, extracted=problem.answer, method="boxed", verifier="rules 1")
        return Candidate(problem=problem, rollout=rollout, verdict=verdict)

    return build


@pytest.fixture(scope="session")
def coded(candidate):
    """Return a rollout that ran code twice, as a server's calls or in a text's fences."""

    def build(number=0, call=CALL, **fields):
        turns = (
            Message(role="user", content="1 + 1?"),
            Message(role="assistant", content="Let me see", tool_calls=(call,)),
            Message(role="tool", content="2"),
            Message(role="assistant", content="Again:\n", tool_calls=(call,)),
            Message(role="tool", content="2\n```\nnot the end"),
            Message(role="assistant", content="\\boxed{2}"),
        )
        return candidate(number, messages=turns, tools=(TOOL,), marks={"executions": 2}, **fields)

    return build


@pytest.fixture(scope="session")
def material():
    """Return a function from candidates to what the formats are made from, by way of curation."""

    def build(candidates, options=None, held_out=None):
        chosen = options or SelectOptions()
        kept = select(candidates, chosen, held_out).kept
        return gather(kept, lambda c: to_example(c, TEMPLATE), wrong_beside(kept, chosen))

    return build


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Return `datasets.load_dataset` with a cache of its own and no network."""
    for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "1")
    import datasets

    datasets.disable_progress_bars()
    return lambda *given, **options: datasets.load_dataset(
        *given, cache_dir=str(tmp_path / "cache"), split="train", **options
    )
