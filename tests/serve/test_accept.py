"""Connections that come at once are taken in at once, whatever the loop is doing."""

import asyncio
import resource
import socket
from typing import Any

import pytest
import uvicorn
import uvloop

from penchant.serve import accept
from penchant.serve.accept import AT_ONCE, Server

MANY = AT_ONCE + 40


class Protocol(asyncio.Protocol):
    """Counts its connections and answers with a dot."""

    made = 0

    def __init__(self, **_: Any) -> None: ...

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        Protocol.made += 1
        transport.write(b".")


def served(during: Any) -> None:
    """``during`` runs in the loop of a server whose door is its argument."""
    Protocol.made = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("nobody asks")

    config = uvicorn.Config(app, lifespan="off", log_level="error", http=Protocol)  # type: ignore[arg-type]
    server, door = Server(config), socket.socket()
    door.bind(("127.0.0.1", 0))

    async def run() -> None:
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[door])
        try:
            await during(door)
        finally:
            server.server_state.connections.clear()
            await server.shutdown(sockets=[door])

    uvloop.run(run())


async def turns(most: int, enough: int) -> int:
    """Turns of the loop until so many connections were made."""
    for turn in range(most):
        if Protocol.made >= enough:
            return turn
        await asyncio.sleep(0)
    return most


def test_all_that_wait_are_taken_in_within_a_few_turns() -> None:
    async def during(door: socket.socket) -> None:
        lines = [socket.create_connection(door.getsockname()) for _ in range(MANY)]
        assert await turns(20, MANY) < 20, "the loop's own door takes one in each turn"
        for line in lines:
            assert await asyncio.to_thread(line.recv, 1) == b"."
            line.close()

    served(during)


def test_where_files_are_short_the_door_opens_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept, "PAUSE", 0.05)

    async def during(door: socket.socket) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.create_connection(door.getsockname()) as line:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                await asyncio.sleep(0.02)
                assert Protocol.made == 0
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert await asyncio.to_thread(line.recv, 1) == b"."

    served(during)


def test_two_processes_may_have_one_door() -> None:
    async def during(door: socket.socket) -> None:
        line = socket.create_connection(door.getsockname())
        taken = await asyncio.to_thread(taken_elsewhere, door)
        await asyncio.sleep(0.05)
        assert Protocol.made + taken == 1
        line.close()

    served(during)


def taken_elsewhere(door: socket.socket) -> int:
    """As another process would; 1 where it was quicker."""
    try:
        door.accept()[0].close()
    except BlockingIOError:
        return 0
    return 1
