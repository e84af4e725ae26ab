"""The names of the export formats, apart from what they do: recipes and the command line need no more."""

GRPO = "grpo"
FORMATS = (
    *("messages", "dpo", "kto", GRPO, "prm", "kd"),
    *("sharegpt", "open-r1", "openmathreasoning", "numina-tir"),
)
"""Keys of export.formats.FORMATS."""
