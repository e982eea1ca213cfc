"""What the job server told of jobs that a lost database knew."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; no request and no job so far has anything in them."""
    op.add_column(
        "job_requests", sa.Column("reported", sa.JSON, nullable=False, server_default="[]")
    )
    op.add_column("jobs", sa.Column("server_message", sa.Text, nullable=False, server_default=""))
