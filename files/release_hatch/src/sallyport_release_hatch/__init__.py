"""The release hatch: people review outputs here before they leave the secure environment."""
