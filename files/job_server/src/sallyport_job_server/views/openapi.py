"""The OpenAPI description of both APIs, made from what the routes declare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flask import Flask

from sallyport_common import schemas
from sallyport_job_server.schemas import Error
from sallyport_job_server.views.operations import OPERATIONS, Operation, is_ours

SCHEMES = {
    "access_token": "username:token, with a personal access token",
    "backend_token": "a backend's token",
}
REFUSALS = {
    400: "refused; the body has all faults",
    401: "the caller is unknown (/api/v1)",
    403: "not allowed, or the caller is unknown (/api/v2)",
    404: "not found",
    409: "exists already",
    429: "too many failures",
}


def operations(app: Flask) -> Iterator[tuple[str, str, Operation]]:
    """Yield method, path and declaration of every declared route."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        declared = OPERATIONS.get(app.view_functions[rule.endpoint])
        if declared:
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method.lower(), path, declared


def document(app: Flask) -> dict[str, Any]:
    """Return the description of an application's APIs."""
    declared = list(operations(app))
    kinds = [
        kind
        for *_route, call in declared
        for kind in (call.answer, call.body, call.refusal)
        if kind
    ]
    schema_of, components = schemas.components([Error, *kinds])
    for call in (call for *_route, call in declared if is_ours(call.body)):
        _allow_null(components[call.body.__name__])
    paths: dict[str, dict[str, Any]] = {}
    for method, path, call in declared:
        paths.setdefault(path, {})[method] = _described(path, call, schema_of)
    scheme = {"type": "apiKey", "in": "header", "name": "Authorization"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sallyport job server", "version": "1"},
        "servers": [{"url": app.extensions["sallyport"].url}],
        "components": {
            "schemas": components,
            "securitySchemes": {
                name: scheme | {"description": text} for name, text in SCHEMES.items()
            },
        },
        "paths": paths,
    }


def _described(path: str, call: Operation, schema_of: dict[Any, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "done"}
    if call.answer is not None:
        answer["content"] = _json(schema_of[call.answer])
    refusals = {
        str(status): {"description": text, "content": _json(schema_of[Error])}
        for status, text in REFUSALS.items()
    }
    if call.refusal is not None:
        both = [schema_of[Error], schema_of[call.refusal]]
        refusals["400"] = refusals["400"] | {"content": _json({"anyOf": both})}
    description: dict[str, Any] = {
        "summary": call.summary,
        "security": [{call.caller.scheme: []}] if call.caller.scheme else [],
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in re.findall(r"{(\w+)}", path)
            ),
            *_query(call),
        ],
        "responses": {str(call.status): answer} | refusals,
    }
    if call.body is not None:
        description["requestBody"] = {"required": True, "content": _json(schema_of[call.body])}
    return description


def _allow_null(body: dict[str, Any]) -> None:
    """Let fields of a body be null that may be left out, which is the same to us."""
    for name, schema in body["properties"].items():
        if name not in body.get("required", ()) and "anyOf" not in schema:
            said = {key: schema.pop(key) for key in ("description", "default") if key in schema}
            body["properties"][name] = {"anyOf": [schema, {"type": "null"}]} | said


def _query(call: Operation) -> Iterator[dict[str, Any]]:
    """Yield the parameters of a call's query; each may be left out."""
    if call.query is None:
        return
    _schemas, named = schemas.components([call.query])
    (whole,) = (one for name, one in named.items() if name == call.query.__name__)
    for name, schema in whole["properties"].items():
        yield {"name": name, "in": "query", "required": False, "schema": _inlined(schema, named)}


def _inlined(schema: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that refers to no other, as a parameter has it."""
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    found = dict(options[0])
    target = found.pop("$ref", "")
    if target:
        found |= named[target.rpartition("/")[2]]
    return found | {name: schema[name] for name in ("description",) if name in schema}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
