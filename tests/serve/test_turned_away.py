"""Requests that are too much are turned away on the wire: in order, told when to come, never half read."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import uvicorn

from penchant.serve.load import Load
from penchant.serve.wire import Doorkeeper, guarded_by


class Answering:
    """A server in a thread that answers every request with its path; ``load`` is of one of each kind."""

    def __init__(self) -> None:
        self.load = Load(1)
        self.called: list[str] = []
        self.turned_away: list[str] = []
        self.slow = threading.Event()
        keeper = Doorkeeper(self.load, self.turned_away.append)
        config = uvicorn.Config(
            self._app,
            http=guarded_by(keeper),
            ws="none",
            log_level="error",
            lifespan="off",
            interface="asgi3",
        )
        self.server = uvicorn.Server(config)
        self._door = socket.socket()
        self._door.bind(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self.server.run, args=([self._door],))
        self._thread.start()
        while not self.server.started:
            time.sleep(0.01)

    async def _app(self, scope, receive, send) -> None:
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        while scope["path"] == "/v1/slow" and not self.slow.is_set():
            await asyncio.sleep(0.01)
        self.called.append(f"{scope['method']} {scope['path']}")
        body = scope["path"].encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def line(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def close(self) -> None:
        self.slow.set()
        self.server.should_exit = True
        self._thread.join()
        self._door.close()


@pytest.fixture
def door() -> Iterator[Answering]:
    made = Answering()
    try:
        yield made
    finally:
        made.close()


def get(path: str, *more: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: shop", *more, "", ""]).encode()


def answers(line: socket.socket, many: int) -> list[tuple[int, dict[str, str], bytes]]:
    """So many answers, in their order."""
    heard, found = b"", []
    while len(found) < many:
        head, end, rest = heard.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(one.split(": ", 1) for one in lines[1:]) if end else {}
        size = int(headers.get("content-length", 0))
        if not end or len(rest) < size:
            part = line.recv(65_536)
            assert part, heard
            heard += part
            continue
        found.append((int(lines[0].split()[1]), headers, rest[:size]))
        heard = rest[size:]
    return found


def test_one_too_many_is_told_when_to_come_again_and_may(door: Answering) -> None:
    with door.line() as line:
        with door.load.one("GET"):
            line.sendall(get("/v1/a"))
            ((status, headers, body),) = answers(line, 1)
        assert (status, headers["retry-after"], headers["cache-control"]) == (429, "1", "no-store")
        assert json.loads(body)["error"]["code"] == "overloaded"
        assert (door.called, door.turned_away) == ([], ["GET"])
        line.sendall(get("/v1/a"))
        assert answers(line, 1)[0][0] == 200
    assert door.called == ["GET /v1/a"]


def test_nothing_of_what_was_sent_is_taken_in(door: Answering) -> None:
    body = b"x" * 300_000
    with door.line() as line:
        with door.load.one("POST"):
            line.sendall(b"POST /v1/events HTTP/1.1\r\nhost: shop\r\ncontent-length: 300000\r\n\r\n" + body)
            assert answers(line, 1)[0][0] == 429
        line.sendall(b"POST /v1/events HTTP/1.1\r\nhost: shop\r\ncontent-length: 300000\r\n\r\n" + body)
        assert answers(line, 1)[0][0] == 200
    assert (door.called, door.turned_away) == (["POST /v1/events"], ["POST"])


def test_writers_do_not_keep_out_readers_nor_any_the_health(door: Answering) -> None:
    with door.line() as line, door.load.one("POST"):
        line.sendall(get("/v1/a"))
        assert answers(line, 1)[0][0] == 200
        with door.load.one("GET"):
            line.sendall(get("/healthz"))
            assert answers(line, 1)[0][0] == 200


def test_what_is_sent_at_once_is_answered_in_order(door: Answering) -> None:
    with door.line() as line:
        with door.load.one("GET"):
            line.sendall(get("/v1/a") + get("/healthz") + get("/v1/b"))
            found = answers(line, 3)
        # Who comes behind one that is turned away goes with it: an answer would else be taken for another's.
        assert [status for status, _, _ in found] == [429, 429, 429]
        line.sendall(get("/v1/a") + get("/healthz"))
        assert [body for _, _, body in answers(line, 2)] == [b"/v1/a", b"/healthz"]


def test_one_behind_another_that_is_being_answered_waits_for_it(door: Answering) -> None:
    with ExitStack() as held, door.line() as line:
        line.sendall(get("/v1/slow"))
        until = time.monotonic() + 10
        while not door.server.server_state.tasks:
            assert time.monotonic() < until
            time.sleep(0.01)
        held.enter_context(door.load.one("GET"))
        line.sendall(get("/v1/a"))
        time.sleep(0.3)
        door.slow.set()
        assert [body for _, _, body in answers(line, 2)] == [b"/v1/slow", b"/v1/a"]
    assert door.turned_away == []


def test_who_wants_no_more_is_let_go(door: Answering) -> None:
    with door.line() as line, door.load.one("GET"):
        line.sendall(get("/v1/a", "connection: close"))
        assert answers(line, 1)[0][0] == 429
        assert line.recv(10) == b""


def test_who_hangs_up_meanwhile_harms_nobody(door: Answering) -> None:
    with door.load.one("GET"):
        with door.line() as line:
            line.sendall(get("/v1/a"))
        time.sleep(0.3)
    with door.line() as line:
        line.sendall(get("/v1/b"))
        assert answers(line, 1)[0][0] == 200
