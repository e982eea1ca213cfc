"""How the database's tables came to be, revision by revision."""
