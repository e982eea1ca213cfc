"""Indexes that keep the work of a change apart from the length of the history."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Find the latest job of an action, and what the job server lacks, by an index."""
    op.create_index("ix_jobs_latest", "jobs", ["workspace", "action", "created_order"])
    op.create_index(
        "ix_jobs_unposted", "jobs", ["created_order"], sqlite_where=sa.text("revision > posted")
    )
    op.drop_index("ix_jobs_workspace", "jobs")
