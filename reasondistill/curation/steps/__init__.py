"""The curation steps by name: one file each, with the step's options and what it drops.

A new step is a file here, a line in `STEPS`, and a line in `select.make_steps` if the recipe turns it on by an option.
`curate.custom` runs your own step, named `package.module:Name`, without a change here; see `curation_step`.
"""

__all__ = ["STEPS"]

_HERE = "reasondistill.curation.steps"
STEPS = {
    "licence": f"{_HERE}.licence:Licence",
    "outcome": f"{_HERE}.outcome:KeepOutcome",
    "complete": f"{_HERE}.complete:Complete",
    "quality": f"{_HERE}.quality:Quality",
    "duplicates": f"{_HERE}.duplicates:Duplicates",
    "near_duplicates": f"{_HERE}.near_duplicates:NearDuplicates",
    "pass_rate": f"{_HERE}.pass_rate:PassRate",
    "references": f"{_HERE}.references:References",
    "ifd": f"{_HERE}.ifd:Ifd",
    "limit": f"{_HERE}.limit:Limit",
    "selection": f"{_HERE}.s1k:S1k",
    "diversity": f"{_HERE}.diverse:Diverse",
    "small_set": f"{_HERE}.small_set:SmallSet",
    "token_budget": f"{_HERE}.token_budget:TokenBudget",
    "decontamination": f"{_HERE}.decontaminate:Decontaminate",
}
"""Class of each step by its name in the ledger."""
