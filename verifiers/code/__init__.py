"""Whether a program is right, by running it against tests: `from verifiers.code import grade_code`."""

from .forms import BadTests, read_tests
from .grading import CodeVerdict, grade_code, judge_code
from .problem import CodeProblem, code_problem

__all__ = ["BadTests", "CodeProblem", "CodeVerdict", "code_problem", "grade_code", "judge_code", "read_tests"]
