"""Teach a student from an exported dataset: `fit` does what every method shares, `methods/` holds the methods."""
