"""Blueprints: parse, ask a service, answer."""
