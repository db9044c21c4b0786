"""Lists asked for at a steady rate, from a process of its own: nothing else takes time from who asks."""

import random
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
LATE = 1.0
"""Seconds. Who is later than that is not made up for: that would be another rate."""


@dataclass
class Answer:
    user: str
    time: float
    status: int
    seconds: float
    body: bytes


@dataclass
class Load:
    """Asks for lists at ``rate`` a second over so many connections until it is stopped.

    A connection asks one thing at a time: so many are needed that the rate is kept while the server pauses.
    ``answers`` and ``broken``, what became of connections that broke, are there after :meth:`stop`.
    """

    port: int
    key: str
    users: list[str]
    rate: float
    connections: int
    answers: list[Answer] = field(default_factory=list[Answer])
    broken: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        head = f"HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\nauthorization: Bearer {self.key}\r\n\r\n"
        requests = {user: f"GET /v1/users/{user}/recommendations?n=20 {head}".encode() for user in self.users}
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        asked = theirs, self.port, requests, self.rate, self.connections
        self._process = context.Process(target=_asking, args=asked, daemon=True)
        self._process.start()
        self._pipe.recv()

    def stop(self) -> None:
        self._pipe.send(None)
        self.answers, self.broken = self._pipe.recv()
        self._process.join()


def _asking(pipe: Connection, port: int, requests: dict[str, bytes], rate: float, connections: int) -> None:
    begun = time.monotonic()
    asking = [Asking(port, requests, connections / rate, begun + n / rate, n) for n in range(connections)]
    for one in asking:
        one.start()
    pipe.send(None)
    pipe.recv()
    for one in asking:
        one.stop.set()
    for one in asking:
        one.join()
    pipe.send(
        ([answer for one in asking for answer in one.answers], [w for one in asking for w in one.broken])
    )


class Asking(threading.Thread):
    """One connection. ``pause`` seconds from one request to the next, ``due`` is the first (monotonic)."""

    def __init__(self, port: int, requests: dict[str, bytes], pause: float, due: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.answers, self.broken, self.stop = list[Answer](), list[str](), threading.Event()
        self._port, self._requests, self._users = port, requests, list(requests)
        self._pause, self._due, self._draw = pause, due, random.Random(seed)

    def run(self) -> None:
        door: socket.socket | None = None
        while not self.stop.wait(max(0.0, self._due - time.monotonic())):
            self._due = max(self._due + self._pause, time.monotonic() - LATE)
            try:
                door = door or socket.create_connection(("127.0.0.1", self._port), 30)
                self.answers.append(self._one(door, self._draw.choice(self._users)))
            except (OSError, ValueError) as error:
                self.broken.append(type(error).__name__)
                if door is not None:
                    door.close()
                door = None  # It is opened again by the next request.
        if door is not None:
            door.close()

    def _one(self, door: socket.socket, user: str) -> Answer:
        at, begun = time.time(), time.perf_counter()
        door.sendall(self._requests[user])
        status, body = _reply(door)
        return Answer(user, at, status, time.perf_counter() - begun, body)


def _reply(door: socket.socket) -> tuple[int, bytes]:
    """Status and body. Raises OSError, or ValueError where it is not such a reply."""
    got = b""
    while (end := got.find(b"\r\n\r\n")) < 0:
        got += _more(door)
    length = LENGTH.search(got, 0, end + 2)
    if length is None:
        raise ValueError("the reply does not tell its length")
    parts, left = [got[end + 4 :]], int(length[1]) - (len(got) - end - 4)
    while left > 0:
        parts.append(_more(door))
        left -= len(parts[-1])
    return int(got[9:12]), b"".join(parts)


def _more(door: socket.socket) -> bytes:
    got = door.recv(65_536)
    if not got:
        raise ConnectionResetError("closed in the middle of a reply")
    return got
