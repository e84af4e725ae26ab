"""Whether a program is right, by running it against tests: `from verifiers.code import grade_code`."""

from .grading import CodeVerdict, grade_code, judge_code

__all__ = ["CodeVerdict", "grade_code", "judge_code"]
