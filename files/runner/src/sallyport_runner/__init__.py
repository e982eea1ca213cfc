"""Runs jobs beside the data: fetches requests, starts sandboxed containers, keeps outputs."""
