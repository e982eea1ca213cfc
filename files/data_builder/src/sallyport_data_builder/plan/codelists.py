"""Which sets of constants are too long to be written out in a statement (PLN-05)."""

from __future__ import annotations

from collections.abc import Iterable

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Node, topological
from sallyport_data_builder.plan.options import Options


def in_tables(roots: Iterable[Node], options: Options) -> list[op.Constants]:
    """Return the sets that are stored as keyed scratch tables."""
    limit = options.max_literals if options.on("literals") else 0
    found = [node for node in topological(roots) if isinstance(node, op.Constants)]
    return [node for node in found if len(node.values) > limit]
