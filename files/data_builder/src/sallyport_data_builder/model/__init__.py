"""The query model: immutable nodes with type and domain rules, and the plan that holds them."""
