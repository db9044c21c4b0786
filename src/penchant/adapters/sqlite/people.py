"""What is kept on people beside their events: consent and cleaning marks."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.mirror import Mirror
from penchant.events.marks import StepReport
from penchant.privacy.consent import Consent
from penchant.types import Pseudonym

_THEIRS = "position IN (SELECT position FROM people JOIN events USING (person) WHERE pseudonym = ?)"
_EVERYBODY = " UNION ".join(
    f"SELECT pseudonym FROM {table}"
    for table in (
        "people", "impressions", "dead_letters", "marked_people", "consent", "corrections", "attributes",
        "guests", "offered",
    )
) + (
    " UNION SELECT guest FROM guests UNION SELECT user_id FROM exposures"
    " UNION SELECT user_id FROM follows UNION SELECT follows FROM follows"
)  # fmt: skip


def everybody(database: Database) -> list[Pseudonym]:
    """All people on whom any store in the file holds anything."""
    return [Pseudonym(str(row[0])) for row in database.read(_EVERYBODY) if row[0]]


_CONSENT = "SELECT profiling, experiments FROM consent WHERE pseudonym = ?"


def join_refusals(connection: Any, before: Pseudonym, person: Pseudonym) -> None:
    """Who refused experiments as one still refuses them as another."""
    if connection.execute(f"{_CONSENT} AND experiments = 0", [before]).fetchall():
        connection.execute(
            "INSERT INTO consent (pseudonym, profiling, experiments) VALUES (?, 1, 0) "
            "ON CONFLICT (pseudonym) DO UPDATE SET experiments = 0",
            [person],
        )


def _consent(row: Sequence[Any]) -> Consent:
    return Consent(profiling=bool(row[0]), experiments=bool(row[1]))


class SqliteConsent:
    """:class:`~penchant.privacy.consent.ConsentStore` and ``Erasable``."""

    erasable_name = "consent"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Mirror[Consent] = Mirror(database)

    def changed(self, *people: Pseudonym) -> None:
        """Their rows were written by somebody else."""
        self._known.changed(*people)

    def get(self, person: Pseudonym) -> Consent:
        return self._known.get(person, lambda: self._read(person))

    def _read(self, person: Pseudonym) -> Consent:
        rows = self._database.read(_CONSENT, [person])
        return _consent(rows[0]) if rows else Consent()

    def set(self, person: Pseudonym, consent: Consent) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO consent (pseudonym, profiling, experiments) VALUES (?, ?, ?)",
                [person, int(consent.profiling), int(consent.experiments)],
            )
        self._known.changed(person)

    def opted_out(self) -> frozenset[Pseudonym]:
        rows = self._database.read("SELECT pseudonym FROM consent WHERE profiling = 0")
        return frozenset(Pseudonym(str(row[0])) for row in rows)

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(_consent(row)) for row in self._database.read(_CONSENT, [person])]

    def erase_person(self, person: Pseudonym) -> int:
        try:
            return _erase(self._database, "consent", person)
        finally:
            self._known.changed(person)


class SqliteMarks:
    """:class:`~penchant.events.marks.Marks` and ``Erasable``."""

    erasable_name = "cleaning-marks"

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(
        self,
        events: Mapping[str, NDArray[np.int64]],
        people: Mapping[str, Sequence[Pseudonym]],
        steps: Sequence[StepReport] = (),
    ) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM cleaning_steps")
            connection.executemany(
                "INSERT INTO cleaning_steps (content) VALUES (?)", [(msgspec.json.encode(s),) for s in steps]
            )
            connection.execute("DELETE FROM marked_events")
            connection.execute("DELETE FROM marked_people")
            for reason, positions in events.items():
                connection.executemany(
                    "INSERT OR IGNORE INTO marked_events VALUES (?, ?)", [(reason, int(p)) for p in positions]
                )
            for reason, names in people.items():
                connection.executemany(
                    "INSERT OR IGNORE INTO marked_people VALUES (?, ?)", [(reason, n) for n in names]
                )

    def marked_events(self) -> dict[str, NDArray[np.int64]]:
        found: dict[str, list[int]] = {}
        for reason, position in self._database.read("SELECT reason, position FROM marked_events"):
            found.setdefault(str(reason), []).append(int(str(position)))
        return {reason: np.array(positions, dtype=np.int64) for reason, positions in found.items()}

    def marked_people(self) -> dict[str, list[Pseudonym]]:
        found: dict[str, list[Pseudonym]] = {}
        for reason, name in self._database.read("SELECT reason, pseudonym FROM marked_people"):
            found.setdefault(str(reason), []).append(Pseudonym(str(name)))
        return found

    def steps(self) -> list[StepReport]:
        rows = self._database.read("SELECT content FROM cleaning_steps ORDER BY place")
        return [msgspec.json.decode(cast(bytes, row[0]), type=StepReport) for row in rows]

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        people = self._database.read("SELECT reason FROM marked_people WHERE pseudonym = ?", [person])
        events = self._database.read(f"SELECT reason, position FROM marked_events WHERE {_THEIRS}", [person])
        marks = [{"reason": str(reason), "log_position": position} for reason, position in events]
        return [{"reason": str(row[0])} for row in people] + marks

    def erase_person(self, person: Pseudonym) -> int:
        """Must come before the log forgets which events are the person's."""
        with self._database.write() as connection:
            gone = connection.execute(f"DELETE FROM marked_events WHERE {_THEIRS}", [person]).rowcount
        return gone + _erase(self._database, "marked_people", person)


def _erase(database: Database, table: str, person: Pseudonym) -> int:
    with database.write() as connection:
        gone = connection.execute(f"DELETE FROM {table} WHERE pseudonym = ?", [person]).rowcount
    database.forget_for_good()
    return gone
