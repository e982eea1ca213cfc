"""A backend's reports are counted, so that who follows a request is told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "backends", sa.Column("reports", sa.Integer(), nullable=False, server_default="0")
    )
