"""Use cases of the hatch: no Flask, no SQL."""
