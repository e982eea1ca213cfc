"""FileList bodies of the compatible API: what they say, and how their faults are answered."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, request

from sallyport_common import schemas
from sallyport_common.problems import Problem
from sallyport_common.schemas import Fault, FaultKind, FaultsError
from sallyport_release_hatch.models import BadInputError, RequestFile
from sallyport_release_hatch.schemas import FileList, Review

VOTES = {"APPROVED": "APPROVED", "REJECTED": "CHANGES_REQUESTED"}


class BodyError(Problem):
    """A body does not have the form of its type; `detail` names every fault as clients know it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("The body is not valid.")
        self.detail = [_detail(fault) for fault in faults]


def _detail(fault: Fault) -> dict[str, Any]:
    missing = fault.kind is FaultKind.MISSING
    return {
        "loc": ["body", *fault.path],
        "msg": "field required" if missing else f"expected: {fault.text}",
        "type": "value_error.missing" if missing else "type_error",
    }


def read(kind: type[schemas.T]) -> schemas.T:
    """Return the body of this request; what is not an object counts as an empty one."""
    body = request.get_json(silent=True)
    try:
        return schemas.read(kind, body if isinstance(body, dict) else {})
    except FaultsError as error:
        raise BodyError(error.faults) from None


def answer(value: object, status: int = HTTPStatus.OK) -> Response:
    """Return an answer as JSON."""
    return Response(schemas.encode(value), status, mimetype="application/json")


def texts(body: FileList) -> tuple[str, str, str]:
    """Return purpose, context and controls if a client sent them as metadata."""
    entries = [file.metadata or {} for file in body.files]

    def joined(key: str) -> str:
        return "\n\n".join(dict.fromkeys(str(entry[key]) for entry in entries if key in entry))

    purpose = str((body.metadata or {}).get("dataRelease", ""))
    return purpose, joined("context"), joined("disclosureControl")


def reviews(body: FileList, frozen: Mapping[str, RequestFile]) -> tuple[dict[str, str], str]:
    """Return the vote on each file and all comments; raise BadInputError with every problem."""
    problems, votes, comments = [], {}, []
    for entry in body.files:
        name, review = entry.name, entry.review or Review()
        file = frozen.get(name)
        if file is None:
            problems.append(f"File {name} is not in this release")
        elif file.sha256 != entry.sha256:
            problems.append(f"File {name} does not match the file in this release")
        elif review.status not in VOTES:
            problems.append(f"File {name} needs a review, APPROVED or REJECTED")
        elif review.status == "REJECTED" and not review.comments:
            problems.append(f"File {name} is rejected without comments")
        else:
            votes[str(name)] = VOTES[review.status]
            comments += [f"{name}: {text}" for text in (review.comments or {}).values()]
    if problems:
        raise BadInputError(problems)
    return votes, "\n".join(comments)
