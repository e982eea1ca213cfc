"""Names and mail addresses are unique whatever their case; recovery codes; links for a password.

Of two accounts whose names differ only in case the newer is renamed, and of two with one mail
address the newer loses it. The audit says so, as no administrator was asked.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sallyport_job_server.storage import tables

revision = "0006"
down_revision = "0005"

_users = sa.table(
    "users",
    sa.column("id", sa.Integer),
    sa.column("username", sa.String),
    sa.column("name_key", sa.String),
    sa.column("email", sa.String),
    sa.column("mail_key", sa.String),
)
_snapshots = sa.table("snapshots", sa.column("created_by", sa.String))


def upgrade() -> None:
    """Add the keys and fill them, then the tables and the reason why a file was removed."""
    op.add_column("users", sa.Column("name_key", sa.String(100), nullable=False, server_default=""))
    op.add_column("users", sa.Column("mail_key", sa.String(400), nullable=True))
    _fill(op.get_bind())
    op.create_index("ix_users_name_key", "users", ["name_key"], unique=True)
    op.create_index("ix_users_mail_key", "users", ["mail_key"], unique=True)
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_recovery_codes_user_id"),
        sa.PrimaryKeyConstraint("user_id", "digest", name="pk_recovery_codes"),
    )
    op.create_table(
        "password_links",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_password_links_user_id"),
        sa.PrimaryKeyConstraint("user_id", name="pk_password_links"),
        sa.UniqueConstraint("digest", name="uq_password_links_digest"),
    )
    op.add_column(
        "release_files",
        sa.Column("deleted_reason", sa.String(500), nullable=False, server_default=""),
    )


def _fill(connection: sa.Connection) -> None:
    names: set[str] = set()
    mails: set[str] = set()
    rows = connection.execute(sa.select(_users).order_by(_users.c.id)).all()
    every = {row.username.casefold() for row in rows}
    for row in rows:
        name = _free(row.username, every) if row.username.casefold() in names else row.username
        mail = row.email.strip()
        if mail.casefold() in mails:
            mail = ""
        values = {"username": name, "name_key": name.casefold(), "email": mail}
        values["mail_key"] = mail.casefold() or None
        connection.execute(_users.update().where(_users.c.id == row.id).values(values))
        names.add(name.casefold())
        every.add(name.casefold())
        mails.add(mail.casefold() or "-")
        if (name, mail) != (row.username, row.email.strip()):
            _tell(connection, row.username, name, row.email, mail)
            proposed = _snapshots.update().where(_snapshots.c.created_by == row.username)
            connection.execute(proposed.values(created_by=name))  # who may not publish them


def _free(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free.casefold() in taken:
        free, number = f"{name[:90]}-{number}", number + 1
    return free


def _tell(connection: sa.Connection, old: str, new: str, mail: str, kept: str) -> None:
    data = {"username": new, "email": kept, "before": {"username": old, "email": mail}}
    tables.AUDIT.append(connection, actor="system", event="user.unique", object=new, data=data)
