"""Processes beside a server, the learner among them: started anew where they die, ended with the server."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["off", "running", "failed"]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: ``first`` before the first start, at most ``longest`` before that of one that dies again and
    again; one that lived for ``steady`` is started anew as if it had never died. It has ``end`` to end by
    itself before it is killed.
    """

    first: float
    longest: float
    steady: float
    end: float


LEARNER = Pace(first=3.0, longest=300.0, steady=600.0, end=5.0)
"""What serves for a moment only needs no learner; a kill loses nothing but the pass under way."""

_log = logging.getLogger(__name__)


def learner_command(shop: Path) -> list[str]:
    """Ends by itself when this process is no more."""
    here = str(os.getpid())
    return [sys.executable, "-m", "penchant.cli", "learn", "--shop", str(shop), "--beside", here]


class ChildProcess:
    """``state`` is ``off`` before the start and after the stop, ``failed`` between a death and a restart."""

    def __init__(
        self,
        command: Sequence[str],
        pace: Pace = LEARNER,
        *,
        name: str = "the learner",
        keeps: Sequence[int] = (),
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """``keeps``: open files of ours that it inherits. ``on_end`` hears of each of its deaths."""
        self._command = list(command)
        self._pace = pace
        self._name = name
        self._keeps = tuple(keeps)
        self._on_end = on_end
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)
        self.state: State = "off"

    def start(self) -> None:
        """Once."""
        self.state = "running"
        self._thread.start()

    def stop(self) -> None:
        """End it; harmless where it never ran."""
        self.ask_to_end()
        with self._guard:
            if self._process is not None:
                _end(self._process, self._pace.end)
        if self._thread.ident is not None:
            self._thread.join(self._pace.end)
        self.state = "off"

    def ask_to_end(self) -> None:
        """It need not have ended when this returns; :meth:`stop` waits for that."""
        self._stop.set()
        with self._guard:
            if self._process is not None:
                self._process.terminate()

    def kill(self) -> None:
        """It is gone when this returns, with all that it held in memory; it is started anew."""
        with self._guard:
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def _watch(self) -> None:
        pause, again = self._pace.first, max(1.0, self._pace.first)
        while not self._stop.wait(pause):
            begun = time.monotonic()
            code = self._run()
            self._on_end()
            if self._stop.is_set():
                return
            self.state = "failed"
            steady = time.monotonic() - begun > self._pace.steady
            again = 1.0 if steady else min(self._pace.longest, 2 * again)
            pause = again
            _log.warning("%s ended with %s; it is started again in %.0f s", self._name, code, pause)

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
                    pass_fds=self._keeps,
                )
            except OSError as error:
                return str(error)
            self.state = "running"
        return self._process.wait()


def _end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
