"""check-backend: proves a mapping, in counts and never in values."""
