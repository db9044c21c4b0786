"""Versions of the rules in SQLite: who changed them, when, why and to what."""

import msgspec

from penchant.adapters.sqlite.database import Database
from penchant.errors import Conflict
from penchant.recommend.rules.port import RuleVersion

_ALL = "SELECT version, time, author, note, restores, document FROM rules"


class SqliteRules:
    """:class:`~penchant.recommend.rules.port.RuleStore`. Rules may change while another process serves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, change: RuleVersion, expected: int) -> RuleVersion:
        with self._database.write_beside() as connection:
            newest = connection.execute("SELECT coalesce(max(version), 0) FROM rules").fetchone()[0]
            if newest != expected:
                raise Conflict(
                    f"the rules are at version {newest} by now, not at {expected}: look at what changed "
                    "and try again. Nothing was changed."
                )
            kept = msgspec.structs.replace(change, version=newest + 1)
            connection.execute(
                "INSERT INTO rules (version, time, author, note, restores, document) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [kept.version, kept.time, kept.author, kept.note, kept.restores, kept.document],
            )
        return kept

    def newest(self) -> int:
        return int(str(self._database.read("SELECT coalesce(max(version), 0) FROM rules")[0][0]))

    def get(self, version: int) -> RuleVersion | None:
        rows = self._database.read(f"{_ALL} WHERE version = ?", [version])
        return _version(rows[0]) if rows else None

    def history(self) -> list[RuleVersion]:
        return [_version(row) for row in self._database.read(f"{_ALL} ORDER BY version DESC")]


def _version(row: tuple[object, ...]) -> RuleVersion:
    version, time, author, note, restores, document = row
    return RuleVersion(
        version=int(str(version)), time=float(str(time)), author=str(author), note=str(note),
        restores=int(str(restores)), document=bytes(document),  # type: ignore[arg-type]
    )  # fmt: skip
