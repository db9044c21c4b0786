"""Corrections of taste in SQLite: one row for each person who made any."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from penchant.adapters.sqlite.database import Database
from penchant.taste.corrections import Correction
from penchant.types import Pseudonym


class SqliteCorrections:
    """A :class:`~penchant.taste.corrections.Corrections` store, erasable."""

    erasable_name = "taste-corrections"

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, person: Pseudonym) -> tuple[Correction, ...]:
        """The person's wishes."""
        rows = self._database.read("SELECT content FROM corrections WHERE pseudonym = ?", (person,))
        if not rows:
            return ()
        return msgspec.json.decode(cast(bytes, rows[0][0]), type=tuple[Correction, ...])

    def set(self, person: Pseudonym, corrections: Sequence[Correction]) -> None:
        """Replace them; without any the row goes."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM corrections WHERE pseudonym = ?", (person,))
            if corrections:
                content = msgspec.json.encode(tuple(corrections))
                connection.execute("INSERT INTO corrections VALUES (?, ?)", (person, content))

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        """The wishes as JSON-able records."""
        return [msgspec.to_builtins(wish) for wish in self.get(person)]

    def erase_person(self, person: Pseudonym) -> int:
        """Remove them for good; returns how many there were."""
        gone = len(self.get(person))
        if gone:
            self.set(person, ())
        self._database.forget_for_good()
        return gone
