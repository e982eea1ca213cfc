"""Where the code of a job comes from, if it is a reusable action."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; jobs so far ran the code of their study."""
    op.add_column("jobs", sa.Column("origin", sa.JSON(), nullable=False, server_default="{}"))
