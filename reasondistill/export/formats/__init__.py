"""The formats that a dataset can be written in besides its main split, one line each.

A new format is a `Format` in a file here and a line in `FORMATS`. `export.formats` also takes your own, named
`package.module:NAME`, without a change here; see `table.Format`.
"""

__all__ = ["FORMATS", "GRPO"]

GRPO = "grpo"
# fmt: off
FORMATS = {
    name: f"reasondistill.export.formats.{place}"
    for name, place in {
        "messages": "rollouts:MESSAGES", "dpo": "pairs:DPO", "kto": "pairs:KTO", GRPO: "problems:GRPO",
        "prm": "steps:PRM", "kd": "problems:KD", "sharegpt": "rollouts:SHAREGPT", "open-r1": "problems:OPEN_R1",
        "openmathreasoning": "rollouts:OPENMATHREASONING", "numina-tir": "rollouts:NUMINA_TIR",
    }.items()
}
# fmt: on
"""Place of each format's `Format` by its name."""
