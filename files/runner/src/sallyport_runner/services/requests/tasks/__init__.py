"""From a controller's tasks to jobs, and back: what is told about them (OpenSAFELY's task API)."""
