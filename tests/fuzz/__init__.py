"""Hostile input: the same targets, tried shortly with the tests and for longer by `make fuzz`."""
