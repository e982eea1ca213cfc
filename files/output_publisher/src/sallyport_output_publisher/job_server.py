"""The job server as a place to publish to: create a release, upload its files, both repeatable."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from sallyport_common.manifests import ApprovedFile
from sallyport_output_publisher.models import (
    ApprovedRequest,
    PostponedError,
    RefusedError,
)

ALREADY = "already been uploaded"


class JobServerTarget:
    """Publishes to one job server with the backend's publish token."""

    def __init__(self, client: requests.Session, base: str, token: str) -> None:
        self._client, self._base = client, base.rstrip("/") + "/api/v2/releases"
        self._token = token

    def create(self, request: ApprovedRequest) -> None:
        """Make sure that the release exists, under the request's own id."""
        answer = self._post(
            request, f"/workspace/{quote(request.manifest.workspace)}", json=_body(request)
        )
        if answer.status_code == HTTPStatus.CONFLICT:
            raise RefusedError(["The job server has a release of this id with other files."])
        if answer.status_code != HTTPStatus.CREATED:
            raise PostponedError(f"The job server did not create the release: {_detail(answer)}")
        if answer.headers.get("Release-Id") != request.id:
            raise RefusedError(["The job server gave the release another id."])

    def upload(self, request: ApprovedRequest, file: ApprovedFile, data: bytes) -> str:
        """Send a file and return the job server's id of it; empty if it was there before."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; {_filename(file.name)}",
        }
        answer = self._post(request, f"/release/{request.id}", data=data, headers=headers)
        if answer.status_code == HTTPStatus.CREATED:
            return answer.headers.get("File-Id", "")
        detail = _detail(answer)
        if answer.status_code == HTTPStatus.BAD_REQUEST and ALREADY in detail:
            return answer.headers.get("File-Id", "")
        raise PostponedError(f"The job server did not take {file.name}: {detail}")

    def _post(
        self,
        request: ApprovedRequest,
        path: str,
        *,
        json: dict[str, Any] | None = None,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        sent = {
            "Authorization": self._token,
            "OS-User": request.manifest.releasing_checker,
            "Accept": "application/json",
        }
        try:
            return self._client.post(
                self._base + path,
                json=json,
                data=data,
                headers=sent | (headers or {}),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise PostponedError(
                f"The job server cannot be reached ({type(error).__name__})."
            ) from None


def _body(request: ApprovedRequest) -> dict[str, Any]:
    files: list[dict[str, Any]] = [
        {
            "name": file.name,
            "url": file.name,
            "size": file.size,
            "sha256": file.sha256,
            "date": file.date,
            "metadata": {},
            "review": None,
        }
        for file in request.files
    ]
    metadata = {
        "tool": "release-hatch",
        "airlock_id": request.id,
        "author": request.manifest.author,
        "reviewers": list(request.manifest.reviewers),
        "policy": request.manifest.policy,
        "manifest_sha256": request.manifest_sha256,
    }
    return {"files": files, "metadata": metadata, "review": None}


def _filename(name: str) -> str:
    return f'filename="{name}"' if name.isascii() else f"filename*=UTF-8''{quote(name, safe='')}"


def _detail(answer: requests.Response) -> str:
    """Return what an error says; the body may be an object, a list or a string."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    detail = body.get("detail", body) if isinstance(body, dict) else body
    return f"{answer.status_code} {detail or ''}".strip()[:300]
