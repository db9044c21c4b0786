"""Plain HTTP connections that stay open, one request in each at a time, for a load of thousands a second."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import cast

Told = Callable[[int, bytes], None]
"""Hears the status and the body; status 0 where the connection broke."""
IDLE = 4.0
"""Seconds after which one is not used again: a server closes it after five."""
_LENGTH = b"content-length: "


class Connection(asyncio.Protocol):
    """One of a :class:`Pool`."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._told: Told | None = None
        self._read = b""
        self._whole = 0
        self.since = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asked for its class: uvloop's own is another one.
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, told: Told) -> None:
        assert self.transport is not None
        self._told, self._read, self._whole = told, b"", 0
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._read = self._read + data if self._read else data
        if not self._whole:
            self._whole = whole_length(self._read)
        if self._whole and len(self._read) >= self._whole:
            told, self._told = self._told, None
            reply = self._read
            if told is not None:
                told(int(reply[9:12]), reply[reply.index(b"\r\n\r\n") + 4 :])
            if b"connection: close" in reply[:400].lower():
                self.close()
            else:
                self._pool.free(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - of the interface
        self._pool.lost(self)
        if self._told is not None:
            told, self._told = self._told, None
            told(0, b"")

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


def whole_length(read: bytes) -> int:
    """Bytes of the whole reply whose beginning was ``read``; 0 while that is not known.

    >>> whole_length(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n")
    40
    >>> whole_length(b"HTTP/1.1 200 OK\\r\\n")
    0
    """
    end = read.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = read[:end].lower() + b"\r\n"
    at = head.find(_LENGTH)
    length = int(head[at + len(_LENGTH) : head.index(b"\r\n", at)]) if at >= 0 else 0
    return end + 4 + length


class Pool:
    """Up to ``most`` connections to one port; who finds none free and all open waits for the next one."""

    def __init__(self, port: int, most: int) -> None:
        self._port = port
        self._most = most
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: deque[tuple[bytes, Told]] = deque()
        self.largest = 0

    def ask(self, request: bytes, told: Told) -> None:
        """Send it now, on the connection that was used last, or on a new one."""
        oldest = time.monotonic() - IDLE
        if self._idle:
            one = self._idle.pop()
            if one.since > oldest:
                one.send(request, told)
                return
            for stale in (one, *self._idle):
                self._all.discard(stale)
                stale.close()
            self._idle.clear()
        self._waiting.append((request, told))
        self._open_one()

    def _open_one(self) -> None:
        """For one of those who wait, where there may be one more."""
        if self._waiting and len(self._all) + self._opening < self._most:
            self._opening += 1
            task = asyncio.get_running_loop().create_task(self._open())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self.largest = max(self.largest, len(self._all) + self._opening)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, made = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
        except OSError:
            self._opening -= 1
            if self._waiting:
                self._waiting.popleft()[1](0, b"")
            return
        self._opening -= 1
        self._all.add(made)
        self.free(made)

    def free(self, one: Connection) -> None:
        """It may be used again."""
        if self._waiting:
            one.send(*self._waiting.popleft())
        elif one in self._all:
            one.since = time.monotonic()
            self._idle.append(one)

    def lost(self, one: Connection) -> None:
        """It may not."""
        self._all.discard(one)
        if one in self._idle:
            self._idle.remove(one)
        self._open_one()

    def close(self) -> None:
        for one in list(self._all):
            one.close()
