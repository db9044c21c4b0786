"""Approved prices that did not arrive are sent again, beside a server, until they do."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from penchant.decide.sending import Sent
from penchant.errors import PenchantError

FIRST: Final = 60.0
"""Seconds between two looks, and before what did not arrive is sent again."""
LONGEST: Final = 900.0
"""Seconds at most: each failure in a row doubles the wait up to it."""

END: Final = 10.0
"""Seconds that a server waits for it when it ends."""

_log = logging.getLogger(__name__)


class Deliveries:
    """A thread that sends what is ``due``. Errors are logged where they are new, and end nothing."""

    def __init__(
        self,
        due: Callable[[], bool],
        send: Callable[[], Sent],
        *,
        first: float = FIRST,
        longest: float = LONGEST,
    ) -> None:
        self._due = due
        self._send = send
        self._first = first
        self._longest = longest
        self._problem = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)

    def start(self) -> None:
        """Once."""
        self._thread.start()

    def stop(self) -> None:
        """Harmless where it never ran. What is under way has some seconds; cut off, it leaves again, once."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(END)

    def once(self) -> bool:
        """Whether nothing waits any more."""
        try:
            problem = self._send().problem if self._due() else ""
        except PenchantError as error:
            problem = str(error)
        if problem and problem != self._problem:
            _log.warning("approved prices wait: %s", problem)
        self._problem = problem
        return not problem

    def _run(self) -> None:
        pause = self._first
        while not self._stop.wait(pause):
            pause = self._first if self.once() else min(2 * pause, self._longest)
