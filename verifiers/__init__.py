"""Decides whether a completion's answer is right. `from verifiers import Outcome, Verdict, verify, verify_many`.

Light to import: `verifiers.math` and `verifiers.code` load when they are used.
"""

OWNER = "reasondistill"
"""Distinguishes this package from another one with the same name; see `clash.py`."""

from .clash import refuse_mixed_files  # noqa: E402 - must run before anything else of a mixed folder is read

refuse_mixed_files()

from .dispatch import verify  # noqa: E402
from .many import verify_many  # noqa: E402
from .verdict import BAD_GOLD, Outcome, Verdict  # noqa: E402

__all__ = ["BAD_GOLD", "OWNER", "Outcome", "Verdict", "verify", "verify_many"]
