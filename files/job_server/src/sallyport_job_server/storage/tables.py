"""The tables. Times are UTC texts of the wire format, so that they sort and compare as text."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from sallyport_common.protocol import LONGEST_ACTION, LONGEST_IDENTIFIER, LONGEST_STATUS_CODE
from sallyport_records.chain import Chain

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
AUDIT = Chain(METADATA)
LONGEST_NOTE = 500
"""Characters of the note that a person leaves with a job request."""
LONGEST_FAULT = 300
"""Characters that are kept of why a message could not be handed over."""
LONGEST_KEY = 200
"""Characters of the key by which a person's submission is known."""


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _time(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, String(32), nullable=optional)


def _of(table: str, name: str, *, optional: bool = False) -> Column[int]:
    return Column(name, Integer, ForeignKey(f"{table}.id"), nullable=optional, index=True)


users = Table(
    "users",
    METADATA,
    _id(),
    Column("username", String(100), nullable=False, unique=True),
    Column("name_key", String(100), nullable=False, server_default="", index=True, unique=True),
    Column("fullname", String(200), nullable=False),
    Column("email", String(200), nullable=False),
    Column("mail_key", String(400), index=True, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("totp_secret", String(64)),
    Column("totp_step", Integer, nullable=False, default=0),
    Column("roles", JSON, nullable=False),
    Column("is_active", Boolean, nullable=False, default=True),
    _time("created_at"),
    Column("muted", JSON, nullable=False, default=list, server_default="[]"),
)

messages = Table(
    "messages",
    METADATA,
    _id(),
    _of("users", "user_id", optional=True),
    Column("webhook", String(100), nullable=False, server_default=""),
    Column("kind", String(40), nullable=False),
    Column("data", JSON, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("fault", String(LONGEST_FAULT), nullable=False, default=""),
    _time("created_at"),
    Column("due_at", String(32), nullable=False, index=True),
)

sessions = Table(
    "sessions",
    METADATA,
    _id(),
    _of("users", "user_id"),
    Column("digest", String(64), nullable=False, unique=True),
    Column("address", String(60), nullable=False),
    Column("agent", String(200), nullable=False),
    _time("created_at"),
    _time("seen_at"),
    _time("expires_at"),
)

identities = Table(
    "identities",
    METADATA,
    _id(),
    _of("users", "user_id"),
    Column("issuer", String(300), nullable=False),
    Column("subject", String(255), nullable=False),
    _time("created_at"),
    _time("used_at"),
    UniqueConstraint("issuer", "subject"),
)

device_logins = Table(
    "device_logins",
    METADATA,
    _id(),
    Column("digest", String(64), nullable=False, unique=True),
    Column("code", String(8), nullable=False, unique=True),
    Column("label", String(100), nullable=False),
    Column("address", String(60), nullable=False),
    Column("state", String(10), nullable=False),
    _of("users", "user_id", optional=True),
    _time("created_at"),
    _time("expires_at"),
)

recovery_codes = Table(
    "recovery_codes",
    METADATA,
    Column("user_id", Integer, ForeignKey("users.id"), primary_key=True),
    Column("digest", String(64), primary_key=True),
)

password_links = Table(
    "password_links",
    METADATA,
    Column("user_id", Integer, ForeignKey("users.id"), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    _time("created_at"),
    _time("expires_at"),
)

access_tokens = Table(
    "access_tokens",
    METADATA,
    _id(),
    _of("users", "user_id"),
    Column("label", String(100), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scope", String(20), nullable=False, server_default="all"),
    Column("project_id", Integer),
    _time("created_at"),
    _time("expires_at"),
    _time("used_at", optional=True),
    _time("revoked_at", optional=True),
)

login_tokens = Table(
    "login_tokens",
    METADATA,
    _id(),
    _of("users", "user_id"),
    Column("digest", String(64), nullable=False),
    _time("created_at"),
    _time("expires_at"),
    _time("used_at", optional=True),
)

failures = Table(
    "failures",
    METADATA,
    Column("name", String(250), primary_key=True),
    Column("count", Integer, nullable=False),
    _time("since"),
)

chores = Table(
    "chores",
    METADATA,
    Column("name", String(50), primary_key=True),
    _time("due_at"),
)

projects = Table(
    "projects",
    METADATA,
    _id(),
    Column("slug", String(100), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("ongoing", Boolean, nullable=False, default=True),
    _time("created_at"),
)

members = Table(
    "members",
    METADATA,
    Column("user_id", Integer, ForeignKey("users.id"), primary_key=True),
    Column("project_id", Integer, ForeignKey("projects.id"), primary_key=True),
    Column("roles", JSON, nullable=False),
)

backends = Table(
    "backends",
    METADATA,
    _id(),
    Column("slug", String(100), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("hatch_url", String(500), nullable=False),
    Column("is_active", Boolean, nullable=False, default=True),
    Column("changes", Integer, nullable=False, default=0),
    Column("reports", Integer, nullable=False, default=0, server_default="0"),
    Column("flags", JSON, nullable=False),
    _time("last_seen_at", optional=True),
    _time("created_at"),
)

backend_members = Table(
    "backend_members",
    METADATA,
    Column("user_id", Integer, ForeignKey("users.id"), primary_key=True),
    Column("backend_id", Integer, ForeignKey("backends.id"), primary_key=True),
)

backend_tokens = Table(
    "backend_tokens",
    METADATA,
    _id(),
    _of("backends", "backend_id"),
    Column("scope", String(20), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    _time("created_at"),
)

workspaces = Table(
    "workspaces",
    METADATA,
    _id(),
    Column("name", String(100), nullable=False, unique=True),
    _of("projects", "project_id"),
    Column("repo", String(500), nullable=False),
    Column("branch", String(250), nullable=False),
    Column("archived", Boolean, nullable=False, default=False),
    _of("users", "created_by_id"),
    _time("created_at"),
)

job_requests = Table(
    "job_requests",
    METADATA,
    _id(),
    Column("identifier", String(16), nullable=False, unique=True),
    _of("workspaces", "workspace_id"),
    _of("backends", "backend_id"),
    Column("sha", String(64), nullable=False),
    Column("branch", String(250), nullable=False),
    Column("requested_actions", JSON, nullable=False),
    Column("cancelled_actions", JSON, nullable=False),
    Column("force_run_dependencies", Boolean, nullable=False),
    Column("codelists_ok", Boolean, nullable=False),
    Column("database_name", String(100), nullable=False),
    Column("project_yaml", Text, nullable=False),
    Column("planned_actions", JSON(none_as_null=True)),
    Column("planned_needs", JSON(none_as_null=True)),
    Column("note", String(LONGEST_NOTE), nullable=False, server_default=""),
    Column("envelope", Text, nullable=False),
    _of("users", "created_by_id"),
    _time("created_at"),
    _time("expires_at"),
)

submissions = Table(
    "submissions",
    METADATA,
    Column("user_id", Integer, ForeignKey("users.id"), primary_key=True),
    Column("key", String(LONGEST_KEY), primary_key=True),
    Column("digest", String(64), nullable=False),
    _of("job_requests", "job_request_id"),
    _time("created_at"),
)

jobs = Table(
    "jobs",
    METADATA,
    _id(),
    Column("identifier", String(LONGEST_IDENTIFIER), nullable=False, unique=True),
    Column("job_request_id", Integer, ForeignKey("job_requests.id"), nullable=False),
    Column("action", String(LONGEST_ACTION), nullable=False),
    Column("run_command", Text, nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("status_code", String(LONGEST_STATUS_CODE), nullable=False),
    Column("status_message", Text, nullable=False),
    _time("created_at"),
    _time("updated_at", optional=True),
    _time("started_at", optional=True),
    _time("completed_at", optional=True),
    Column("requires_db", Boolean, nullable=False),
    Column("trace_context", JSON(none_as_null=True)),
    Column("metrics", JSON(none_as_null=True)),
    Column("run_record", String(64)),
    # The latest job of each action, the state of a request, and the runs of an action are read
    # from these alone, whatever a workspace has seen in years.
    Index("ix_jobs_request_action", "job_request_id", "action", "id"),
    Index("ix_jobs_request_status", "job_request_id", "status", "status_code"),
    Index("ix_jobs_action", "action", "id"),
)

releases = Table(
    "releases",
    METADATA,
    Column("id", String(26), primary_key=True),
    _of("workspaces", "workspace_id"),
    _of("backends", "backend_id"),
    _of("users", "created_by_id"),
    _time("created_at"),
    Column("details", JSON, nullable=False),
)

release_files = Table(
    "release_files",
    METADATA,
    Column("id", String(26), primary_key=True),
    Column("release_id", String(26), ForeignKey("releases.id"), nullable=False, index=True),
    Column("name", String(1000), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("date", String(40), nullable=False),
    Column("details", JSON, nullable=False),
    Column("review", JSON(none_as_null=True)),
    Column("uploaded_by", String(100)),
    _time("uploaded_at", optional=True),
    Column("deleted_by", String(100)),
    _time("deleted_at", optional=True),
    Column("deleted_reason", String(500), nullable=False, server_default=""),
    UniqueConstraint("release_id", "name"),
)

snapshots = Table(
    "snapshots",
    METADATA,
    _id(),
    _of("workspaces", "workspace_id"),
    Column("key", String(64), nullable=False),
    Column("created_by", String(100), nullable=False),
    _time("created_at"),
    Column("published_by", String(100)),
    _time("published_at", optional=True),
    Column("rejected_by", String(100)),
    _time("rejected_at", optional=True),
    UniqueConstraint("workspace_id", "key"),
)

snapshot_comments = Table(
    "snapshot_comments",
    METADATA,
    _id(),
    _of("snapshots", "snapshot_id"),
    Column("kind", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("created_by", String(100), nullable=False),
    _time("created_at"),
)

snapshot_files = Table(
    "snapshot_files",
    METADATA,
    Column("snapshot_id", Integer, ForeignKey("snapshots.id"), primary_key=True),
    Column("file_id", String(26), ForeignKey("release_files.id"), primary_key=True),
)
