"""The actions that a request may run are kept with it, so that nobody parses its file again.

Requests from before have none; their file is parsed when they are cancelled before they start.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("job_requests", sa.Column("planned_actions", sa.JSON(), nullable=True))
