"""Who follows whom in SQLite, one row a pair."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from penchant.adapters.sqlite.attributes import IN_THE_LOG
from penchant.adapters.sqlite.database import Database
from penchant.events.follows import Follow
from penchant.types import Pseudonym

_COUNTER: Final = "UPDATE counters SET value = value + 1 WHERE name = 'follows'"
_INSERT: Final = "INSERT INTO follows (user_id, follows) VALUES (?, ?) ON CONFLICT DO NOTHING"
_DELETE: Final = "DELETE FROM follows WHERE user_id = ? AND follows = ?"
_AT_ONCE: Final = 20_000


def join_follows(connection: Any, before: Pseudonym, person: Pseudonym) -> int:
    """Whom one person follows, and who follows them, is so of another from now on; how many pairs."""
    moved = connection.execute(
        "SELECT user_id, follows FROM follows WHERE user_id = ?1 OR follows = ?1 ORDER BY number", [before]
    ).fetchall()
    for pair in moved:
        connection.execute(_DELETE, pair)
        now = [person if one == before else one for one in pair]
        if now[0] != now[1]:
            connection.execute(_INSERT, now)
    if moved:
        connection.execute(_COUNTER)
    return len(moved)


class SqliteFollows:
    """:class:`~penchant.events.follows.FollowStore` and ``Erasable``."""

    erasable_name = "follows"

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, rows: Sequence[Follow]) -> int:
        # The last row of a pair holds, and only what it says counts.
        newest = {(row.user_id, row.follows): row.removed for row in rows if row.user_id != row.follows}
        new = [pair for pair, removed in newest.items() if not removed]
        gone = [pair for pair, removed in newest.items() if removed]
        return self._change(gone, new)

    def replace(self, person: Pseudonym, followed: Sequence[Pseudonym]) -> int:
        wanted = dict.fromkeys(one for one in followed if one != person)
        with self._database.guard:
            gone = [(person, one) for one in self.of_person(person) if one not in wanted]
            return self._change(gone, [(person, one) for one in wanted])

    def _change(
        self, gone: Sequence[tuple[Pseudonym, Pseudonym]], new: Sequence[tuple[Pseudonym, Pseudonym]]
    ) -> int:
        with self._database.write() as connection:
            before = connection.total_changes
            connection.executemany(_DELETE, gone)
            connection.executemany(_INSERT, new)
            changed = connection.total_changes - before
            if changed:
                connection.execute(_COUNTER)
        return changed

    def holds(self, rows: Sequence[Follow]) -> list[bool]:
        wanted = [(row.user_id, row.follows) for row in rows]
        found = set[tuple[object, ...]]()
        for start in range(0, len(wanted), _AT_ONCE):
            asked = msgspec.json.encode(wanted[start : start + _AT_ONCE]).decode()
            sql = (
                "SELECT user_id, follows FROM follows WHERE (user_id, follows) IN (SELECT "
                "json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
            )
            found.update(self._database.read(sql, [asked]))
        return [one in found for one in wanted]

    def of_person(self, person: Pseudonym, most: int | None = None) -> list[Pseudonym]:
        sql = "SELECT follows FROM follows WHERE user_id = ? ORDER BY number DESC LIMIT ?"
        rows = self._database.read(sql, [person, -1 if most is None else most])
        return [Pseudonym(str(row[0])) for row in rows]

    def all(self) -> list[Follow]:
        rows = self._database.read("SELECT user_id, follows FROM follows ORDER BY number")
        return [Follow(user_id=Pseudonym(str(one)), follows=Pseudonym(str(other))) for one, other in rows]

    def any(self) -> bool:
        return bool(self._database.read("SELECT 1 FROM follows LIMIT 1"))

    def version(self) -> int:
        return int(str(self._database.read("SELECT value FROM counters WHERE name = 'follows'")[0][0]))

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [{"follows": one} for one in self.of_person(person)]

    def erase_person(self, person: Pseudonym) -> int:
        sql = "DELETE FROM follows WHERE user_id = ?1 OR follows = ?1"
        with self._database.write() as connection:
            gone = connection.execute(sql, [person]).rowcount
            if gone:
                connection.execute(_COUNTER)
        if gone and not self._database.read(IN_THE_LOG, [person]):
            self._database.compact()  # As for attributes: nothing else writes the file anew.
        else:
            self._database.forget_for_good()
        return gone
