"""SQL and files: what the job server keeps, and nothing about why."""
