"""The run that a command names: a recipe, or a run folder."""

from ..records import Row
from ..report.assemble import count_rows
from ..report.run_results import RunResults
from ..run.recipe_run import RecipeRun


def curated(run: RecipeRun) -> tuple[Row, list[str]]:
    """Return the counts of a curated run, as a row and as lines."""
    counts = count_rows(RunResults(run.path))
    dropped = [
        f"dropped {n}: {step}, {reason}" for step, reasons in counts["drops"].items() for reason, n in reasons.items()
    ]
    folder = str(run.path)
    kept = f"{counts['examples']} of {counts['rollouts']} rollouts of {folder} become examples"
    return {"folder": folder, "counts": counts}, [*dropped, kept]
