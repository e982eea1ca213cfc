"""The planner: which relations a dataset needs, and in which order."""
