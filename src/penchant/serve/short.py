"""Events and lists, asked hundreds of times a second, are answered without an application around them.

What Starlette and its layers do for a request costs a multiple of what these two need: a key looked up, a
body or a query read, and the work itself. Everything else, and every form of these two that is not plain, is
the application's: see :meth:`Short.takes`. Answers, errors, counters and log lines are the same.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response

from penchant.errors import PenchantError, where
from penchant.serve.errors import as_sent, respond
from penchant.serve.http import EVENTS, EVENTS_PATH, LIST_PATH, READ, REPLY, Api, KnownKeys, http_response
from penchant.serve.watch import API_HEADERS, Notes, fault_of, our_fault

_LIST: Final = re.compile(rb"/v1/users/([^/?#]+)/recommendations(?:\?([^#]*))?")
_LONG: Final = frozenset([b"expect", b"transfer-encoding", b"content-encoding", b"upgrade"])
"""Headers of requests that are left to the application."""
MOST_BODY: Final = 64 * 1024
"""Bytes."""
_NO_QUERY: Final = QueryParams("")
_PLAIN: Final = as_sent(Response(b"", media_type="application/json"), API_HEADERS).replace(
    b"content-length: 0\r\n", b""
)[: -len(b"\r\n")]
"""Head of a good answer, but for what is another one in each."""


@dataclass(slots=True)
class Asked:
    """One request; ``make`` answers it, once all of ``body`` is there."""

    method: str
    route: str
    scopes: frozenset[str]
    headers: Mapping[bytes, bytes]
    make: Callable[["Asked"], Awaitable[dict[str, Any]]]
    body: bytearray = field(default_factory=bytearray)

    def header(self, name: bytes) -> str:
        """Empty where it is not there."""
        return self.headers.get(name, b"").decode("latin-1")


class Short:
    """The two routes of ``api``."""

    def __init__(self, api: Api, known: KnownKeys, notes: Notes) -> None:
        self._api = api
        self._known = known
        self._notes = notes

    def takes(self, method: str, url: bytes, headers: list[tuple[bytes, bytes]]) -> Asked | None:
        """What a request asks, where it is one of these two in its plain form: its body of a known length,
        not packed, and small, for it is read before the key is looked at. Names of ``headers`` are in small
        letters."""
        listed = _LIST.fullmatch(url) if method == "GET" and url.isascii() else None
        if listed is None and (method != "POST" or url != EVENTS_PATH.encode()):
            return None
        told, most = dict(headers), 0 if listed else MOST_BODY
        length = told.get(b"content-length", b"0")
        # A header that is there twice is not plain either.
        plain = len(told) == len(headers) and _LONG.isdisjoint(told) and length.isdigit()
        if not plain or len(length) > 12 or int(length) > most:
            return None
        if listed is None:
            return Asked(method, EVENTS_PATH, EVENTS, told, self._events)
        return Asked(method, LIST_PATH, READ, told, self._list_of(listed[1], listed[2]))

    async def answer(self, asked: Asked) -> bytes:
        """The whole answer as it is sent; its head is left open, for what only the wire knows."""
        request_id, start, fault = self._notes.new_id(), self._notes.clock(), ""
        try:
            await self._known.allow(asked.header(b"authorization"), asked.scopes)
            reply = REPLY.encode(await asked.make(asked))
        except PenchantError as error:
            response, fault = respond(error), fault_of(error)
        except HTTPException as error:
            response = http_response(error)
        except Exception as error:  # As in the application: nothing of the message may get out.
            response, fault = our_fault(), where(error, 3)
        else:
            self._notes.note(request_id, start, asked.method, asked.route, status=200)
            head = b"%bcontent-length: %d\r\nx-request-id: %b\r\n\r\n"
            return head % (_PLAIN, len(reply), request_id.encode()) + reply
        status = response.status_code
        self._notes.note(request_id, start, asked.method, asked.route, status=status, fault=fault)
        return as_sent(response, API_HEADERS | {"x-request-id": request_id})

    async def _events(self, asked: Asked) -> dict[str, Any]:
        return await self._api.events(bytes(asked.body), asked.header(b"content-type"))

    def _list_of(self, person: bytes, query: bytes | None) -> Callable[[Asked], Awaitable[dict[str, Any]]]:
        async def made(asked: Asked) -> dict[str, Any]:
            words = QueryParams(query.decode("latin-1")) if query else _NO_QUERY
            accepted = asked.header(b"accept-language") or None
            return await self._api.list_for(unquote(person.decode("latin-1")), words, accepted)

        return made
