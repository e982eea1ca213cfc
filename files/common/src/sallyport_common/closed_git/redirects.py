"""Where a forge says that a repository has moved to."""

from __future__ import annotations

from pathlib import Path

import requests

from sallyport_common.closed_git.process import Credential
from sallyport_common.http import session

DISCOVERY = "/info/refs?service=git-upload-pack"
TIMEOUT = (5.0, 10.0)


def new_location(url: str, ca_file: Path, credential: Credential | None = None) -> str | None:
    """Return the URL that the forge redirects a fetch to, without following it, or None.

    git itself does not print it. The answer is a stranger's text: check it before use.
    """
    auth = None
    if credential:
        user, _, password = credential.file.read_text(encoding="utf-8").strip().partition(":")
        auth = (user, password)
    try:
        with (
            session(ca_file, TIMEOUT, "git/sallyport") as client,
            client.get(url + DISCOVERY, auth=auth, allow_redirects=False, stream=True) as response,
        ):
            location = response.headers.get("Location", "") if response.is_redirect else ""
    except requests.RequestException:
        return None
    target, marker, _rest = location.partition("/info/refs")
    return target.removesuffix(".git") if marker else None
