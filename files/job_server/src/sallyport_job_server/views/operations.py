"""The calls of the APIs: caller, body and answer of each are declared where its route is.

From the declaration come the check of the caller, the reading of the body, the form of the answer
and the OpenAPI description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

import msgspec
from flask import Response, request
from flask.typing import ResponseReturnValue

from sallyport_common import schemas
from sallyport_common.problems import Problem
from sallyport_common.schemas import Fault, FaultKind, FaultsError
from sallyport_job_server.schemas import Body

MOST_FAULTS = 20
"""Faults of a body that a refusal names."""

View = Callable[..., object]


@dataclass(frozen=True)
class Caller:
    """Who may call: the name of the security scheme, and how the caller is identified.

    A view is given what `identify` returns as its first argument.
    """

    scheme: str = ""
    identify: Callable[[], object] | None = None


@dataclass(frozen=True)
class Operation:
    """One call as the description has it; `answer` is None for an answer without JSON."""

    summary: str
    caller: Caller
    answer: Any
    body: Any
    status: int
    query: Any
    refusal: Any


class BodyError(Problem):
    """A body does not have the form of its type; `value` is what was sent."""

    def __init__(self, faults: tuple[Fault, ...], value: object) -> None:
        shown = [sentence(fault) for fault in faults[:MOST_FAULTS]]
        more = len(faults) - len(shown)
        super().__init__(" ".join([*shown, f"There are {more} more faults."] if more else shown))
        self.faults, self.value = faults, value


ANYBODY = Caller()
OPERATIONS: dict[View, Operation] = {}
"""The declared calls by their view functions."""


def operation(
    answer: Any,
    *,
    by: Caller = ANYBODY,
    body: Any = None,
    query: Any = None,
    status: int = 200,
    refusal: Any = None,
    refuse: Callable[[Problem], ResponseReturnValue] | None = None,
) -> Callable[[View], Callable[..., ResponseReturnValue]]:
    """Declare a call; its view takes caller, query, body and the parts of the path.

    The view returns what its answer is made from, alone or with headers, or a whole response.
    `refuse` answers problems of the body and of the view in a form of its own, which `refusal`
    describes where its status is 400.
    """

    def decorate(view: View) -> Callable[..., ResponseReturnValue]:
        @wraps(view)
        def call(**path: Any) -> ResponseReturnValue:
            arguments = [by.identify()] if by.identify else []
            try:
                if query is not None:
                    arguments.append(read_query(query))
                if body is not None:
                    arguments.append(read_body(body))
                return _respond(view(*arguments, **path), answer, status)
            except Problem as problem:
                if refuse is None:
                    raise
                return refuse(problem)

        summary = (view.__doc__ or "").partition("\n")[0].rstrip(".")
        OPERATIONS[call] = Operation(summary, by, answer, body, status, query, refusal)
        return call

    return decorate


def _respond(result: object, answer: Any, status: int) -> Response:
    if isinstance(result, Response):
        return result
    value, headers = result if isinstance(result, tuple) else (result, {})
    if answer is None:
        return Response(status=status, headers=headers)
    data = schemas.encode(schemas.convert(value, answer))
    return Response(data, status, headers, mimetype="application/json")


def read_query(kind: type[schemas.S]) -> schemas.S:
    """Return the query of this request as its type; raise Problem naming its faults."""
    numbers = {one.name for one in msgspec.structs.fields(kind) if isinstance(one.default, int)}
    value = {
        name: int(text) if name in numbers and text.isdecimal() and len(text) < 10 else text
        for name, text in request.args.items()
    }
    try:
        return schemas.read(kind, value)
    except FaultsError as error:
        raise BodyError(error.faults, value) from None


def is_ours(kind: object) -> bool:
    """Return whether a body has the described fields only, and null counts as left out."""
    return isinstance(kind, type) and issubclass(kind, Body)


def read_body(kind: type[schemas.T]) -> schemas.T:
    """Return the body of this request as its type; raise Problem naming its faults."""
    data = request.get_data()
    ours = is_ours(kind)
    value = {} if ours and not data else read_json(data, "The body")
    if ours and isinstance(value, dict):
        value = {name: item for name, item in value.items() if item is not None}
    try:
        return schemas.read(kind, value)
    except FaultsError as error:
        raise BodyError(error.faults, value) from None


def sentence(fault: Fault) -> str:
    """Return what is wrong with a body as one sentence."""
    match fault.kind:
        case FaultKind.RULE:
            return fault.text
        case FaultKind.UNKNOWN:
            return f"'{fault.where}' is not a field here; the fields are {fault.text}."
        case FaultKind.MISSING:
            return f"The field '{fault.where}' is missing; expected: {fault.text}."
    if not fault.path:
        return f"The body must be {fault.text}."
    return f"The field '{fault.where}' is not valid; expected: {fault.text}."


def read_json(data: bytes, what: str) -> Any:
    """Return a value that every database keeps; raise Problem, which names `what` it came in."""
    try:
        value = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        raise Problem(f"{what} is not valid JSON.") from None
    if any("\0" in text for text in _strings(value)):
        raise Problem(f"{what} contains the character NUL, which cannot be stored.")
    return value


def _strings(value: object) -> Iterator[str]:
    """Yield every string inside a JSON value, keys too; without recursion, however deep it is."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            pending += [*item, *item.values()]
        elif isinstance(item, list):
            pending += item
