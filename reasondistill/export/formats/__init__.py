"""The formats that a dataset can be written in besides its main split, one line each.

A new format is a `Format` in a file here and a line in `FORMATS`. `export.formats` also takes your own, named
`package.module:NAME`, without a change here; see `table.Format`.
"""

__all__ = ["FORMATS", "GRPO"]

_HERE = "reasondistill.export.formats"
GRPO = "grpo"
FORMATS = {
    "messages": f"{_HERE}.rollouts:MESSAGES",
    "dpo": f"{_HERE}.pairs:DPO",
    "kto": f"{_HERE}.pairs:KTO",
    GRPO: f"{_HERE}.problems:GRPO",
    "prm": f"{_HERE}.steps:PRM",
    "kd": f"{_HERE}.problems:KD",
    "sharegpt": f"{_HERE}.rollouts:SHAREGPT",
    "open-r1": f"{_HERE}.problems:OPEN_R1",
    "openmathreasoning": f"{_HERE}.rollouts:OPENMATHREASONING",
    "numina-tir": f"{_HERE}.rollouts:NUMINA_TIR",
}
"""Place of each format's `Format` by its name."""
