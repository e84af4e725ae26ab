"""Math and code reasoning distillation with verification. The command line is `reasondistill`; see README.md."""

__version__ = "0.1.0"
