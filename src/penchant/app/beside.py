"""The learner beside a server: a process of its own, started anew where it dies, ended with the server."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

State = Literal["off", "running", "failed"]

FIRST_SECONDS = 3.0
"""After the door opened: what serves for a moment only needs no learner."""

LONGEST_SECONDS = 300.0
"""Between two starts of a learner that dies again and again."""

STEADY_SECONDS = 600.0
"""A learner that lived so long is started anew as if it had never died."""

END_SECONDS = 5.0
"""For the learner to end before it is killed, which loses nothing but the pass under way."""

_log = logging.getLogger(__name__)


def learner_command(shop: Path) -> list[str]:
    """Ends by itself when this process is no more."""
    here = str(os.getpid())
    return [sys.executable, "-m", "penchant.cli", "learn", "--shop", str(shop), "--beside", here]


class LearnerProcess:
    """``state`` is ``off`` before the start and after the stop, ``failed`` between a death and a restart."""

    def __init__(self, command: Sequence[str], first: float = FIRST_SECONDS) -> None:
        self._command = list(command)
        self._first = first
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="learner", daemon=True)
        self.state: State = "off"

    def start(self) -> None:
        """Once."""
        self.state = "running"
        self._thread.start()

    def stop(self) -> None:
        """End it; harmless where it never ran."""
        self._stop.set()
        with self._guard:
            if self._process is not None:
                _end(self._process)
        if self._thread.ident is not None:
            self._thread.join(END_SECONDS)
        self.state = "off"

    def _watch(self) -> None:
        pause, again = self._first, max(1.0, self._first)
        while not self._stop.wait(pause):
            begun = time.monotonic()
            code = self._run()
            if self._stop.is_set():
                return
            self.state = "failed"
            again = 1.0 if time.monotonic() - begun > STEADY_SECONDS else min(LONGEST_SECONDS, 2 * again)
            pause = again
            _log.warning("the learner ended with %s; it is started again in %.0f s", code, pause)

    def _run(self) -> int | str:
        """Until it ends; its exit code, or why it could not be started."""
        with self._guard:
            if self._stop.is_set():
                return 0
            try:
                # A session of its own: Ctrl-C is for the server, which ends it when its answers are given.
                self._process = subprocess.Popen(  # noqa: S603  (our own command)
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                return str(error)
            self.state = "running"
        return self._process.wait()


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
