"""More requests than can be answered are told so: nobody waits for an answer that comes too late."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from penchant.errors import Overloaded
from penchant.serve.errors import respond

PAUSE = 0.2
"""Seconds before a refusal."""


class Bounded:
    """ASGI middleware: at most ``most`` requests to ``/v1`` at the same time.

    One more is answered 429 with ``Retry-After`` after a moment, and nothing of it is read: who sent events
    still has them. Health, counters and console come through, for they show what is the matter.
    """

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        if self._now >= self._most:
            # Who asks again at once would else keep the others from being answered: 233 a second were 22.
            await asyncio.sleep(PAUSE)
            error = Overloaded(f"{self._most} requests are being answered already; send this one again soon")
            await respond(error)(scope, receive, send)
            return
        self._now += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._now -= 1
