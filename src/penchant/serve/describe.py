"""The API described as OpenAPI 3.1, for ``/openapi.json``: written out, since the routes are plain ones."""

from typing import Any

from penchant.events.cells import Limits
from penchant.events.follows import MOST_IN_A_LIST
from penchant.recommend.fallback import REASONS
from penchant.serve.decisions import KINDS, MOST, STATES
from penchant.serve.forms import EVENT, ID, ITEM, ROWS, TASTE, WORDS
from penchant.serve.limits import LINES

JSON = "application/json"
_TEXT: dict[str, Any] = {"type": "string"}
_OBJECT: dict[str, Any] = {"type": "object"}
_N = ("n", {"type": "integer", "minimum": 1, "maximum": 200}, False)
_USER, _ITEM = ("user_id", ID, False), ("item", ID, False)
_LANGUAGE = (
    "language",
    {"enum": ["en", "zh"], "description": "Adds `reasons`, one in words for each item; or Accept-Language"},
    False,
)
_LIST = {"type": "array", "items": {"$ref": "#/components/schemas/Recommendation"}}

Parameter = tuple[str, dict[str, Any], bool]


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_CONSENT = {
    "type": "object",
    "properties": {"profiling": {"type": "boolean"}, "experiments": {"type": "boolean"}},
    "minProperties": 1,
}


def _array(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_EXCLUDE = ("exclude", _array(ID) | {"maxItems": 200}, False)
_INTAKE = _object(
    accepted={"type": "integer"},
    duplicates={"type": "integer"},
    rejected=_array(_object(index={"type": "integer"}, code=_TEXT, message=_TEXT)),
)
_FALLBACK: dict[str, dict[str, Any]] = {
    "fallback": {
        "type": "boolean",
        "description": "The list is not what it should be: of what is popular, or found by the letter alone",
    },
    "fallback_reason": {
        "enum": ["", *REASONS],
        "description": "model: none serves. person: something is wrong with what is known of this one. "
        "storage: the disk cannot be read. encoder: the language model is gone. Empty: nothing is wrong; "
        "what strangers and people who opted out see is their list",
    },
}
_READY = _object(
    ready={"type": "boolean", "description": "Lists are answered; 503 where not even what is popular is"},
    degraded=_array(
        {"enum": ["model", "snapshot", "person", "storage", "encoder", "lists", "events", "learner"]}
    ),
    reasons=_array(_TEXT),
    snapshot=_TEXT,
    fallback={"type": "boolean", "description": "No model serves: everybody sees what is popular"},
    log_position={"type": "integer"},
    learned_position={"type": "integer"},
    states={"type": "integer"},
    unlogged={"type": "integer", "description": "Lists that were shown and are in no log"},
    learner={"enum": ["off", "running", "failed"]},
)
_SHOWN = _object(
    recommendation_id=_TEXT,
    user_id=_TEXT,
    placement=_TEXT,
    snapshot=_TEXT,
    **_FALLBACK,
    items=_LIST,
)
_FOUND = _object(recommendation_id=_TEXT, **_FALLBACK, items=_LIST)
_SCHEMAS: dict[str, Any] = {
    "Event": EVENT,
    "Item": ITEM,
    "Error": _object(error=_object(code=_TEXT, message=_TEXT)),
    "Recommendation": _object(
        item_id=_TEXT, score={"type": "number"}, position={"type": "integer"}, reason=_OBJECT
    )
    | {"description": "`offer`, with `offer_id`, `campaign_id`, `discount`, where one holds for the person"},
}
_ATTRIBUTES: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": "string", "maxLength": Limits().max_attribute},
    "maxProperties": Limits().max_attributes,
}
_FOLLOWED: dict[str, Any] = {"type": "array", "items": ID, "maxItems": MOST_IN_A_LIST}
_VERSION = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_NOTE = ("note", _TEXT | {"maxLength": 500})
_SEEN = ("expected", _VERSION | {"description": "The version that the author saw; a newer one is a conflict"})
_KEPT = _object(version=_VERSION, rules={"type": "integer"})
_BACK = _object(version=_VERSION) | {"properties": dict([("version", _VERSION), _NOTE, _SEEN])}


def _rules(*more: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    document = _OBJECT | {"description": "Decision tables in GoRules' JSON Decision Model (JDM)"}
    return _object(document=document) | {"properties": {"document": document, **dict(more)}}


_EVENT_FORM, _ITEM_FORM = ({"$ref": f"#/components/schemas/{name}"} for name in ("Event", "Item"))
_KNOWN = "Replace all that the shop knows of a person; an empty object removes it"
_LOGIN = "A guest logs in: up to now it was this person"
_GUEST = ID | {
    "description": "What the shop itself made for this device, never what a client says unsigned: whoever "
    "names another guest's id gets that guest's events. Set serve.guest_prefix, which it must begin with; "
    'without one each of its events must say "guest": true, or have the id as session_id'
}
_JOINED = _object(joined={"type": "boolean"}, events={"type": "integer"}, reason=_TEXT)
_ANSWER = _object(user_id=ID, item_id=ID, likes={"type": "boolean"})
_ASKED = _object(
    answered={"type": "integer"}, questions=_array(_object(item_id=_TEXT, title=_TEXT, category=_TEXT))
)
_CAMPAIGNS = _object(
    user_id=_TEXT,
    campaigns=_array(_object(campaign_id=_TEXT, since={"type": "number"}, offers=_array(_OBJECT))),
)
_TAKEN = _object(received={"type": "integer"}, changed={"type": "integer"}, erased={"type": "integer"})


def _rows(table: str) -> dict[str, Any]:
    return _object(**{table: _array(ROWS[table])})


_PUT = "Add items, or replace them whole: a field that is left out is gone"
_PRICE: dict[str, Any] = {"type": ["number", "null"]}
_PRICES_OF = "What an item cost since when, and the lowest price of the last 30 days"
_PRICES = _object(
    item_id=_TEXT,
    price=_PRICE,
    currency=_TEXT,
    lowest_30_days=_PRICE,
    history=_array(_object(price=_PRICE, since=_PRICE)),
)
_ONE = "/v1/decisions/{decision_id}"
_WHICH: list[Parameter] = [
    ("kind", {"enum": list(KINDS)}, False),
    ("state", {"enum": list(STATES)}, False),
    ("limit", {"type": "integer", "minimum": 1, "maximum": MOST}, False),
]
_DECISIONS = _object(decisions=_array(_OBJECT))
_APPROVE = "Say yes; what two people must approve needs two keys, and a name (by) with each"
_TAKE_BACK = "Take back what was approved; of what went out the former price goes out"
_VALUE = {"type": "number", "exclusiveMinimum": 0, "description": "A price, or pieces to order"}
_CAME: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["number", "string", "boolean"]},
    "minProperties": 1,
    "maxProperties": 50,
}


def _decided(**must: dict[str, Any]) -> dict[str, Any]:
    by = _TEXT | {"minLength": 1, "maxLength": 500, "description": "Who decides, beside the key"}
    seen = _VERSION | {"description": "Steps that were seen; more of them is a conflict"}
    return _object(**must) | {"properties": {**must, "by": by, "note": _NOTE[1], "seen": seen}}


OPERATIONS: tuple[tuple[str, str, str, str, list[Parameter], dict[str, Any] | None, dict[str, Any]], ...] = (
    ("post", "/v1/events", "events", "Take events in", [], _object(events=_array(_EVENT_FORM)), _INTAKE),
    ("put", "/v1/items", "admin", _PUT, [], _object(items=_array(_ITEM_FORM)), _OBJECT),
    ("delete", "/v1/items", "admin", "Remove items", [], _object(item_ids=_array(ID)), _OBJECT),
    (
        "get",
        "/v1/users/{user_id}/recommendations",
        "read",
        "What this person should see now",
        [_N, ("placement", ID, False), _ITEM, _EXCLUDE, _LANGUAGE],
        None,
        _SHOWN,
    ),
    (
        "get",
        "/v1/items/{item_id}/similar",
        "read",
        "Items like this one",
        [_N, _USER, _LANGUAGE],
        None,
        _FOUND,
    ),
    ("get", "/v1/items/{item_id}/prices", "read", _PRICES_OF, [], None, _PRICES),
    (
        "get",
        "/v1/search",
        "read",
        "Items for a text",
        [("q", WORDS | {"minLength": 1}, True), _N, _USER, _LANGUAGE],
        None,
        _FOUND,
    ),
    ("get", "/v1/users/{user_id}/taste", "read", "What is known of a taste", [], None, _OBJECT),
    (
        "patch",
        "/v1/users/{user_id}/taste",
        "events",
        "Correct a taste",
        [],
        TASTE,
        _OBJECT,
    ),
    (
        "put",
        "/v1/users/{user_id}/consent",
        "events",
        "Opt in to or out of profiling and experiments",
        [],
        _CONSENT,
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
    (
        "put",
        "/v1/users/{user_id}/follows",
        "events",
        "Replace whom a person follows; an empty list removes all",
        [],
        _object(follows=_FOLLOWED),
        _object(follows={"type": "integer"}, changed={"type": "integer"}),
    ),
    ("post", "/v1/users/{user_id}/guests", "events", _LOGIN, [], _object(guest_id=_GUEST), _JOINED),
    ("get", "/v1/users/{user_id}/export", "admin", "All that is held on a person", [], None, _OBJECT),
    ("delete", "/v1/users/{user_id}", "admin", "Erase a person", [], None, _OBJECT),
    (
        "get",
        "/v1/users/{user_id}/campaigns",
        "read",
        "Offers that hold for a person",
        [],
        None,
        _CAMPAIGNS,
    ),
    *(
        ("put", f"/v1/{name}", "admin", f"Add rows of {name}, or replace them", [], _rows(name), _TAKEN)
        for name in ROWS
    ),
    ("get", "/v1/trends", "admin", "What rises and fades, and what is looked for in vain", [], None, _OBJECT),
    ("get", "/v1/onboarding", "read", "What to ask somebody new", [_USER, _N, _EXCLUDE], None, _ASKED),
    ("post", "/v1/onboarding", "events", "An answer of somebody new", [], _ANSWER, _ASKED),
    ("get", "/v1/rules", "admin", "The rules of the house and their history", [], None, _OBJECT),
    ("put", "/v1/rules", "admin", "Replace the rules, checked first", [], _rules(_NOTE, _SEEN), _KEPT),
    ("post", "/v1/rules/rollback", "admin", "Bring a version back", [], _BACK, _KEPT),
    ("post", "/v1/rules/dry-run", "admin", "What rules would have changed", [], _rules(), _OBJECT),
    ("get", "/v1/decisions", "admin", "What was suggested, decided and shown", _WHICH, None, _DECISIONS),
    ("get", f"{_ONE}", "admin", "One decision and all that happened to it", [], None, _OBJECT),
    ("post", f"{_ONE}/approve", "admin", _APPROVE, [], _decided(), _OBJECT),
    ("post", f"{_ONE}/edit", "admin", "Suggest another value", [], _decided(value=_VALUE), _OBJECT),
    ("post", f"{_ONE}/reject", "admin", "Say no", [], _decided(), _OBJECT),
    ("post", f"{_ONE}/take-back", "admin", _TAKE_BACK, [], _decided(), _OBJECT),
    ("post", f"{_ONE}/outcome", "admin", "Say what came of it", [], _decided(came=_CAME), _OBJECT),
    ("get", "/healthz", "", "Is the process alive", [], None, _OBJECT),
    ("get", "/readyz", "", "Can it answer", [], None, _READY),
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
    places = [{"name": name, "in": "path", "required": True, "schema": ID} for name in named]
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
