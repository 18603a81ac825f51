"""What to do: a context goes in, verdicts come out; plain functions, no I/O."""
