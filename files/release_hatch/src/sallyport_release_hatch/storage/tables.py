"""The tables of the hatch's database."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from sallyport_records.chain import Chain

metadata = MetaData()
audit = Chain(metadata)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("username", String(200), nullable=False),
    Column("identity", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("authorised", Float, nullable=False),
)

login_failures = Table(
    "login_failures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", String(200), nullable=False, index=True),
    Column("time", Float, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("workspace", String(200), nullable=False, index=True),
    Column("author", String(200), nullable=False, index=True),
    Column("state", String(20), nullable=False, index=True),
    Column("turn", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("decided_by", String(200)),
    Column("decided_at", String(32)),
    Column("problem", Text),
)

groups = Table(
    "file_groups",
    metadata,
    Column("request", String(26), ForeignKey("requests.id"), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("context", Text, nullable=False),
    Column("controls", Text, nullable=False),
)

files = Table(
    "request_files",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("request", String(26), ForeignKey("requests.id"), nullable=False, index=True),
    Column("group_name", String(100), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("name", String(1000), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("date", String(40), nullable=False),
    Column("job_id", String(100), nullable=False),
    Column("commit", String(64), nullable=False),
    Column("findings", JSON, nullable=False),
    Column("uploaded", Boolean, nullable=False),
    Column("file_id", String(100)),
    UniqueConstraint("request", "name"),
)

votes = Table(
    "votes",
    metadata,
    Column("file", String(26), ForeignKey("request_files.id"), primary_key=True),
    Column("reviewer", String(200), primary_key=True),
    Column("vote", String(20), nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request", String(26), ForeignKey("requests.id"), nullable=False, index=True),
    Column("turn", Integer, nullable=False),
    Column("reviewer", String(200), nullable=False),
    UniqueConstraint("request", "turn", "reviewer"),
)

comments = Table(
    "comments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request", String(26), ForeignKey("requests.id"), nullable=False, index=True),
    Column("group_name", String(100), nullable=False),
    Column("author", String(200), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("created_at", String(32), nullable=False),
)

events = Table(
    "airlock_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("body", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Float, nullable=False, index=True),
)
