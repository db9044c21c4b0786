"""Whether the pages of the database are whole: looked at once, beside everything, when a server starts.

A row of the log tells by itself that it is damaged; an index that leaves rows out does not.
"""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from penchant.adapters.sqlite.copies import PageCheck
from penchant.errors import PenchantError

_log = logging.getLogger(__name__)


class Wholeness:
    """Looks from :meth:`start` on, in a thread. ``failure``: what is wrong; empty where nothing is."""

    def __init__(self, path: Path) -> None:
        self.failure = ""
        self._path = path
        self._lock = threading.Lock()
        self._wanted = self._ended = False
        self._aside = 0
        self._check: PageCheck | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look; a file that was looked at as a whole is not looked at again."""
        with self._lock:
            self._wanted = True
            self._begin()

    @contextmanager
    def set_aside(self) -> Generator[None]:
        """Let it be meanwhile: whoever rewrites the file must not wait for a long reader.

        SQLite cannot go on in the middle: a look that was cut off begins anew afterwards.
        """
        with self._lock:
            self._aside += 1
        try:
            self._halt()
            yield
        finally:
            with self._lock:
                self._aside -= 1
                self._begin()

    def stop(self) -> None:
        """Let it be for good."""
        with self._lock:
            self._ended = True
        self._halt()

    def join(self) -> None:
        """Wait until it has looked, or was let be."""
        if (thread := self._thread) is not None:
            thread.join()

    def _begin(self) -> None:
        if not self._wanted or self._ended or self._aside or self._check is not None:
            return
        self._check = check = PageCheck(self._path)
        self._thread = threading.Thread(target=self._look, args=[check], name="wholeness", daemon=True)
        self._thread.start()

    def _halt(self) -> None:
        with self._lock:
            check, self._check = self._check, None
        if check is not None:
            check.stop()
        self.join()

    def _look(self, check: PageCheck) -> None:
        failure = ""
        try:
            check.run()
        except PenchantError as error:
            failure = str(error)
            _log.warning("%s", error)
        with self._lock:
            self.failure = failure or self.failure
            if self._check is check:  # Nobody cut it off: all pages were read.
                self._ended = True
