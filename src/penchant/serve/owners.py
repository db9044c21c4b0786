"""Which process of a server answers what: each person belongs to one, what changes something to the first."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final
from urllib.parse import parse_qs, unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.errors import TooLarge, Unreachable
from penchant.serve.errors import respond
from penchant.serve.relay import PASSED_ON, Link, asked

PATIENCE: Final = 10.0
"""Seconds that a list is waited for where the process that has the person's state does not answer at all."""

_OF_A_PERSON = re.compile(rb"/v1/users/([^/]+)/(?:recommendations|taste)")
_OF_NOBODY = re.compile(rb"/healthz|/openapi\.json|/v1/items/[^/]+/similar|/v1/search")


def owner_of(user_id: str, processes: int) -> int:
    """Number of the process that the person belongs to: the same in every process, at any time.

    >>> [owner_of(name, 3) for name in ("dora", "eve", "finn", "gina")]
    [1, 2, 1, 0]
    """
    digest = blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % processes


def place_of(scope: Scope, processes: int) -> int | None:
    """Number of the process that answers a request; None where any may.

    >>> of = {"method": "GET", "raw_path": b"/v1/users/%64ora/recommendations", "query_string": b""}
    >>> place_of(of, 3), place_of(of | {"method": "PATCH"}, 3), place_of(of | {"raw_path": b"/healthz"}, 3)
    (1, 0, None)
    """
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    if scope["method"] != "GET":
        return 0
    if found := _OF_A_PERSON.fullmatch(path):
        return owner_of(unquote(found[1].decode("latin-1")), processes)
    if not _OF_NOBODY.fullmatch(path):
        return 0
    users = parse_qs(scope["query_string"].decode("latin-1")).get("user_id") if b"search" in path else None
    return owner_of(users[-1], processes) if users else None


class Owners:
    """ASGI middleware of process ``here``: what another one answers is passed on to it, over ``links``.

    Who does not own a person can answer for them all the same, for every process follows the log: where the
    owner of a list is gone, the first process makes it. Of what changes something only the first is asked.
    """

    def __init__(self, app: ASGIApp, *, here: int, links: Mapping[int, Link], max_body: int) -> None:
        self._app = app
        self._here = here
        self._links = links
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or PASSED_ON in scope:
            await self._app(scope, receive, send)
            return
        place = place_of(scope, len(self._links) + 1)
        if place is None or place == self._here:
            await self._app(scope, receive, send)
            return
        body = await _body(receive, self._max_body)
        if body is None:
            return
        for other in dict.fromkeys((place, 0)):
            if other == self._here:
                await self._app(scope, _again(body, receive), send)
                return
            if await self._passed_on(other, scope, body, send):
                return
        await respond(Unreachable("no process of this server answers"))(scope, receive, send)

    async def _passed_on(self, other: int, scope: Scope, body: bytes, send: Send) -> bool:
        """Whether it was answered."""
        scope[PASSED_ON] = True
        try:
            await self._links[other].pass_on(asked(scope, body), send, PATIENCE if other else None)
        except Unreachable:
            del scope[PASSED_ON]
            return False
        except TooLarge as error:
            del scope[PASSED_ON]
            await respond(error)(scope, _nothing, send)
        return True


async def _body(receive: Receive, most: int) -> bytes | None:
    """All of it, or a byte more than is read anywhere: whoever answers refuses that. None where the client
    went away: nobody may take the first half for the whole."""
    parts, size, more = list[bytes](), 0, True
    while more and size <= most:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)[: most + 1]


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _again(body: bytes, receive: Receive) -> Receive:
    """The body that was read already, then what comes after it."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
