"""Files of jobs: their volumes, the privacy trees, logs and records."""
