"""What is kept when nobody works with it any more, and for how long."""
