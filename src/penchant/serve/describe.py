"""The API described as OpenAPI 3.1, for ``/openapi.json``: written out, since the routes are plain ones."""

from typing import Any

from penchant.events.cells import Limits
from penchant.serve.limits import LINES

JSON = "application/json"
_TEXT: dict[str, Any] = {"type": "string"}
_OBJECT: dict[str, Any] = {"type": "object"}
_N = ("n", {"type": "integer", "minimum": 1, "maximum": 200}, False)
_USER, _ITEM = ("user_id", _TEXT, False), ("item", _TEXT, False)
_LIST = {"type": "array", "items": {"$ref": "#/components/schemas/Recommendation"}}

Parameter = tuple[str, dict[str, Any], bool]


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _array(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_INTAKE = _object(
    accepted={"type": "integer"},
    duplicates={"type": "integer"},
    rejected=_array(_object(index={"type": "integer"}, code=_TEXT, message=_TEXT)),
)
_SHOWN = _object(
    recommendation_id=_TEXT,
    user_id=_TEXT,
    placement=_TEXT,
    snapshot=_TEXT,
    fallback={"type": "boolean"},
    items=_LIST,
)
_FOUND = _object(recommendation_id=_TEXT, items=_LIST)
_SCHEMAS: dict[str, Any] = {
    "Error": _object(error=_object(code=_TEXT, message=_TEXT)),
    "Recommendation": _object(
        item_id=_TEXT, score={"type": "number"}, position={"type": "integer"}, reason=_OBJECT
    ),
}
_ATTRIBUTES: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": "string", "maxLength": Limits().max_attribute},
    "maxProperties": Limits().max_attributes,
}
_KNOWN = "Replace all that the shop knows of a person; an empty object removes it"
_PUT = "Add items, or replace them whole: a field that is left out is gone"

OPERATIONS: tuple[tuple[str, str, str, str, list[Parameter], dict[str, Any] | None, dict[str, Any]], ...] = (
    ("post", "/v1/events", "events", "Take events in", [], _object(events=_array(_OBJECT)), _INTAKE),
    ("put", "/v1/items", "admin", _PUT, [], _object(items=_array(_OBJECT)), _OBJECT),
    ("delete", "/v1/items", "admin", "Remove items", [], _object(item_ids=_array(_TEXT)), _OBJECT),
    (
        "get",
        "/v1/users/{user_id}/recommendations",
        "read",
        "What this person should see now",
        [_N, ("placement", _TEXT, False), _ITEM, ("exclude", _array(_TEXT) | {"maxItems": 200}, False)],
        None,
        _SHOWN,
    ),
    ("get", "/v1/items/{item_id}/similar", "read", "Items like this one", [_N], None, _FOUND),
    (
        "get",
        "/v1/search",
        "read",
        "Items for a text",
        [("q", _TEXT, True), _N, _USER],
        None,
        _FOUND,
    ),
    ("get", "/v1/users/{user_id}/taste", "read", "What is known of a taste", [], None, _OBJECT),
    ("patch", "/v1/users/{user_id}/taste", "events", "Correct a taste", [], _OBJECT, _OBJECT),
    (
        "put",
        "/v1/users/{user_id}/consent",
        "events",
        "Opt in to or out of profiling",
        [],
        _object(profiling={"type": "boolean"}),
        _OBJECT,
    ),
    (
        "put",
        "/v1/users/{user_id}/attributes",
        "events",
        _KNOWN,
        [],
        _ATTRIBUTES,
        _object(attributes=_ATTRIBUTES),
    ),
    ("get", "/v1/users/{user_id}/export", "admin", "All that is held on a person", [], None, _OBJECT),
    ("delete", "/v1/users/{user_id}", "admin", "Erase a person", [], None, _OBJECT),
    ("get", "/healthz", "", "Is the process alive", [], None, _OBJECT),
    ("get", "/readyz", "", "Can it answer", [], None, _OBJECT),
    ("get", "/metrics", "", "Counters in Prometheus' text form", [], None, _TEXT),
)


def description() -> dict[str, Any]:
    """The OpenAPI document.

    >>> sorted(description()["paths"]["/v1/items"])
    ['delete', 'put']
    """
    paths: dict[str, Any] = {}
    for method, path, scope, summary, query, body, reply in OPERATIONS:
        operation = _operation(path, scope, summary, query, reply)
        if body is not None:
            content = {JSON: {"schema": body}}
            if path == "/v1/events":  # One record in each line.
                content[LINES] = {"schema": _TEXT}
            operation["requestBody"] = {"required": True, "content": content}
        paths.setdefault(path, {})[method] = operation
    bearer = {"type": "http", "scheme": "bearer", "description": "A key of: penchant keys create"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Penchant", "version": "1"},
        "paths": paths,
        "components": {"schemas": _SCHEMAS, "securitySchemes": {"key": bearer}},
    }


def _operation(
    path: str, scope: str, summary: str, query: list[Parameter], reply: dict[str, Any]
) -> dict[str, Any]:
    named = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    places = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in named]
    asked = [{"name": name, "in": "query", "required": must, "schema": form} for name, form, must in query]
    media = "text/plain" if reply is _TEXT else JSON
    failed = {"description": "Refused", "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}
    return {
        "summary": summary + (f" (scope: {scope})" if scope else ""),
        "parameters": [*places, *asked],
        "security": [{"key": []}] if scope else [],
        "responses": {
            "200": {"description": "Done", "content": {media: {"schema": reply}}},
            "default": failed,
        },
    }
