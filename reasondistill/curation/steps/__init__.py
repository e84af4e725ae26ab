"""The curation steps by name: one file each, with the step's options and what it drops.

A new step is a file here, a line in `STEPS`, and a line in `select.make_steps` if the recipe turns it on by an option.
`curate.custom` runs your own step, named `package.module:Name`, without a change here; see `curation_step`.
"""

__all__ = ["STEPS"]

# fmt: off
STEPS = {
    name: f"reasondistill.curation.steps.{place}"
    for name, place in {
        "licence": "licence:Licence", "outcome": "outcome:KeepOutcome", "complete": "complete:Complete",
        "quality": "quality:Quality", "duplicates": "duplicates:Duplicates", "pass_rate": "pass_rate:PassRate",
        "near_duplicates": "near_duplicates:NearDuplicates", "references": "references:References", "ifd": "ifd:Ifd",
        "limit": "limit:Limit", "selection": "s1k:S1k", "diversity": "diverse:Diverse",
        "small_set": "small_set:SmallSet", "token_budget": "token_budget:TokenBudget",
        "decontamination": "decontaminate:Decontaminate",
    }.items()
}
# fmt: on
"""Class of each step by its name in the ledger."""
