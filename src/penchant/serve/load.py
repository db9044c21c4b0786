"""More requests than can be answered are told so: nobody waits for an answer that comes too late."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from penchant.errors import Overloaded
from penchant.serve.errors import respond

PAUSE = 0.2
"""Seconds before a refusal."""


class Load:
    """How many requests to ``/v1`` are being answered, those that read and those that write apart: events
    that wait for a disk must not keep anybody from a list."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._now = {True: 0, False: 0}

    def full(self, method: str) -> bool:
        """Whether one more of its kind is too many."""
        return self._now[method == "GET"] >= self.most

    def begin(self, method: str) -> Callable[[], None]:
        """One more is being answered; what is returned ends that, once."""
        held = ExitStack()
        held.enter_context(self.one(method))
        return held.close

    @contextmanager
    def one(self, method: str) -> Generator[None]:
        """One more while it is being answered."""
        self._now[method == "GET"] += 1
        try:
            yield
        finally:
            self._now[method == "GET"] -= 1


def overloaded(load: Load) -> Overloaded:
    """What one more is told."""
    return Overloaded(f"{load.most} requests are being answered already; send this one again soon")


class Bounded:
    """ASGI middleware: at most as many requests to ``/v1`` at once as a ``load`` may have.

    One more is answered 429 with ``Retry-After`` after a moment, and nothing of it is read: who sent events
    still has them. Health, counters and console come through, for they show what is the matter. Most do not
    come so far: see :class:`~penchant.serve.wire.Bounds`.
    """

    def __init__(self, app: ASGIApp, *, load: Load) -> None:
        self._app = app
        self._load = load

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
        elif self._load.full(scope["method"]):
            # Who asks again at once would else keep the others from being answered: 233 a second were 22.
            await asyncio.sleep(PAUSE)
            await respond(overloaded(self._load))(scope, receive, send)
        else:
            with self._load.one(scope["method"]):
                await self._app(scope, receive, send)
