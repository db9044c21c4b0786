"""Posts of the console: an event as the person, corrections of a taste, consent, erasure. Each answers
JSON."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from penchant.errors import InvalidInput
from penchant.serve.console.desk import Desk, headers

SIZE = 20
"""Items of the list on a person's page."""

MAX_LIST_ID = 64
"""Characters of a ``recommendation_id``; ours have 32."""

EVENTS = ("view", "cart", "purchase")
"""What the buttons of the list stand for."""


def add_event(desk: Desk, request: Request, body: dict[str, Any]) -> Response:
    """``{"item_id", "type", "recommendation_id", "position"}``: one event, and the list as it is after it.

    The last two name the list that was clicked and the place in it, from 0; both or none are given.
    """
    item_id, kind = body.get("item_id"), body.get("type")
    if not isinstance(item_id, str) or not 0 < len(item_id) <= desk.services.settings.serve.max_id:
        raise InvalidInput("item_id must be the id of an item, as text")
    if kind not in EVENTS:
        raise InvalidInput(f"type must be one of {', '.join(EVENTS)}, not {str(kind)[:40]!r}")
    answered, position = _answered(body)
    person = request.path_params["person"]
    desk.services.person_event(person, item_id, kind, recommendation_id=answered, position=position)
    return json(desk.services.person_recommend(person, SIZE))


def _answered(body: dict[str, Any]) -> tuple[str | None, int | None]:
    """List and place that a click answers."""
    answered, position = body.get("recommendation_id"), body.get("position")
    if answered is None and position is None:
        return None, None
    if not isinstance(answered, str) or not 0 < len(answered) <= MAX_LIST_ID:
        raise InvalidInput("recommendation_id must be that of a list, as text")
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < SIZE:
        raise InvalidInput(f"position must be a whole number from 0 to {SIZE - 1}")
    return answered, position


def set_consent(desk: Desk, request: Request, body: dict[str, Any]) -> Response:
    """``{"profiling", "experiments"}``, one or both: what holds now, and the list that follows from it."""
    wanted = [body.get(name) for name in ("profiling", "experiments")]
    if wanted == [None, None] or not all(one is None or isinstance(one, bool) for one in wanted):
        raise InvalidInput("profiling or experiments must be there, each true or false")
    person = request.path_params["person"]
    holds = desk.services.person_consent(person, *wanted)
    return json(holds | desk.services.person_recommend(person, SIZE))


def correct_taste(desk: Desk, request: Request, body: dict[str, Any]) -> Response:
    """What ``PATCH /v1/users/{id}/taste`` takes, as that person: the list that follows from it."""
    person = request.path_params["person"]
    desk.services.person_taste(person, body)
    return json(desk.services.person_recommend(person, SIZE))


def erase(desk: Desk, request: Request, body: dict[str, Any]) -> Response:
    """``{"confirm": true}``: everything held on the person goes; answers what was removed."""
    if body.get("confirm") is not True:
        raise InvalidInput("erasing cannot be undone: send confirm as true")
    return json({"removed": desk.services.person_erase(request.path_params["person"])})


def json(body: Any, extra: dict[str, str] | None = None) -> Response:
    """A JSON answer that nobody caches."""
    answer_headers = headers("default-src 'none'") | (extra or {})
    return Response(msgspec.json.encode(body), 200, answer_headers, "application/json")
