"""What was submitted is known by its key for a day, so that one sent twice is one request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "submissions",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("job_request_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_submissions_user_id"),
        sa.ForeignKeyConstraint(
            ["job_request_id"], ["job_requests.id"], name="fk_submissions_job_request_id"
        ),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_submissions"),
    )
    op.create_index("ix_submissions_job_request_id", "submissions", ["job_request_id"])
