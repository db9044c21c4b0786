"""What a learner wrote that a person may have taught, as one of the stores that an erasure goes through."""

from pathlib import Path
from typing import Any

from penchant.learn.progress import DRIFT
from penchant.learn.shelf import SnapshotShelf
from penchant.model.delta import DELTA
from penchant.types import Pseudonym


class LearnedFiles:
    """Deltas beside snapshots, and the rows that drift detection waits with.

    Nobody's part can be taken out of either: the files go as a whole, and a learner that runs makes them
    anew, of the others. Whoever serves goes back to the snapshot meanwhile.
    """

    erasable_name = "learned-since"

    def __init__(self, folder: Path, shelf: SnapshotShelf) -> None:
        self._folder = folder
        self._shelf = shelf

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        """Nothing: what was learned means nothing of one person, and what waits is in the log too."""
        del person
        return []

    def erase_person(self, person: Pseudonym) -> int:
        """Remove the files; no record of one person is counted."""
        del person
        self.remove()
        return 0

    def remove(self) -> None:
        """All of it."""
        files = [self._folder / DRIFT, *(self._shelf.folder / name / DELTA for name in self._shelf.names())]
        for file in files:
            file.unlink(missing_ok=True)
