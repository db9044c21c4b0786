"""Runs the door: one process, one loop, a clean end on SIGTERM and SIGINT."""

import errno
import gc
import signal
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from penchant.errors import Conflict, InvalidInput
from penchant.serve.accept import Server
from penchant.serve.wire import guarded_by

SELDOM = 50
"""Looks at what is young before one at all that came since the server opened."""


def bound(host: str, port: int) -> socket.socket:
    """The place where the door will be, before anything slow is done to open it. Nothing gets in yet:
    who waits for the port must not take it for an answer.

    Raises:
        Conflict: another program has it. InvalidInput: it cannot be had.
    """
    # Not left to uvicorn: it would end the process itself, after people were told that it serves.
    door = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"port {port} of {host} is in use by another program: stop that one, or say --port N"
            ) from error
        raise InvalidInput(f"cannot serve on port {port} of {host}: {error.strerror or error}") from error
    return door


def run(
    app: Starlette, door: socket.socket, on_ready: Callable[[], object], on_close: Callable[[], object]
) -> None:
    """Serve behind ``door`` until a signal; requests under way are answered first, for up to ten seconds.

    ``on_ready`` is called when start-up is done, just before the port opens. ``on_close``
    is called once, after the last request. A signal before ``on_ready`` ends the process without either.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with started(app):
            with _settled():
                server.warming = False
                on_ready()
                yield

    started = app.router.lifespan_context
    app.router.lifespan_context = lifespan
    config = uvicorn.Config(
        app,
        http=guarded_by(app.state.door),
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # Nobody asks for the address of a client.
        timeout_graceful_shutdown=10,
    )
    server = Server(config)
    try:
        with _signals_end_quietly():
            server.run(sockets=[door])
    finally:
        on_close()


@contextmanager
def _settled() -> Generator[None]:
    """What is there when a server opens stays to its end: the garbage collector need not look at it again.

    With a catalogue of 12,000 items each look took a third of a second, in which nobody was answered. What
    comes later and stays are people's states: to look at those of 2,000 people took 50 to 75 ms, every ten
    seconds. What a list or an event leaves is found among what is young; pictures of the console are not.
    """
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(*before[:2], SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


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
