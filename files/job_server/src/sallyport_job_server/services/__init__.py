"""The use cases: no Flask, no SQL. Each change is recorded in the transaction that makes it."""
