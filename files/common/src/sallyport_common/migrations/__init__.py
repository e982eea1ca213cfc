"""What runs the revisions of every component."""
