"""Compiles study definitions to plans and executes plans on an integrator's database."""

__version__ = "0.1.0"
