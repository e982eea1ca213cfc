"""Use cases of the runner: no Flask, no SQL."""
