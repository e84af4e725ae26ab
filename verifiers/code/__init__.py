"""Whether a program is right, by running it against tests: `from verifiers.code import grade_code`."""

from .forms import BadTests, CodeProblem, code_problem, read_tests
from .grading import CodeVerdict, grade_code, judge_code

__all__ = ["BadTests", "CodeProblem", "CodeVerdict", "code_problem", "grade_code", "judge_code", "read_tests"]
