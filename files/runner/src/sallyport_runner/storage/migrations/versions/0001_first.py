"""Requests, jobs and flags."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "job_requests",
        sa.Column("identifier", sa.String(64), primary_key=True),
        sa.Column("payload_digest", sa.String(64), nullable=False),
        sa.Column("workspace", sa.String(200), nullable=False),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("branch", sa.Text, nullable=False),
        sa.Column("sha", sa.String(64), nullable=False),
        sa.Column("requested_actions", sa.JSON, nullable=False),
        sa.Column("cancelled_actions", sa.JSON, nullable=False),
        sa.Column("force_run_dependencies", sa.Boolean, nullable=False),
        sa.Column("database_name", sa.String(100), nullable=False),
        sa.Column("codelists_ok", sa.Boolean, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("expired", sa.Boolean, nullable=False),
        sa.Column("permissions", sa.JSON, nullable=False),
        sa.Column("admitted", sa.Boolean, nullable=False),
        sa.Column("actions", sa.JSON, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("workspace", sa.String(200), nullable=False),
        sa.Column("action", sa.String(200), nullable=False),
        sa.Column("run_command", sa.Text, nullable=False),
        sa.Column("words", sa.JSON, nullable=False),
        sa.Column("outputs", sa.JSON, nullable=False),
        sa.Column("needs", sa.JSON, nullable=False),
        sa.Column("wait_for", sa.JSON, nullable=False),
        sa.Column("requires_db", sa.Boolean, nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("unmatched", sa.JSON, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("phase", sa.String(20), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("files", sa.JSON, nullable=False),
        sa.Column("run_record", sa.String(64), nullable=False),
        sa.Column("stop", sa.String(20), nullable=False),
        sa.Column("cancelled_at", sa.String(40)),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("created_order", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.String(40)),
        sa.Column("started_at", sa.String(40)),
        sa.Column("completed_at", sa.String(40)),
        sa.Column("container_started", sa.Float, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("posted", sa.Integer, nullable=False),
    )
    op.create_table(
        "flags",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(40)),
        sa.Column("changed_at", sa.String(40), nullable=False),
    )
    op.create_index("ix_job_requests_admitted", "job_requests", ["admitted"])
    op.create_index("ix_jobs_request_id", "jobs", ["request_id"])
    op.create_index("ix_jobs_workspace", "jobs", ["workspace"])
    op.create_index("ix_jobs_code", "jobs", ["code"])
    op.create_index("ix_jobs_created_order", "jobs", ["created_order"])
