"""Writes shown lists in the background, so that a slow disk does not slow a reply."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Any, Protocol, Self

import msgspec

from penchant.errors import ShopError, StorageError, Unreachable
from penchant.types import Impression, Pseudonym

BATCH = 256
"""Lists written in one transaction."""

CAPACITY = 10_000
"""Lists that may wait, some 50 MB of them; above that lists are shown, not logged, and counted."""

PATIENCE = 0.5
"""Seconds that the list of a person waits for room with a disk that is only slow. One that refuses is not
waited for: threads of the door that wait keep others from being answered."""

LINGER = 0.1
"""Seconds that the first list of a batch waits for others: one commit for all of them. Each commit takes the
disk and the interpreter from events and lists. No person answers so soon; what a page sends by itself in
that time is learned of as of something that no list had shown."""

RETRY = 0.5
"""Seconds between attempts while the disk refuses."""


class ImpressionStore(Protocol):
    """Where lists go for good; a part of :class:`~penchant.events.impressions.ImpressionLog`."""

    def append(self, impressions: Sequence[Impression]) -> None:
        """Write them; the same one again changes nothing."""
        ...


class ImpressionSink(Protocol):
    """Where the recommender hands its lists."""

    def put(self, impression: Impression) -> None: ...


def _keep_all(_person: Pseudonym, _timestamp: float) -> bool:
    return True


_Numbered = tuple[int, Impression]


class WrittenAtOnce:
    """A sink that writes each list before the reply: for the command line and for tests."""

    def __init__(self, log: ImpressionStore) -> None:
        self._log = log

    def put(self, impression: Impression) -> None:
        self._log.append([impression])


class ImpressionWriter:
    """A bounded queue and one thread. :meth:`start` it, :meth:`close` it; closing writes what waits.

    It must answer an erasure before the log behind it does. ``may_keep`` says of a person and the time of a
    request whether a list of it may be held still: one that was being made while its person was erased
    comes after the erasure has gone by.
    """

    erasable_name = "waiting-impressions"

    def __init__(
        self,
        log: ImpressionStore,
        *,
        capacity: int = CAPACITY,
        linger: float = LINGER,
        patience: float = PATIENCE,
        may_keep: Callable[[Pseudonym, float], bool] = _keep_all,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._capacity = capacity
        self._linger = linger
        self._patience = patience
        self._may_keep = may_keep
        self._sleep = sleep
        self._clock = clock
        self._waited = float("-inf")
        self._waiting: deque[_Numbered] = deque()
        self._put = 0  # Number of the newest list that was queued.
        self._changed = Condition()
        self._writing: list[_Numbered] = []
        self._closing = False
        self._hurry = 0
        self._dropped = 0
        self._failure: Exception | None = None
        self._thread = Thread(target=self._run, name="impressions", daemon=True)

    def start(self) -> Self:
        """Begin to write."""
        self._thread.start()
        return self

    @property
    def failure(self) -> Exception | None:
        """Why the newest attempt failed, None when all is well; for ``/readyz``."""
        return self._failure

    @property
    def dropped(self) -> int:
        """Lists that were shown and not logged: the queue was full, or no log can hold them."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """Lists that were shown and are not durable yet."""
        return len(self._waiting) + len(self._writing)

    @property
    def crowded(self) -> bool:
        """Whether :meth:`put` may soon have to wait for room."""
        return len(self._waiting) > self._capacity // 2

    def put(self, impression: Impression) -> None:
        """Queue one list. While the queue is full, a person's waits a moment for room; without any the list
        is shown all the same, is in no log, and is counted as :attr:`dropped`.

        Raises:
            StorageError: the writer is closed.
        """
        with self._changed:
            # A list of nobody teaches little; that it holds up a shopper would cost more.
            waits = impression.user_id and self._failure is None and self._clock() >= self._waited
            self._changed.wait_for(
                lambda: self._closing or self._has_room(), self._patience if waits else 0.0
            )
            if waits and not self._has_room():
                # Lists are made one after the other: others must not wait in vain too, each for itself.
                self._waited = self._clock() + self._patience
            if self._closing:
                raise StorageError("the impression writer is closed; the list was not logged")
            if self._has_room():
                self._put += 1
                self._waiting.append((self._put, impression))
                # Else the writer lingers already, and to wake it costs a good part of a list.
                if len(self._waiting) == 1 or self._pressed():
                    self._changed.notify_all()
            else:
                self._dropped += 1

    def _has_room(self) -> bool:
        # What is being written counts: a disk that refuses gives it back to the queue.
        return self.waiting < self._capacity

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was put up to now is durable; false if ``timeout`` seconds did not suffice."""
        with self._changed:
            newest = self._put
            self._hurry += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._oldest() > newest, timeout)
            finally:
                self._hurry -= 1

    def _oldest(self) -> float:
        """Number of the oldest list that is not durable yet."""
        first = self._writing or self._waiting
        return first[0][0] if first else float("inf")

    def close(self, timeout: float = 10.0) -> int:
        """Write what waits and stop; returns how many lists could not be written in time."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)
        with self._changed:
            return self.waiting

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        """The person's lists that still wait, or are being written; the log may have those too."""
        with self._changed:
            held = [*self._writing, *self._waiting]
            return [msgspec.to_builtins(one) for _, one in held if one.user_id == person]

    def erase_person(self, person: Pseudonym) -> int:
        """Drop the person's waiting lists; one being written is in the log when this returns."""
        with self._changed:
            gone = self._drop(person)
            self._changed.wait_for(lambda: not self._writing)
            # Again: a batch that the disk refused is waiting once more.
            return gone + self._drop(person)

    def _drop(self, person: Pseudonym) -> int:
        kept = [one for one in self._waiting if one[1].user_id != person]
        gone = len(self._waiting) - len(kept)
        self._waiting = deque(kept)
        self._changed.notify_all()
        return gone

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                self._changed.wait_for(self._pressed, self._linger)
                if not self._waiting:
                    if self._closing:
                        return
                    continue
                count = min(BATCH, len(self._waiting))
                batch = [self._waiting.popleft() for _ in range(count)]
                self._writing = batch
            written = self._settled([impression for _, impression in batch])
            with self._changed:
                if not written:
                    self._waiting.extendleft(reversed(batch))
                self._writing = []
                self._changed.notify_all()
                if not written and self._closing:
                    return
            if not written:
                self._sleep(RETRY)

    def _pressed(self) -> bool:
        return self._closing or self._hurry > 0 or len(self._waiting) >= BATCH

    def _settled(self, batch: list[Impression]) -> bool:
        """False where the batch must be tried again. A list that no log can hold must not keep out others."""
        if self._write(batch):
            return True
        if isinstance(self._failure, (StorageError, ShopError, Unreachable)):
            return False
        self._dropped += sum(not self._write([one]) for one in batch)
        self._failure = None
        return True

    def _write(self, batch: list[Impression]) -> bool:
        # While it counts as being written: an erasure from here on waits, and finds these in the log.
        kept = [
            shown
            for shown in batch
            if not shown.user_id or self._may_keep(Pseudonym(shown.user_id), shown.timestamp)
        ]
        try:
            if kept:
                self._log.append(kept)
        except Exception as error:  # The thread must not end: nobody would write then.
            self._failure = error
            return False
        self._failure = None
        return True
