"""Signed tokens with which a person's tools read a workspace at the hatch, as classic ones do."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

from itsdangerous import Signer

from sallyport_common.problems import ForbiddenError, NotFoundError
from sallyport_common.settings import Secret
from sallyport_job_server.models import User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access
from sallyport_job_server.storage import backends
from sallyport_job_server.storage.database import Database

SALT = "hatch"
LIFETIME = timedelta(minutes=30)


class HatchTokens:
    """Signs what the hatch verifies; the key is shared with the hatch and used for nothing else."""

    def __init__(self, database: Database, key: Secret) -> None:
        self._database = database
        self._signer = Signer(
            key.reveal(), salt=SALT, key_derivation="hmac", digest_method=hashlib.sha256
        )

    def create(self, user: User, workspace_name: str, slug: str) -> dict[str, str]:
        """Return url, token and expiry for one workspace of one backend."""
        expiry = (datetime.now(UTC) + LIFETIME).isoformat(timespec="seconds")
        with self._database.change(user.username) as change:
            workspace = access.visible_workspace(change.connection, user, workspace_name)
            access.require(
                change.connection, user, Permission.UNRELEASED_OUTPUTS_VIEW, workspace.project_id
            )
            backend = backends.by_slug(change.connection, slug)
            if backend is None or not backend.hatch_url:
                raise NotFoundError(f"The backend '{slug}' has no release hatch.")
            if not backends.is_member(change.connection, user.id, backend.id):
                raise ForbiddenError(f"You do not have access to the backend '{slug}'.")
            change.record("hatch_token.create", workspace_name, backend=slug, expires_at=expiry)
        url = f"{backend.hatch_url}/workspace/{workspace_name}"
        payload = json.dumps({"url": url, "user": user.username, "expiry": expiry})
        return {"url": url, "token": self._signer.sign(payload).decode(), "expires_at": expiry}
