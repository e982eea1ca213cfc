"""The digest of the record that a runner signed for a job is kept where the runner cannot edit it.

Jobs from before have none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("jobs", sa.Column("run_record", sa.String(64), nullable=True))
