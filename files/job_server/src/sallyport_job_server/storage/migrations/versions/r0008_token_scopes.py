"""Access tokens have a scope, may be limited to a project, and say when they were used last.

Those from before may do all that their owner may. The number of the project has no foreign key,
which SQLite cannot add to a table: projects are never deleted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns."""
    op.add_column(
        "access_tokens",
        sa.Column("scope", sa.String(20), nullable=False, server_default="all"),
    )
    op.add_column("access_tokens", sa.Column("project_id", sa.Integer(), nullable=True))
    op.add_column("access_tokens", sa.Column("used_at", sa.String(32), nullable=True))
