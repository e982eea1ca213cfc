"""Statements for databases: emitter, connectors, execution."""
