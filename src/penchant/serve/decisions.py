"""Routes of decisions under ``/v1/decisions``, for admins."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from penchant.decide.approval import LARGEST, LONGEST, Person
from penchant.errors import InvalidInput
from penchant.events.decisions import Kind, State
from penchant.serve.decision_services import DecisionServices
from penchant.serve.limits import check_id, read_json
from penchant.serve.rules import author_of, note_in, number_in
from penchant.settings import ServeSettings

KINDS: Final = (*get_args(Kind), "list")
STATES: Final = (*get_args(State), "shown")
MOST: Final = 1_000
"""Decisions of one answer."""

Change = Callable[..., Awaitable[Any]]


class DecisionRoutes:
    """Each turns a request into one call of :class:`DecisionServices`. The key says who decides."""

    def __init__(self, decisions: DecisionServices, limits: ServeSettings, change: Change) -> None:
        """``change`` runs what may wait for the disk."""
        self._decisions = decisions
        self._limits = limits
        self._change = change

    async def list(self, request: Request) -> Any:
        query = request.query_params
        kind, state = query.get("kind", ""), query.get("state", "")
        among(kind, KINDS, "kind")
        among(state, STATES, "state")
        limit = query.get("limit", "100")
        if not limit.isascii() or not limit.isdigit() or not 0 < int(limit[:9]) <= MOST:
            raise InvalidInput(f"limit must be a whole number from 1 to {MOST}")
        found = await run_in_threadpool(self._decisions.decisions, kind, state, int(limit))
        return {"decisions": found}

    async def get(self, request: Request) -> Any:
        return await run_in_threadpool(self._decisions.decision, self._name(request))

    async def approve(self, request: Request) -> Any:
        body = await self._body(request)
        return await self._decided(request, body, self._decisions.approve)

    async def edit(self, request: Request) -> Any:
        body = await self._body(request)
        who, note, seen = person_in(body, request), note_in(body), number_in(body, "seen")
        return await self._change(self._decisions.edit, self._name(request), value_in(body), who, note, seen)

    async def reject(self, request: Request) -> Any:
        body = await self._body(request)
        return await self._decided(request, body, self._decisions.reject)

    async def take_back(self, request: Request) -> Any:
        body = await self._body(request)
        return await self._decided(request, body, self._decisions.take_back)

    async def outcome(self, request: Request) -> Any:
        body = await self._body(request)
        came = body.get("came")
        if not isinstance(came, dict):
            raise InvalidInput('the body must have "came", an object of figures by name')
        who, note = person_in(body, request), note_in(body)
        return await self._change(self._decisions.outcome, self._name(request), came, who, note)

    async def _decided(self, request: Request, body: dict[str, Any], call: Callable[..., Any]) -> Any:
        who, note, seen = person_in(body, request), note_in(body), number_in(body, "seen")
        return await self._change(call, self._name(request), who, note, seen)

    def _name(self, request: Request) -> str:
        return check_id(request.path_params["decision_id"], "decision_id", self._limits.max_id)

    async def _body(self, request: Request) -> dict[str, Any]:
        body = await read_json(request, self._limits)
        if not isinstance(body, dict):
            raise InvalidInput("the body must be one JSON object")
        return body


def among(value: str, known: tuple[str, ...], what: str) -> None:
    """Raises InvalidInput where something is asked for that does not exist."""
    if value and value not in known:
        raise InvalidInput(f"{what} must be one of {', '.join(known)}, not {value[:40]!r}")


def person_in(body: dict[str, Any], request: Request) -> Person:
    """Who decides: the key, and the name in ``by`` where there is one."""
    via, name = author_of(request), body.get("by")
    if name is None:
        return Person(via, via)
    if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST:
        raise InvalidInput(f"by must be the name of who decides, up to {LONGEST} characters")
    return Person(name, via)


def value_in(body: dict[str, Any]) -> float:
    """A price or a quantity of a body."""
    value = body.get("value")
    # A whole number of any length is JSON.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= LARGEST:
        raise InvalidInput('the body must have "value", a number')
    return float(value)


def decision_routes(
    decisions: DecisionRoutes,
) -> list[tuple[str, str, frozenset[str], Callable[[Request], Awaitable[Any]]]]:
    """Method, path, scopes and handler, as :func:`penchant.serve.http.routes` has them."""
    admin, one = frozenset[str](), "/v1/decisions/{decision_id}"
    return [
        ("GET", "/v1/decisions", admin, decisions.list),
        ("GET", one, admin, decisions.get),
        ("POST", f"{one}/approve", admin, decisions.approve),
        ("POST", f"{one}/edit", admin, decisions.edit),
        ("POST", f"{one}/reject", admin, decisions.reject),
        ("POST", f"{one}/take-back", admin, decisions.take_back),
        ("POST", f"{one}/outcome", admin, decisions.outcome),
    ]
