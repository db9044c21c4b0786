"""Runs the door: one process, one loop, a clean end on SIGTERM and SIGINT."""

import signal
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI


def run(
    app: FastAPI, host: str, port: int, on_ready: Callable[[], None], on_close: Callable[[], None]
) -> None:
    """Serve until a signal; requests under way are answered first, for up to ten seconds.

    ``on_ready`` is called when start-up is done, just before the port opens. ``on_close``
    is called once, after the last request.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with started(app):
            on_ready()
            yield

    started = app.router.lifespan_context
    app.router.lifespan_context = lifespan
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    try:
        with _signals_end_quietly():
            uvicorn.Server(config).run()
    finally:
        on_close()


@contextmanager
def _signals_end_quietly() -> Generator[None]:
    """Uvicorn raises the signal again once it has shut down; that must not kill us before the close."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, _ignore) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Handled already."""
