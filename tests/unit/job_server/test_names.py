"""Names and mail addresses are one person's whatever their case, also after a migration."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.unit.job_server.rig import PASSWORD, Rig

from sallyport_common import revisions
from sallyport_common.database import write
from sallyport_common.problems import ConflictError, Problem
from sallyport_job_server.models import Operator, User
from sallyport_job_server.services import checks
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.storage import users
from sallyport_job_server.storage.database import MIGRATIONS, PACKAGE, Database
from sallyport_job_server.storage.tables import AUDIT

PROPOSED_BY_RITA = (
    "INSERT INTO projects (id, slug, name, ongoing, created_at) VALUES (1, 'p', 'P', 1, '')",
    "INSERT INTO workspaces (id, project_id, name, repo, branch, archived, created_at,"
    " created_by_id) VALUES (1, 1, 'w', '', '', 0, '', 2)",
    "INSERT INTO snapshots (workspace_id, key, created_by, created_at) VALUES (1, 'k', 'Rita', '')",
)


def make(rig: Rig, username: str, email: str = "") -> User:
    """Make an account."""
    return rig.services.accounts.create(
        Operator(), username=username, fullname="N", email=email, password=PASSWORD
    )


def test_a_name_or_a_mail_address_is_taken_whatever_its_case(rig: Rig) -> None:
    with pytest.raises(ConflictError, match="The user name RITA is already taken"):
        make(rig, "RITA")
    with pytest.raises(ConflictError, match="that of another account"):
        make(rig, "other", "Rita@Example.ORG")
    assert make(rig, "First").username == "First"
    assert make(rig, "second").email == ""  # two without a mail address


def test_people_are_found_whatever_the_case(rig: Rig) -> None:
    person = rig.services.accounts.log_in("RITA", PASSWORD, "", "local")
    assert person.username == "rita"
    token = rig.services.access_tokens.create(person, Wish("t"))
    assert rig.services.access_tokens.owner(f"Rita:{token}").id == person.id
    with rig.services.database.read() as connection:
        found = [users.by_name_or_email(connection, one) for one in ("RITA", "RITA@example.org")]
    assert [one.username for one in found if one] == ["rita", "rita"]


def test_a_mail_address_is_changed_by_who_manages_accounts(rig: Rig) -> None:
    ada = rig.browser("ada")
    form = {"is_active": "true", "backends": ["hospital"], "fullname": "Rita M."}
    assert ada.post("/staff/users/rita/", form | {"email": "cora@example.org"}).status_code == 409
    assert ada.post("/staff/users/rita/", form | {"email": "new@example.org"}).status_code == 302
    page = ada.get("/staff/users/rita/").text
    assert "Rita M." in page
    assert "new@example.org" in page
    assert make(rig, "other", "rita@example.org")  # free again


@pytest.mark.parametrize("text", ["a", "a@", "@b", "a b@c", "a@b@c", "<a@b>", "a@b,c@d", "a\n@b"])
def test_what_is_no_mail_address_is_refused(text: str) -> None:
    with pytest.raises(Problem, match=r"looks like name@example\.org"):
        checks.mail_address(text)
    assert checks.mail_address(" rita@example.org ") == "rita@example.org"


@pytest.mark.parametrize(
    "text",
    ["aaaaaaaaaaaa", " " * 12, "password1234", "qwertyuiop12", "sallyportrita"],
)
def test_a_password_that_is_easy_to_guess_is_refused_with_advice(text: str) -> None:
    with pytest.raises(Problem, match=r"easy to guess\. .+\."):
        checks.password(text, "rita", "Rita Meyer", "rita@example.org")
    assert checks.password(PASSWORD, "rita") == PASSWORD
    assert checks.password(f"{PASSWORD}{'x' * 4000}").startswith(PASSWORD)  # in good time


def test_accounts_from_before_are_told_apart_and_the_audit_says_so(tmp_path: Path) -> None:
    engine = Database(f"sqlite:///{tmp_path}/old.sqlite3", None, tmp_path).engine
    revisions.migrate(engine, PACKAGE, MIGRATIONS, "0005")
    row = {
        "fullname": "N", "password_hash": "", "totp_step": 0, "roles": "[]", "is_active": True,
        "created_at": "2026-11-23T06:15:04Z",
    }  # fmt: skip
    people = [
        ("rita", "r@x.org"), ("Rita", "R@X.org"), ("RITA", ""), ("cora", ""), ("rita-2", ""),
    ]  # fmt: skip
    with write(engine) as connection:
        for name, mail in people:
            values = row | {"username": name, "email": mail}
            table = sa.table("users", *map(sa.column, values))
            connection.execute(table.insert().values(values))
        for statement in PROPOSED_BY_RITA:
            connection.execute(sa.text(statement))
    revisions.migrate(engine, PACKAGE, MIGRATIONS)
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT username, email FROM users ORDER BY id")).all()
        assert [tuple(one) for one in found] == [
            ("rita", "r@x.org"), ("Rita-3", ""), ("RITA-4", ""), ("cora", ""), ("rita-2", ""),
        ]  # fmt: skip
        # Who proposed a set may not publish it, whatever the account is called by now.
        assert connection.execute(sa.text("SELECT created_by FROM snapshots")).scalar() == "Rita-3"
        assert AUDIT.verify(connection).intact
        assert AUDIT.verify(connection).rows == 2
    engine.dispose()
