"""The route by which a guest becomes a person: ``POST /v1/users/{user_id}/guests``."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.requests import Request

from penchant.errors import InvalidInput
from penchant.serve.limits import Change, check_id, read_json
from penchant.settings import ServeSettings

Routes = list[tuple[str, str, frozenset[str], Callable[[Request], Awaitable[Any]]]]


class GuestServices(Protocol):
    """What the door asks about guests."""

    def join_guest(self, user_id: str, guest_id: str) -> dict[str, Any]:
        """The guest was the person up to now: events, lists and wishes are the person's when this returns.

        Gives whether they were ``joined``, how many ``events`` changed hands now, and the ``reason`` why not.
        What the guest does from now on is a guest's again, until somebody logs in: the next person at the
        same device is another one. Nothing is joined of a guest who opted out of profiling. Events of a guest
        that come later, but happened before, become the person's too. Doing it again changes nothing.

        The caller answers for it that ``guest_id`` is of this device: whatever guest's id a shopper can put
        in its place, its events move. That it is a guest's must be said by ``serve.guest_prefix``; else by
        each of its events, with ``"guest": true`` or the id as ``session_id``; an id without events is not
        joined yet.

        Raises:
            InvalidInput: both are one, or the guest's id does not begin with ``serve.guest_prefix``.
            Conflict: the guest is known as a person: somebody a guest was joined to; without a prefix also
                whoever has consent, attributes, or an event that is not said to be a guest's.
        """
        ...


class GuestRoutes:
    """Turns a request into one call."""

    def __init__(self, guests: GuestServices, limits: ServeSettings, change: Change) -> None:
        """``change`` does what may wait for the disk."""
        self._change = change
        self._guests = guests
        self._limits = limits

    async def join_guest(self, request: Request) -> Any:
        user = check_id(request.path_params["user_id"], "user_id", self._limits.max_id)
        body = await read_json(request, self._limits)
        guest = body.get("guest_id") if isinstance(body, dict) and len(body) == 1 else None
        if not isinstance(guest, str):
            raise InvalidInput('the body must be {"guest_id": "the id of before the login"}')
        guest = check_id(guest, "guest_id", self._limits.max_id)
        return await self._change(self._guests.join_guest, user, guest)


def guest_routes(guests: GuestRoutes) -> Routes:
    """Method, path, scopes and handler, as :func:`penchant.serve.http.routes` has them."""
    return [("POST", "/v1/users/{user_id}/guests", frozenset({"events"}), guests.join_guest)]
