"""A set of files that is proposed for publication can be rejected, withdrawn and talked about.

What is done by the clock is noted, so that one of several processes does it. Job requests keep
a note of the person, and the needs of their actions, from which their graph is drawn. Jobs are
found by three indexes that answer alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the decision about a set, comments, when what is due, and what requests keep."""
    op.create_table(
        "chores",
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("due_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_chores"),
    )
    op.add_column("snapshots", sa.Column("rejected_by", sa.String(100), nullable=True))
    op.add_column("snapshots", sa.Column("rejected_at", sa.String(32), nullable=True))
    op.create_table(
        "snapshot_comments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(100), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshots.id"], name="fk_snapshot_comments_snapshot_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_snapshot_comments"),
    )
    op.create_index("ix_snapshot_comments_snapshot_id", "snapshot_comments", ["snapshot_id"])
    op.create_index("ix_jobs_request_action", "jobs", ["job_request_id", "action", "id"])
    op.create_index("ix_jobs_request_status", "jobs", ["job_request_id", "status", "status_code"])
    op.create_index("ix_jobs_action", "jobs", ["action", "id"])
    op.drop_index("ix_jobs_job_request_id", "jobs")
    op.add_column("job_requests", sa.Column("planned_needs", sa.JSON(), nullable=True))
    op.add_column(
        "job_requests", sa.Column("note", sa.String(500), nullable=False, server_default="")
    )
