"""The output publisher: carries approved files outward and decides nothing."""
