"""Candidates to choose among."""

import pytest

from reasondistill.curation.candidates import Candidate
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
