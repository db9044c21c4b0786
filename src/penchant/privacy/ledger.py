"""Who was erased, and when: tombstones that live outside the backups, so that a restore obeys them."""

import math
import os
from hashlib import blake2b
from pathlib import Path
from threading import Lock

from penchant.errors import ShopError, StorageError
from penchant.types import Pseudonym

_PARTS = 3


class Ledger:
    """One line an erasure: a keyed hash of the pseudonym, the time, and ``begun`` or ``done``.

    Events from before the erasure are not taken back in; what a person does later starts from nothing.
    A half-written last line, from a power cut, was never acknowledged: it is dropped.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._lock = Lock()
        self._times: dict[str, float] = {}
        self._open: dict[str, float] = {}
        whole, _, _ = _content(path).rpartition(b"\n")
        for number, line in enumerate(whole.decode("ascii", "replace").splitlines(), start=1):
            if not self._take(line.split()):
                raise ShopError(
                    f"{path.name}, line {number}: not a record of an erasure: {line[:80]!r}. Without it an "
                    "erased person could come back; restore the file, or take the line out if it is foreign."
                )

    @property
    def pending(self) -> bool:
        """Whether a crash cut off an erasure."""
        return bool(self._open)

    def obeys(self, person: Pseudonym, timestamp: float) -> bool:
        """Whether an event of that time may be kept: never erased, or it happened after the erasure."""
        if not self._times:
            return True
        erased = self._times.get(self._tombstone(person))
        return erased is None or timestamp > erased

    def erased_at(self, person: Pseudonym) -> float:
        """When the person was erased last, unix seconds; minus infinity for never."""
        return self._times.get(self._tombstone(person), float("-inf"))

    def begin(self, person: Pseudonym, now: float) -> None:
        """Write down, durably, that the person is being erased; the stores come after."""
        self._write(person, now, "begun")

    def finish(self, person: Pseudonym, now: float) -> None:
        """Every store has answered."""
        self._write(person, now, "done")

    def unfinished(self, people: list[Pseudonym]) -> list[Pseudonym]:
        """Those among ``people`` whose erasure was cut off: the stores must be asked again."""
        return [person for person in people if self._open and self._tombstone(person) in self._open]

    def _tombstone(self, person: Pseudonym) -> str:
        return blake2b(person.encode(), key=self._key, digest_size=16, person=b"tombstone").hexdigest()

    def _write(self, person: Pseudonym, now: float, what: str) -> None:
        # Rounded up: what happened just before must not pass for what came after.
        parts = [self._tombstone(person), f"{math.ceil(now * 1_000) / 1_000:.3f}", what]
        try:
            with self._lock, self._path.open("ab") as file:
                file.truncate(_content(self._path).rfind(b"\n") + 1)
                file.write((" ".join(parts) + "\n").encode("ascii"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"the erasure could not be written down: {error}. Try again.") from error
        self._take(parts)

    def _take(self, parts: list[str]) -> bool:
        """Believe one line; false where it is none."""
        if len(parts) != _PARTS or parts[2] not in ("begun", "done"):
            return False
        try:
            time = float(parts[1])
        except ValueError:
            return False
        self._times[parts[0]] = max(time, self._times.get(parts[0], time))
        if parts[2] == "begun":
            self._open[parts[0]] = time
        else:
            self._open.pop(parts[0], None)
        return True


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
