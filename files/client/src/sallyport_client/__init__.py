"""The researcher's command line: submits, watches and cancels job requests, fetches releases."""
