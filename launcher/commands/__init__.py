"""One module per command of the launcher, each with `execute(options)`, which returns a code."""
