"""Runs a study on a researcher's machine with the code, the sandbox and the checks of a backend."""
