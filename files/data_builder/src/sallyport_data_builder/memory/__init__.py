"""The reference engine: plain loops that define what a query means."""
