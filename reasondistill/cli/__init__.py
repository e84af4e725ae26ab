"""The command line: one file per command, each with HELP, `add(parser)` and `run(args)`."""
