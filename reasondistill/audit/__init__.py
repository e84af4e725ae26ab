"""Checking a dataset again: our own by its receipts, anybody's by what its rows claim. Needs no model library."""
