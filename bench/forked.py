"""``penchant serve`` as a process that need not import anything: a fork of one that has all of it in memory.

Of a start of the command most is the interpreter reading libraries, in which there is nothing to kill.
"""

import contextlib
import os
import socket
import sys
import time
from multiprocessing import get_context
from pathlib import Path

from penchant.cli import main

LONGEST_START = 60.0
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "forked",
        "penchant.verbs.serve",
        "uvicorn.loops.auto",
        "uvicorn.protocols.http.auto",
        "uvicorn.lifespan.on",
    ]
)


class ForkedServer:
    """A server that answers; what it says is thrown away."""

    def __init__(self, shop: Path, port: int, *more: str) -> None:
        arguments = ["serve", "--shop", str(shop), "--port", str(port), *more]
        self._process = _FORKS.Process(target=_serve, args=[arguments], daemon=True)
        self._process.start()
        until = time.monotonic() + LONGEST_START
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            assert self._process.is_alive(), "the server does not start"
            time.sleep(0.005)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """SIGKILL, and wait until nothing of it is left."""
        self._process.kill()
        self._process.join()


def _serve(arguments: list[str]) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.exit(main(arguments))
