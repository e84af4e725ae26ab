"""Test-time scaling: how accuracy grows with the tokens that a model may spend, one after the other or in parallel."""
