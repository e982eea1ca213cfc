"""Dummy data for runs without a database."""
