"""Nobody reads a page without a session, and nobody posts without its CSRF token."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penchant.errors import Forbidden, InvalidInput, PenchantError, TooLarge, Unauthorized
from penchant.serve.console.desk import Desk, headers, page
from penchant.serve.console.sessions import Session
from penchant.serve.errors import respond, status_of
from penchant.serve.watch import note_fault

COOKIE = "penchant_console"
MAX_BODY = 16 * 1024
"""Bytes of a post; a click needs a few hundred."""

Endpoint = Callable[[Request], Awaitable[Response]]
View = Callable[[Desk, Request, Session], Response]
Action = Callable[[Desk, Request, dict[str, Any]], Response]


def session_of(desk: Desk, request: Request) -> Session | None:
    """The session of the request's cookie."""
    return desk.sessions.find(request.cookies.get(COOKIE, ""))


def guarded(desk: Desk, view: View) -> Endpoint:
    """A page for somebody signed in; others are shown the sign-in form."""

    async def endpoint(request: Request) -> Response:
        session = session_of(desk, request)
        if session is None:
            return RedirectResponse("/console/sign-in", 303, headers("default-src 'none'"))
        try:
            return await run_in_threadpool(view, desk, request, session)
        except PenchantError as error:
            note_fault(request.scope, error)
            told = (
                "The shop cannot answer this now; its log says why."
                if status_of(error) >= 500
                else str(error)
            )
            return page(
                desk,
                request,
                "error.html",
                status=status_of(error),
                session=session,
                title="Not this way",
                told=told,
            )

    return endpoint


def posted(desk: Desk, action: Action, most: int = MAX_BODY) -> Endpoint:
    """A post of JSON of at most ``most`` bytes by somebody signed in, answered with JSON, errors included."""

    async def endpoint(request: Request) -> Response:
        try:
            check_post(desk, request)
            body = parse_object(await read_body(request, most))
            return await run_in_threadpool(action, desk, request, body)
        except PenchantError as error:
            note_fault(request.scope, error)
            return respond(error)

    return endpoint


def check_post(desk: Desk, request: Request) -> None:
    """Raises Unauthorized without a session, Forbidden for a post that another site could have made."""
    session = session_of(desk, request)
    if session is None:
        raise Unauthorized("the session is over: sign in again")
    check_origin(request)
    if not secrets.compare_digest(request.headers.get("x-csrf-token", "").encode(), session.csrf.encode()):
        raise Forbidden("the x-csrf-token header is missing or wrong: load the page again")


def check_origin(request: Request) -> None:
    """Raises Forbidden where the browser says that another site made the request."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden("posts are taken from the console's own pages only")


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """The whole body. Raises TooLarge as soon as it passes ``most`` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(f"the body is larger than {most} bytes")
    return bytes(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """A JSON object; empty for an empty body.

    >>> parse_object(b'{"size": 3}')
    {'size': 3}
    """
    try:
        return msgspec.json.decode(body, type=dict[str, Any]) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not a JSON object: {error}") from error
