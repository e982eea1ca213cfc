"""The one way out of the secure zone: it decides every request and refuses by default."""
