"""Candidates to choose among, and a way to run one curation step on them."""

import pytest

from reasondistill.curation.candidate_source import Candidate, Source
from reasondistill.curation.curation_step import Context
from reasondistill.curation.ledger import Ledger
from reasondistill.records import Usage
from verifiers import Outcome, Verdict


@pytest.fixture(scope="session")
def candidate(make_problem, make_rollout):
    """Return a builder of a candidate from its problem, index, tokens, domain and text."""

    def build(number, index=0, tokens=10, subject="algebra", text=None):
        problem = make_problem(number, metadata={"subject": subject})
        rollout = make_rollout(problem, text, index=index, usage=Usage(completion_tokens=tokens))
        return Candidate(problem=problem, rollout=rollout, verdict=Verdict(outcome=Outcome.CORRECT))

    return build


@pytest.fixture(scope="session")
def run_step():
    """Return a function that runs a step on candidates and returns the kept ones; drops go to the ledger."""

    def run(step, candidates, ledger=None, **context):
        source = Source.of(candidates)
        return list(step(source, Context(source=source, ledger=ledger or Ledger(), **context)))

    return run
