"""Judges answers to mathematics problems: `from verifiers.math import grade, grade_many`."""

from ..clash import refuse_mixed_files

refuse_mixed_files()

from .grading import grade, grade_many  # noqa: E402

__all__ = ["grade", "grade_many"]
