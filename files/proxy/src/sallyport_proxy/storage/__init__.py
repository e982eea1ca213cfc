"""What the proxy keeps: cached bytes and the log of decisions."""
