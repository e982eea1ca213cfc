"""File formats of outputs."""
