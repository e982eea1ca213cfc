"""Revisions of the runner's database."""
