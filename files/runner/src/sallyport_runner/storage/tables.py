"""The runner's tables; a column for each field of the models."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

METADATA = MetaData()

job_requests = Table(
    "job_requests",
    METADATA,
    Column("identifier", String(64), primary_key=True),
    Column("payload_digest", String(64), nullable=False),
    Column("workspace", String(200), nullable=False),
    Column("repo", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("sha", String(64), nullable=False),
    Column("requested_actions", JSON, nullable=False),
    Column("cancelled_actions", JSON, nullable=False),
    Column("force_run_dependencies", Boolean, nullable=False),
    Column("database_name", String(100), nullable=False),
    Column("codelists_ok", Boolean, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("expired", Boolean, nullable=False),
    Column("permissions", JSON, nullable=False),
    Column("admitted", Boolean, nullable=False, index=True),
    Column("actions", JSON, nullable=False),
    Column("reported", JSON, nullable=False),
)

jobs = Table(
    "jobs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("request_id", String(64), nullable=False, index=True),
    Column("workspace", String(200), nullable=False),
    Column("action", String(200), nullable=False),
    Column("run_command", Text, nullable=False),
    Column("words", JSON, nullable=False),
    Column("outputs", JSON, nullable=False),
    Column("needs", JSON, nullable=False),
    Column("wait_for", JSON, nullable=False),
    Column("requires_db", Boolean, nullable=False),
    Column("origin", JSON, nullable=False),
    Column("code", String(40), nullable=False, index=True),
    Column("reason", String(40), nullable=False),
    Column("problem", Text, nullable=False),
    Column("server_message", Text, nullable=False),
    Column("unmatched", JSON, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("interruptions", Integer, nullable=False),
    Column("phase", String(20), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("image", Text, nullable=False),
    Column("files", JSON, nullable=False),
    Column("run_record", String(64), nullable=False),
    Column("stop", String(20), nullable=False),
    Column("cancelled_at", String(40)),
    Column("created_at", String(40), nullable=False),
    Column("created_order", Integer, nullable=False, index=True),
    Column("updated_at", String(40)),
    Column("started_at", String(40)),
    Column("completed_at", String(40)),
    Column("container_started", Float, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("terms", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("posted", Integer, nullable=False),
    # The latest job of each action is found without a look at the history of the workspace.
    Index("ix_jobs_latest", "workspace", "action", "created_order"),
    # What the job server lacks is found without a look at what it has.
    Index("ix_jobs_unposted", "created_order", sqlite_where=text("revision > posted")),
)

flags = Table(
    "flags",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", String(40)),
    Column("changed_at", String(40), nullable=False),
)

tasks = Table(
    "tasks",
    METADATA,
    Column("id", String(200), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("job_id", String(64), nullable=False, index=True),
    Column("stage", String(20), nullable=False),
    Column("answer", JSON, nullable=False),
    Column("closed", Boolean, nullable=False),
    Index("ix_tasks_open", "id", sqlite_where=text("closed = 0")),
)

task_updates = Table(
    "task_updates",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("task_id", String(200), nullable=False, index=True),
    Column("stage", String(20), nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("timestamp_ns", Integer, nullable=False),
    sqlite_autoincrement=True,
)
