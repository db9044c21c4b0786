"""What is known of people in SQLite: one row for each person of whom there is anything."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.mirror import Mirror
from penchant.events.attributes import Attributes
from penchant.events.cells import Limits
from penchant.types import Pseudonym

_AT_ONCE = 20_000
IN_THE_LOG = "SELECT 1 FROM people JOIN events USING (person) WHERE pseudonym = ? LIMIT 1"
_decoder = msgspec.json.Decoder(dict[str, str])
_encoder = msgspec.json.Encoder(order="deterministic")


def join_attributes(connection: Any, before: Pseudonym, person: Pseudonym) -> None:
    """Add what is known of one person to another, whose own stays; nothing where both are too much."""
    sql = "SELECT content FROM attributes WHERE pseudonym = ?"
    known = [connection.execute(sql, [one]).fetchall() for one in (before, person)]
    given, own = (_decoder.decode(rows[0][0]) if rows else {} for rows in known)
    both = given | own
    if given and len(both) <= max(Limits().max_attributes, len(own)):
        connection.execute("INSERT OR REPLACE INTO attributes VALUES (?, ?)", [person, _encoder.encode(both)])
    connection.execute("DELETE FROM attributes WHERE pseudonym = ?", [before])


class SqliteAttributes:
    """:class:`~penchant.events.attributes.AttributeStore` and ``Erasable``."""

    erasable_name = "attributes"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Mirror[Attributes] = Mirror(database)

    def changed(self, *people: Pseudonym) -> None:
        """Their rows were written by somebody else."""
        self._known.changed(*people)

    def replace(self, known: Mapping[Pseudonym, Attributes]) -> int:
        with self._database.guard:
            before = self.many(list(known))
            changed = {person: new for person, new in known.items() if before.get(person, {}) != new}
            if changed:
                rows = [(person, _encoder.encode(new)) for person, new in changed.items() if new]
                empty = [(person,) for person, new in changed.items() if not new]
                with self._database.write() as connection:
                    connection.executemany("INSERT OR REPLACE INTO attributes VALUES (?, ?)", rows)
                    connection.executemany("DELETE FROM attributes WHERE pseudonym = ?", empty)
                self._known.changed(*changed)
        return len(changed)

    def attributes_of(self, person: Pseudonym) -> Attributes:
        return self._known.get(person, lambda: self.many([person]).get(person, {}))

    def many(self, people: Sequence[Pseudonym]) -> dict[Pseudonym, Attributes]:
        found: dict[Pseudonym, Attributes] = {}
        for start in range(0, len(people), _AT_ONCE):
            asked = msgspec.json.encode(people[start : start + _AT_ONCE]).decode()
            rows = self._database.read(
                "SELECT pseudonym, content FROM attributes WHERE pseudonym IN "
                "(SELECT value FROM json_each(?))",
                [asked],
            )
            for person, content in rows:
                found[Pseudonym(str(person))] = _decoder.decode(bytes(content))  # type: ignore[arg-type]
        return found

    def count(self) -> int:
        return int(str(self._database.read("SELECT count(*) FROM attributes")[0][0]))

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        known = self.attributes_of(person)
        return [dict(known)] if known else []

    def erase_person(self, person: Pseudonym) -> int:
        with self._database.write() as connection:
            gone = connection.execute("DELETE FROM attributes WHERE pseudonym = ?", [person]).rowcount
        self._known.changed(person)
        if gone and not self._database.read(IN_THE_LOG, [person]):
            # Where rows were moved from page to page a copy may be left, and no log that writes the whole
            # file anew is about to erase this person.
            self._database.compact()
        else:
            self._database.forget_for_good()
        return gone
