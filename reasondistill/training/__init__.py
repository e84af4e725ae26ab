"""Step 7 of the pipeline: a student learns from the exported rows, by TRL, after a check of what it would learn."""
