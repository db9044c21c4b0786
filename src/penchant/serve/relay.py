"""Requests and calls between the processes of one server, over Unix sockets.

:class:`Answering` is one end; :class:`Link` is the other for requests, on the event loop, and :class:`Line`
for calls, from any thread. A connection holds any number of requests at once, told apart by number.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final, cast
from urllib.parse import unquote

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.errors import PenchantError, TooLarge, Unreachable
from penchant.serve.frames import HEAD, PIECE, ROOM, Ask, Call, Done, Frames, Part, Reply, framed

PASSED_ON: Final = "penchant.passed_on"
"""In the scope of a request that another process answers (true) or was asked for: who answers counts it."""

AGAIN: Final = 0.5
"""Seconds after a connection failed before another one is tried."""

Calls = Mapping[str, Callable[[bytes], Any]]
"""What another process may ask by name; each runs in a thread, and gives what MessagePack can hold."""


def longest(max_body: int) -> int:
    """Bytes of a message between processes whose door takes bodies up to ``max_body``."""
    return max(max_body, PIECE) + ROOM


class Answering(asyncio.Protocol):
    """One connection of another process: requests go to ``app``, calls to ``calls``."""

    def __init__(self, app: ASGIApp, calls: Calls, most: int, among: "set[Answering]") -> None:
        """``among`` holds all that are open."""
        self._app = app
        self._calls = calls
        self._frames = Frames(most)
        self._among = among
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._among.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.take(data):
                self._begin(message)
        except Unreachable:
            self.hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._among.discard(self)

    def hang_up(self) -> None:
        """What is asked and not answered yet never will be: who asked hears of it at once."""
        if self._transport is not None:
            self._transport.close()

    def _begin(self, message: object) -> None:
        if isinstance(message, Ask):
            work = self._answer(message)
        elif isinstance(message, Call):
            work = self._do(message)
        else:
            raise Unreachable("an answer came to where nothing was asked")
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, ask: Ask) -> None:
        try:
            await self._app(scope_of(ask), _received(ask.body), self._sender(ask.number))
        except Exception as error:  # What asked must not wait for ever, whatever it is.
            self._say(Done(ask.number, failed=type(error).__name__))

    async def _do(self, call: Call) -> None:
        try:
            found = await asyncio.to_thread(self._calls[call.name], call.given)
            self._say(Done(call.number, msgspec.msgpack.encode(found)))
        except PenchantError as error:
            self._say(Done(call.number, failed=str(error)))
        except Exception as error:
            self._say(Done(call.number, failed=type(error).__name__))

    def _sender(self, number: int) -> Send:
        start: Message | None = None

        async def send(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body, more = message.get("body", b""), message.get("more_body", False)
            for at in range(0, len(body) or 1, PIECE):
                piece, rest = body[at : at + PIECE], more or at + PIECE < len(body)
                if start is not None:
                    headers = [(bytes(name), bytes(value)) for name, value in start["headers"]]
                    self._say(Reply(number, start["status"], headers, piece, rest))
                    start = None
                else:
                    self._say(Part(number, piece, rest))

        return send

    def _say(self, message: Reply | Part | Done) -> None:
        if self._transport is not None:
            self._transport.write(framed(message))


@asynccontextmanager
async def answering(path: Path, app: ASGIApp, calls: Calls, most: int) -> AsyncGenerator[None]:
    """Answer at ``path`` meanwhile. The folder around it says who may ask."""
    path.unlink(missing_ok=True)
    among, loop = set[Answering](), asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: Answering(app, calls, most, among), str(path))
    try:
        yield
    finally:
        server.close()
        for one in list(among):
            one.hang_up()


def scope_of(ask: Ask) -> Scope:
    """The request as an ASGI server tells of it."""
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": ask.method, "scheme": ask.scheme, "path": unquote(ask.path.decode("latin-1")),
        "raw_path": ask.path, "query_string": ask.query, "root_path": "", "headers": ask.headers,
        "client": None, "server": None, "state": {}, PASSED_ON: False,
    }  # fmt: skip


def asked(scope: Scope, body: bytes) -> Ask:
    """The request of a scope; its number is given by the link that takes it."""
    return Ask(
        0, scope["method"], scope["scheme"], scope.get("raw_path") or scope["path"].encode(),
        scope["query_string"], [(bytes(name), bytes(value)) for name, value in scope["headers"]], body,
    )  # fmt: skip


def _received(body: bytes) -> Receive:
    """The body, and then nothing: whoever listens for the client's end listens in vain."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.get_running_loop().create_future()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


class Link(asyncio.Protocol):
    """Passes requests on to the process that answers at ``path``; connects when first needed and again."""

    def __init__(self, path: Path, most: int) -> None:
        """``most``: bytes of a message."""
        self._path = str(path)
        self._most = most
        self._frames = Frames(most)
        self._transport: asyncio.WriteTransport | None = None
        self._waiting: dict[int, asyncio.Queue[Reply | Part | Done]] = {}
        self._number = 0
        self._not_before = 0.0
        self._connecting = asyncio.Lock()

    async def pass_on(self, ask: Ask, send: Send, seconds: float | None = None) -> None:
        """Answer with what the other process answers, which begins within ``seconds``; None waits.

        Raises:
            Unreachable: it does not answer; nothing was sent. TooLarge: no process would read this request.
        """
        parts: asyncio.Queue[Reply | Part | Done] = asyncio.Queue()
        self._number = number = self._number + 1
        message = framed(msgspec.structs.replace(ask, number=number))
        if len(message) > self._most + HEAD:
            raise TooLarge("the headers of this request are too long")
        transport = self._transport or await self._connected()
        self._waiting[number] = parts
        try:
            transport.write(message)
            await _forward(await _within(parts, seconds), parts, send)
        finally:
            self._waiting.pop(number, None)

    async def _connected(self) -> asyncio.WriteTransport:
        async with self._connecting:
            if self._transport is None:
                if monotonic() < self._not_before:
                    raise Unreachable("another process of this server is not there")
                try:
                    await asyncio.get_running_loop().create_unix_connection(lambda: self, self._path)
                except OSError as error:
                    self._not_before = monotonic() + AGAIN
                    raise Unreachable("another process of this server is not there") from error
            if self._transport is None:
                raise Unreachable("another process of this server went away")
            return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._frames = cast(asyncio.WriteTransport, transport), Frames(self._most)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.take(data):
                if isinstance(message, (Ask, Call)):
                    raise Unreachable("a question came to where answers are read")
                # Nobody waits any more for what came too late.
                if message.number in self._waiting:
                    self._waiting[message.number].put_nowait(message)
        except Unreachable:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        for number, parts in self._waiting.items():
            parts.put_nowait(Done(number, failed="it went away"))

    def close(self) -> None:
        """Hang up; the next request connects anew."""
        if self._transport is not None:
            self._transport.close()


async def _within(parts: "asyncio.Queue[Reply | Part | Done]", seconds: float | None) -> Reply:
    try:
        async with asyncio.timeout(seconds):
            found = await parts.get()
    except TimeoutError as error:
        raise Unreachable(f"another process of this server is silent for {seconds} s") from error
    if not isinstance(found, Reply):
        raise Unreachable("another process of this server could not answer")
    return found


async def _forward(reply: Reply, parts: "asyncio.Queue[Reply | Part | Done]", send: Send) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    piece: Reply | Part = reply
    while True:
        await send({"type": "http.response.body", "body": piece.body, "more_body": piece.more})
        if not piece.more:
            return
        found = await parts.get()
        if not isinstance(found, Part):
            # Half an answer is out: only a connection that breaks off tells the client.
            raise ConnectionAbortedError("another process of this server went away")
        piece = found


class Line:
    """Calls to the process that answers at ``path``, from any thread, one after the other."""

    def __init__(self, path: Path, most: int) -> None:
        """``most``: bytes of a message."""
        self._path = str(path)
        self._most = most
        self._lock = Lock()
        self._socket: socket.socket | None = None

    def call(self, name: str, given: bytes, seconds: float) -> bytes:
        """What the other process gives, in MessagePack. ``seconds``: how long it may be silent.

        Raises:
            Unreachable: it does not answer, or could not do it.
        """
        with self._lock:
            try:
                done = self._asked(framed(Call(1, name, given)), seconds)
            except (OSError, Unreachable) as error:
                self._hang_up()  # What comes later would be taken for the answer to the next call.
                raise Unreachable(f"another process of this server does not answer: {error}") from error
        if done.failed:
            raise Unreachable(f"another process of this server could not do it: {done.failed}")
        return done.given

    def close(self) -> None:
        """Hang up; the next call connects anew."""
        with self._lock:
            self._hang_up()

    def _asked(self, message: bytes, seconds: float) -> Done:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(seconds)
            self._socket.connect(self._path)
        self._socket.settimeout(seconds)
        self._socket.sendall(message)
        frames = Frames(self._most)
        while piece := self._socket.recv(2**16):
            for found in frames.take(piece):
                if isinstance(found, Done):
                    return found
                raise Unreachable("something else than an answer came")
        raise Unreachable("it went away")

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
