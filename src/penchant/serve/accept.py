"""Takes in connections: all that wait, each time the loop comes by."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Final

import uvicorn

AT_ONCE: Final = 256
"""Connections taken in before the loop does something else."""
PAUSE: Final = 1.0
"""Seconds without new ones after one could not be had, as where too many files are open."""


class Server(uvicorn.Server):
    """Uvicorn's server with an open door of our own.

    The loop's own takes in one connection in each of its turns. A turn in which lists are made takes
    milliseconds, and after some hundred clients that came at once the system turned the others away, who
    came back after 1, 3, 7 and 15 seconds.
    """

    warming = True
    """Nothing but what warms up was begun; whoever begins more says that this is over."""

    _making: set[asyncio.Task[object]]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._making = set()
        made = partial(
            self.config.http_protocol_class,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        for door in sockets or ():
            door.setblocking(False)
            door.listen(self.config.backlog)
            self._open(door, made)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Warming up takes long in a large shop and cannot be broken off. Meanwhile nobody is answered and
        nothing is taken in or begun: the process ends at once, as if nothing caught the signal.
        """
        if not self.warming:
            super().handle_exit(sig, frame)
            return
        signal.signal(sig, signal.SIG_DFL)
        os.kill(os.getpid(), sig)
        os._exit(128 + sig)  # Process 1 of a container does not die of a signal that it leaves alone.

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for door in sockets or ():
            asyncio.get_running_loop().remove_reader(door)
        await super().shutdown(sockets)

    def _open(self, door: socket.socket, made: Callable[[], asyncio.Protocol]) -> None:
        if door.fileno() >= 0 and not self.should_exit:
            asyncio.get_running_loop().add_reader(door, self._take_in, door, made)

    def _take_in(self, door: socket.socket, made: Callable[[], asyncio.Protocol]) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(AT_ONCE):
            try:
                line, _ = door.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return  # Nobody waits, or another process was quicker.
            except OSError:
                loop.remove_reader(door)
                loop.call_later(PAUSE, self._open, door, made)
                return
            line.setblocking(False)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(loop.connect_accepted_socket(made, line))
            self._making.add(task)
            task.add_done_callback(self._making.discard)
