"""Who was erased, and when: tombstones that live outside the backups, so that a restore obeys them."""

import os
from hashlib import blake2b
from pathlib import Path

from penchant.errors import StorageError
from penchant.types import Pseudonym

_PARTS = 3


class Ledger:
    """One line an erasure: a keyed hash of the pseudonym, the time, and ``begun`` or ``done``.

    Events from before the erasure are not taken back in; what a person does later starts from nothing.
    A half-written last line, from a power cut, is passed over.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._times: dict[str, float] = {}
        self._open: dict[str, float] = {}
        for line in path.read_text(encoding="ascii", errors="replace").splitlines() if path.exists() else []:
            self._take(line.split())

    def obeys(self, person: Pseudonym, timestamp: float) -> bool:
        """Whether an event of that time may be kept: never erased, or it happened after the erasure."""
        if not self._times:
            return True
        erased = self._times.get(self._tombstone(person))
        return erased is None or timestamp > erased

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
        parts = [self._tombstone(person), f"{now:.3f}", what]
        try:
            with self._path.open("ab") as file:
                file.write((" ".join(parts) + "\n").encode("ascii"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"the erasure could not be written down: {error}. Try again.") from error
        self._take(parts)

    def _take(self, parts: list[str]) -> None:
        if len(parts) != _PARTS or parts[2] not in ("begun", "done"):
            return
        try:
            time = float(parts[1])
        except ValueError:
            return
        self._times[parts[0]] = max(time, self._times.get(parts[0], time))
        if parts[2] == "begun":
            self._open[parts[0]] = time
        else:
            self._open.pop(parts[0], None)
