"""Pages of the admin socket."""
