"""File formats: what is written and read, and by which names (csv, csv.gz, arrow, parquet)."""
