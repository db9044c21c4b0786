"""Requests and calls over a real socket: several at once, what breaks, and what comes back of it."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from penchant.errors import StorageError, TooLarge, Unreachable
from penchant.serve.frames import PIECE, Ask, Call, Done, Part, framed
from penchant.serve.relay import Line, Link, answering

MOST = 4 * PIECE


class Client:
    """What came back."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def body(self) -> bytes:
        assert self.messages[-1]["more_body"] is False
        return b"".join(message["body"] for message in self.messages[1:])


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Does what the path says."""
    body = (await receive())["body"]
    what = scope["path"]
    if what == "/slow":
        await asyncio.sleep(0.2)
    if what == "/never":
        await receive()
    if what == "/fault":
        raise ValueError("secret")
    await send({"type": "http.response.start", "status": 418, "headers": scope["headers"]})
    if what == "/half":
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("secret")
    if what == "/long":
        await send({"type": "http.response.body", "body": b"a" * (3 * PIECE + 1), "more_body": True})
    await send({"type": "http.response.body", "body": scope["query_string"] + body})


def ask(path: str = "/", body: bytes = b"", query: bytes = b"") -> Ask:
    return Ask(0, "POST", "http", path.encode(), query, [(b"x-one", b"1"), (b"x-one", b"2")], body)


def refuse(_: bytes) -> None:
    raise StorageError("disk full")


CALLS: dict[str, Callable[[bytes], Any]] = {
    "length": len,
    "wait": lambda given: time.sleep(float(given)),
    "refuse": refuse,
    "broken": lambda given: given[99],
}


@asynccontextmanager
async def linked(folder: Path) -> AsyncGenerator[Link]:
    async with answering(folder / "s", app, CALLS, MOST):
        link = Link(folder / "s", MOST)
        yield link
        link.close()


def run(folder: Path, work: Callable[[Link], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        async with linked(folder) as link:
            await work(link)

    asyncio.run(go())


def test_a_request_is_answered_as_it_was_asked(tmp_path: Path) -> None:
    async def go(link: Link) -> None:
        client = Client()
        await link.pass_on(ask("/x", b"body" * 1_000, b"q="), client.send)
        assert (client.status, client.body) == (418, b"q=" + b"body" * 1_000)
        assert client.messages[0]["headers"] == [(b"x-one", b"1"), (b"x-one", b"2")]

    run(tmp_path, go)


def test_several_at_once_share_a_connection_and_none_waits_for_another(tmp_path: Path) -> None:
    async def go(link: Link) -> None:
        slow, clients = Client(), [Client() for _ in range(50)]
        waiting = asyncio.create_task(link.pass_on(ask("/slow", b"slow"), slow.send))
        await asyncio.gather(
            *(link.pass_on(ask("/", str(n).encode()), c.send) for n, c in enumerate(clients))
        )
        assert not waiting.done()
        await waiting
        assert [client.body for client in [*clients, slow]] == [*(b"%d" % n for n in range(50)), b"slow"]

    run(tmp_path, go)


def test_an_answer_longer_than_a_message_comes_in_parts(tmp_path: Path) -> None:
    async def go(link: Link) -> None:
        client = Client()
        await link.pass_on(ask("/long", b"end"), client.send)
        assert client.body == b"a" * (3 * PIECE + 1) + b"end"

    run(tmp_path, go)


def test_a_fault_is_told_without_its_words_and_the_next_request_is_answered(tmp_path: Path) -> None:
    async def go(link: Link) -> None:
        client = Client()
        with pytest.raises(Unreachable, match="could not answer") as told:
            await link.pass_on(ask("/fault"), client.send)
        assert "secret" not in str(told.value)
        assert client.messages == []
        with pytest.raises(ConnectionAbortedError):
            await link.pass_on(ask("/half"), client.send)
        await link.pass_on(ask("/", b"fine"), (last := Client()).send)
        assert last.body == b"fine"

    run(tmp_path, go)


def test_silence_and_too_much_are_told_and_harm_no_other(tmp_path: Path) -> None:
    async def go(link: Link) -> None:
        with pytest.raises(Unreachable, match="silent"):
            await link.pass_on(ask("/never"), Client().send, 0.05)
        with pytest.raises(TooLarge):
            await link.pass_on(ask("/", b"a" * MOST), Client().send)
        await link.pass_on(ask("/", b"fine"), (last := Client()).send)
        assert last.body == b"fine"

    run(tmp_path, go)


def test_who_is_not_there_is_asked_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("penchant.serve.relay.monotonic", lambda: now[0])

    async def go() -> None:
        link = Link(tmp_path / "s", MOST)
        with pytest.raises(Unreachable):
            await link.pass_on(ask(), Client().send)
        async with answering(tmp_path / "s", app, CALLS, MOST):
            with pytest.raises(Unreachable):
                await link.pass_on(ask(), Client().send)
            now[0] += 1.0
            await link.pass_on(ask("/", b"there"), (client := Client()).send)
            assert client.body == b"there"
            link.close()

    asyncio.run(go())


def test_requests_that_were_inside_hear_that_it_went_away(tmp_path: Path) -> None:
    async def go() -> None:
        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.1)
            writer.close()

        server = await asyncio.start_unix_server(hang_up, tmp_path / "s")
        async with server:
            link = Link(tmp_path / "s", MOST)
            asked = [link.pass_on(ask(), Client().send) for _ in range(5)]
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(one) for one in found] == [Unreachable] * 5

    asyncio.run(go())


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x01\xc1",
        framed(Done(1)),
        framed(Part(1, b"", False)),
    ],
)
def test_whoever_sends_something_else_is_hung_up_on_and_the_others_are_answered(
    tmp_path: Path, hostile: bytes
) -> None:
    async def go(link: Link) -> None:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(hostile)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        await link.pass_on(ask("/", b"fine"), (client := Client()).send)
        assert client.body == b"fine"

    run(tmp_path, go)


@pytest.mark.parametrize(
    "hostile", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xc1", framed(ask()), framed(Call(1, "", b""))]
)
def test_an_answer_that_is_none_ends_the_connection(tmp_path: Path, hostile: bytes) -> None:
    async def go() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(hostile)
            await reader.read()
            writer.close()

        server = await asyncio.start_unix_server(answer, tmp_path / "s")
        async with server:
            with pytest.raises(Unreachable):
                async with asyncio.timeout(5):
                    await Link(tmp_path / "s", MOST).pass_on(ask(), Client().send)
            line = Line(tmp_path / "s", MOST)
            with pytest.raises(Unreachable):
                await asyncio.to_thread(line.call, "length", b"", 5.0)
            await asyncio.sleep(0.05)

    asyncio.run(go())


def test_calls_are_answered_refused_and_timed(tmp_path: Path) -> None:
    async def go(_: Link) -> None:
        line = Line(tmp_path / "s", MOST)
        call = lambda *given: asyncio.to_thread(line.call, *given)  # noqa: E731
        assert await call("length", b"abc", 5.0) == b"\x03"
        for name, told in (("refuse", "disk full"), ("broken", "IndexError"), ("unknown", "KeyError")):
            with pytest.raises(Unreachable, match=told):
                await call(name, b"", 5.0)
        with pytest.raises(Unreachable, match="does not answer"):
            await call("wait", b"0.5", 0.05)
        assert await call("length", b"ab", 5.0) == b"\x02", "what came late is no answer to this"
        line.close()

    run(tmp_path, go)


def test_a_line_to_nobody_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        Line(tmp_path / "s", MOST).call("x", b"", 1.0)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "s"))
        door.listen()
        door.settimeout(5)

        def hang_up() -> None:
            one, _ = door.accept()
            one.recv(4)
            one.close()

        other = threading.Thread(target=hang_up)
        other.start()
        with pytest.raises(Unreachable, match="does not answer"):
            Line(tmp_path / "s", MOST).call("x", b"", 5.0)
        other.join()
