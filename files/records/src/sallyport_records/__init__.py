"""Records that show tampering: the audit chain, signed envelopes, keys."""
