"""Shown lists in SQLite."""

from collections.abc import Sequence
from typing import Any

import msgspec

from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.log import SqliteLog
from penchant.types import Impression, Logged, Pseudonym

_decoder = msgspec.json.Decoder(Impression)


class SqliteImpressions:
    """:class:`~penchant.events.impressions.ImpressionLog` and ``Erasable``."""

    erasable_name = "impressions"

    def __init__(self, database: Database, log: SqliteLog) -> None:
        self._database = database
        self._log = log

    def append(self, impressions: Sequence[Impression]) -> None:
        rows = [(i.recommendation_id, i.user_id, msgspec.json.encode(i)) for i in impressions]
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO impressions (recommendation_id, pseudonym, content) VALUES (?, ?, ?) "
                "ON CONFLICT (recommendation_id) DO NOTHING",
                rows,
            )

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

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(shown) for shown in reversed(self.of_user(person, -1))]

    def erase_person(self, person: Pseudonym) -> int:
        with self._database.write() as connection:
            gone = connection.execute("DELETE FROM impressions WHERE pseudonym = ?", [person]).rowcount
        self._database.forget_for_good()
        return gone
