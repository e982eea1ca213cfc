"""FileList bodies of the compatible API: reading them, and refusing them in their own form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sallyport_release_hatch.models import BadInputError, HatchError, RequestFile

VOTES = {"APPROVED": "APPROVED", "REJECTED": "CHANGES_REQUESTED"}


class FieldError(HatchError):
    """A JSON field is missing or of the wrong kind; `detail` is in the clients' form."""

    def __init__(self, *place: str | int) -> None:
        super().__init__("field required")
        error = {"loc": ["body", *place], "msg": "field required", "type": "value_error.missing"}
        self.detail = [error]


def field(body: Any, name: str, *place: str | int) -> str:
    """Return a text field of an object, backslashes of old clients turned round."""
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise FieldError(*place, name)
    return value.replace("\\", "/") if name == "name" else value


def parse(body: Any) -> dict[str, Any]:
    """Return a FileList whose files have a name and a hash each, or raise FieldError."""
    if not isinstance(body, dict) or not isinstance(body.get("files"), list):
        raise FieldError("files")
    files = [
        (entry if isinstance(entry, dict) else {})
        | {key: field(entry, key, "files", index) for key in ("name", "sha256")}
        for index, entry in enumerate(body["files"])
    ]
    return body | {"files": files}


def texts(body: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return purpose, context and controls where a client sent them as metadata."""
    release = body.get("metadata")
    entries = [entry.get("metadata") for entry in body["files"]]

    def joined(key: str) -> str:
        values = [str(entry[key]) for entry in entries if isinstance(entry, dict) and key in entry]
        return "\n\n".join(dict.fromkeys(values))

    purpose = release.get("dataRelease", "") if isinstance(release, dict) else ""
    return str(purpose), joined("context"), joined("disclosureControl")


def reviews(
    body: Mapping[str, Any], frozen: Mapping[str, RequestFile]
) -> tuple[dict[str, str], str]:
    """Return the vote on each file and all comments; raise BadInputError with every problem."""
    problems, votes, comments = [], {}, []
    for entry in body["files"]:
        name, review = entry["name"], entry.get("review")
        file = frozen.get(name)
        status = review.get("status") if isinstance(review, dict) else None
        said = review.get("comments") if isinstance(review, dict) else None
        if file is None:
            problems.append(f"File {name} is not in this release")
        elif file.sha256 != entry["sha256"]:
            problems.append(f"File {name} does not match the file in this release")
        elif status not in VOTES:
            problems.append(f"File {name} needs a review, APPROVED or REJECTED")
        elif status == "REJECTED" and not (isinstance(said, dict) and said):
            problems.append(f"File {name} is rejected without comments")
        else:
            votes[name] = VOTES[status]
            comments += [f"{name}: {text}" for text in (said or {}).values()]
    if problems:
        raise BadInputError(problems)
    return votes, "\n".join(comments)
