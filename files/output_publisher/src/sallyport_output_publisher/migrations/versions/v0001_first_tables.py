"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "requests",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("progress", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due", sa.Float(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "files",
        sa.Column("request", sa.String(26), primary_key=True),
        sa.Column("name", sa.String(1000), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("file_id", sa.String(100), nullable=False),
        sa.Column("uploaded_at", sa.String(32), nullable=False),
    )
