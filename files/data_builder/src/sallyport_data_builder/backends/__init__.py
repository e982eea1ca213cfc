"""Backends: mappings from standard tables to physical ones, and their checks."""
