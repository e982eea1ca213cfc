"""Tasks of the task API, and what the controller has yet to be told about them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables; no job so far came as a task."""
    op.add_column("jobs", sa.Column("terms", sa.JSON, nullable=False, server_default="{}"))
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False),
    )
    op.create_table(
        "task_updates",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(200), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("timestamp_ns", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tasks_job_id", "tasks", ["job_id"])
    op.create_index("ix_tasks_open", "tasks", ["id"], sqlite_where=sa.text("closed = 0"))
    op.create_index("ix_task_updates_task_id", "task_updates", ["task_id"])
