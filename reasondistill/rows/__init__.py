"""Rows of anybody's files: reading them, what their columns mean, and the problems and completions in them."""
