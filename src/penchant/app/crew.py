"""The processes of one server: the first one writes, starts the others and tells them what changes."""

import logging
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from threading import Event, Lock, Thread
from typing import Any, Final, Self

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from penchant.app.beside import ChildProcess, Pace
from penchant.app.others import packed
from penchant.errors import Unreachable
from penchant.serve.owners import Owners
from penchant.serve.relay import Calls, Line, Link, answering
from penchant.serve.whole import Whole

READER: Final = Pace(first=0.0, longest=8.0, steady=60.0, end=25.0)
"""Requests under way have ten seconds and waiting lists ten more."""

PATIENCE: Final = 10.0
"""Seconds in which a process has done what it is told. It is killed then: what it holds may be wrong."""

LONG: Final = {"items-came": 120.0, "items-left": 120.0, "rules-came": 120.0}
"""Seconds for what takes longer in a large shop and harms nobody meanwhile."""

LOOK: Final = 5.0
"""Seconds between two looks whether all still answer."""

_LONGEST_PATH = 100
"""Bytes of a socket's path; the system takes 107."""

_log = logging.getLogger(__name__)


@contextmanager
def socket_folder(shop: Path) -> Generator[Path]:
    """A folder that only the owner of this process may enter: in the shop where its path is short enough for
    a socket, else where the system keeps what is short-lived.
    """
    folder = shop.resolve() / "processes"
    if len(os.fsencode(folder)) + len("/99") > _LONGEST_PATH:
        folder = Path(tempfile.mkdtemp(prefix="penchant-"))
    else:
        rmtree(folder, ignore_errors=True)  # Of a server that was killed.
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


def same_command() -> list[str]:
    """The interpreter and the program of this process, without its arguments."""
    return sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]


@dataclass(frozen=True, slots=True)
class Post:
    """What a process must know to take its place: its number among how many, the open file of the door, the
    folder of sockets, and the bytes of a message.

    >>> Post.read(str(Post(1, 3, 5, Path("/run/a:b"), 99))) == Post(1, 3, 5, Path("/run/a:b"), 99)
    True
    """

    number: int
    processes: int
    door: int
    folder: Path
    most: int

    def __str__(self) -> str:
        return f"{self.number}:{self.processes}:{self.door}:{self.most}:{self.folder}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Of what ``str`` gives."""
        number, processes, door, most, folder = text.split(":", 4)
        return cls(int(number), int(processes), int(door), Path(folder), int(most))

    def socket(self, number: int) -> Path:
        """Where the process of that number answers the others."""
        return self.folder / str(number)

    def within(self, max_body: int) -> list[Middleware]:
        """What the application of this process is made around; nothing for one alone."""
        if self.processes == 1:
            return []
        links = {n: Link(self.socket(n), self.most) for n in range(self.processes) if n != self.number}
        owners = Middleware(Owners, here=self.number, links=links, max_body=max_body)
        return [Middleware(Whole, links=links), owners] if self.number == 0 else [owners]

    def join(self, app: Starlette, calls: Calls, last: Callable[[], object] = lambda: None) -> None:
        """Let ``app`` answer the other processes while it serves; ``last`` is done while it still does."""
        if self.processes == 1:
            return
        started = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncGenerator[None]:
            async with started(app), answering(self.socket(self.number), app, calls, self.most):
                try:
                    yield
                finally:
                    await run_in_threadpool(last)

        app.router.lifespan_context = lifespan


class Crew:
    """Every process but the first, as :class:`~penchant.app.others.Others`; used by the first.

    Of each one it is known whether it is ``up``: it has read the shop and hears of what changes. What is told
    while one is still reading could be missed by it: such a one is killed too and starts anew.
    """

    def __init__(self, first: Post, command: Sequence[str]) -> None:
        """``command`` and a :class:`Post` start one of them."""
        posts = [replace(first, number=number) for number in range(1, first.processes)]
        self._lock = Lock()
        self._members = [_Member(post, [*command, str(post)]) for post in posts]
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="crew", daemon=True)

    def start(self) -> None:
        """Once, when the first process answers."""
        for member in self._members:
            member.child.start()
        self._thread.start()

    def stop(self) -> None:
        """All of them have ended when this returns."""
        self._stop.set()
        for member in self._members:
            member.child.ask_to_end()
        for member in self._members:
            member.child.stop()

    def up(self, number: int) -> None:
        """The process of that number has read the shop, which has not changed meanwhile in what is told."""
        with self._lock:
            self._members[number - 1].up = True

    def tell(self, name: str, *given: Any) -> list[Any]:
        """See :meth:`~penchant.app.others.Others.tell`."""
        message = packed(given)
        with self._lock:
            answers = [member.told(name, message) for member in self._members]
        return [msgspec.msgpack.decode(answer) for answer in answers if answer is not None]

    def _watch(self) -> None:
        """One that is stuck would keep people waiting who come to it: it is killed and starts anew."""
        while self._members and not self._stop.wait(LOOK):
            with self._lock:
                for member in self._members:
                    if member.up:
                        member.told("look", packed([]))


class _Member:
    """One process, as the first one sees it."""

    def __init__(self, post: Post, command: Sequence[str]) -> None:
        self.number = post.number
        self.up = False
        self._line = Line(post.socket(post.number), post.most)
        self.child = ChildProcess(
            command, READER, name=f"process {post.number}", keeps=[post.door], on_end=self._ended
        )

    def told(self, name: str, message: bytes) -> bytes | None:
        """What it gave; None where it is killed."""
        if self.up:
            try:
                return self._line.call(name, message, LONG.get(name, PATIENCE))
            except Unreachable as error:
                _log.warning("process %d, told of %s: %s", self.number, name, error)
        self.child.kill()
        self._ended()
        return None

    def _ended(self) -> None:
        self.up = False
        self._line.close()
