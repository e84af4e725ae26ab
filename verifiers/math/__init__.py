"""Judges answers to mathematics problems: `from verifiers.math import grade, grade_many`."""

from ..clash import refuse_mixed_files

refuse_mixed_files()

from .gold import Gold, compile_gold  # noqa: E402
from .grading import grade, grade_many  # noqa: E402
from .policy import DEFAULT, EXACT, PHYSICS, POLICIES, Policy  # noqa: E402

__all__ = ["DEFAULT", "EXACT", "PHYSICS", "POLICIES", "Gold", "Policy", "compile_gold", "grade", "grade_many"]
