"""HTTP side of the proxy: one view for all requests."""
