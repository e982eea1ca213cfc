"""Use cases: what may pass, and how it is fetched. No Flask."""
