"""Interruptions of a job that nobody asked for are counted apart from its attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Count from now on: what interrupted a job before is not known."""
    column = sa.Column("interruptions", sa.Integer, nullable=False, server_default="0")
    op.add_column("jobs", column)
