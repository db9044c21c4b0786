"""Shown lists in SQLite."""

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec

from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.log import SqliteLog
from penchant.types import Impression, Logged, Pseudonym

_decoder = msgspec.json.Decoder(Impression)


def join_lists(connection: Any, before: Pseudonym, person: Pseudonym, which: Callable[[float], bool]) -> int:
    """Make lists that were shown at times that are wanted another person's; returns how many."""
    sql = "SELECT number, content FROM impressions WHERE pseudonym = ?"
    shown = [(number, _decoder.decode(content)) for number, content in connection.execute(sql, [before])]
    moved = [
        (person, msgspec.json.encode(msgspec.structs.replace(one, user_id=person)), number)
        for number, one in shown
        if which(one.timestamp)
    ]
    connection.executemany("UPDATE impressions SET pseudonym = ?, content = ? WHERE number = ?", moved)
    return len(moved)


def _oldest(connection: Any, most: int, before: float) -> list[tuple[int]]:
    """Numbers of the first lists that were written, of those that were shown ``before`` (unix seconds)."""
    rows = connection.execute("SELECT number, content FROM impressions ORDER BY number LIMIT ?", [most])
    return [(number,) for number, content in rows if _decoder.decode(content).timestamp < before]


class SqliteImpressions:
    """:class:`~penchant.events.impressions.ImpressionLog` and ``Erasable``."""

    erasable_name = "impressions"

    def __init__(self, database: Database, log: SqliteLog, keep: float = math.inf) -> None:
        """``keep``: seconds after which a list goes, as others are written."""
        self._database = database
        self._log = log
        self._keep = keep

    def append(self, impressions: Sequence[Impression]) -> None:
        """Write them. Of those that are too old to be kept twice as many go: a shop that is given a term gets
        rid of a year of lists bit by bit, and no write waits for it."""
        rows = [(i.recommendation_id, i.user_id, msgspec.json.encode(i)) for i in impressions]
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO impressions (recommendation_id, pseudonym, content) VALUES (?, ?, ?) "
                "ON CONFLICT (recommendation_id) DO NOTHING",
                rows,
            )
            before = max((i.timestamp for i in impressions), default=-math.inf) - self._keep
            if before > -math.inf and _oldest(connection, 1, before):  # As a rule the first one is young.
                old = _oldest(connection, 2 * len(rows), before)
                connection.executemany("DELETE FROM impressions WHERE number = ?", old)

    def get(self, recommendation_id: str) -> Impression | None:
        rows = self._database.read(
            "SELECT content FROM impressions WHERE recommendation_id = ?", [recommendation_id]
        )
        return _decoder.decode(bytes(rows[0][0])) if rows else None  # type: ignore[arg-type]

    def of_user(self, person: Pseudonym, last: int) -> list[Impression]:
        rows = self._database.read(
            "SELECT content FROM impressions WHERE pseudonym = ? ORDER BY number DESC LIMIT ?", [person, last]
        )
        return [_decoder.decode(bytes(row[0])) for row in rows]  # type: ignore[arg-type]

    def joined(self, recommendation_id: str) -> list[Logged]:
        return self._log.joined(recommendation_id)

    def follow(self, after: int, limit: int) -> list[tuple[int, Impression]]:
        rows = self._database.read(
            "SELECT number, content FROM impressions WHERE number > ? ORDER BY number LIMIT ?", [after, limit]
        )
        return [(cast(int, number), _decoder.decode(cast(bytes, content))) for number, content in rows]

    def named(self) -> dict[int, str]:
        rows = self._database.read(
            "SELECT position, recommendation FROM events WHERE recommendation IS NOT NULL"
        )
        return {cast(int, position): str(name) for position, name in rows}

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(shown) for shown in reversed(self.of_user(person, -1))]

    def erase_until(self, person: Pseudonym, until: float) -> int:
        """Remove for good the lists shown up to a time (unix seconds); returns how many."""
        sql = "SELECT number, content FROM impressions WHERE pseudonym = ?"
        with self._database.write() as connection:
            shown = connection.execute(sql, [person]).fetchall()
            old = [(number,) for number, content in shown if _decoder.decode(content).timestamp <= until]
            connection.executemany("DELETE FROM impressions WHERE number = ?", old)
        self._database.forget_for_good()
        return len(old)

    def erase_person(self, person: Pseudonym) -> int:
        with self._database.write() as connection:
            gone = connection.execute("DELETE FROM impressions WHERE pseudonym = ?", [person]).rowcount
        self._database.forget_for_good()
        return gone
