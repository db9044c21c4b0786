"""Offers, exposures and stock in SQLite, one row of each table a row."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from penchant.adapters.sqlite.attributes import IN_THE_LOG
from penchant.adapters.sqlite.database import Database
from penchant.events.offers import Exposure, Offer, StockLevel
from penchant.types import EventType, Pseudonym

_COUNTER: Final = "UPDATE counters SET value = value + 1 WHERE name = ?"
_AT_ONCE: Final = 20_000


def join_exposures(
    connection: Any, before: Pseudonym, person: Pseudonym, which: Callable[[float], bool]
) -> int:
    """Make one person's exposures another's, those of times that are wanted; returns how many.

    Of two of one campaign and time that who was left out by lot stays.
    """
    sql = "SELECT campaign_id, timestamp, held_out FROM exposures WHERE user_id = ?"
    moved = [row for row in connection.execute(sql, [before]).fetchall() if which(row[1])]
    connection.executemany(
        "INSERT INTO exposures (user_id, campaign_id, timestamp, held_out) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (user_id, campaign_id, timestamp) DO UPDATE "
        "SET held_out = max(held_out, excluded.held_out)",
        [(person, *row) for row in moved],
    )
    connection.executemany(
        "DELETE FROM exposures WHERE user_id = ? AND campaign_id = ? AND timestamp = ?",
        [(before, *row[:2]) for row in moved],
    )
    if moved:
        connection.execute(_COUNTER, ["exposures"])
    return len(moved)


def named_offers(database: Database) -> dict[int, str]:
    """The ``offer_id`` of the context of each event that names one, by its position in the log."""
    sql = (
        "SELECT position, json_extract(CAST(rest AS TEXT), '$.context.offer_id') FROM events "
        """WHERE rest IS NOT NULL AND instr(rest, CAST('"offer_id":' AS BLOB)) > 0"""
    )
    rows: list[tuple[Any, ...]] = database.read(sql)
    return {int(position): str(offer) for position, offer in rows if offer is not None}


def sold_since(database: Database, since: float, until: float) -> tuple[dict[str, float], float]:
    """Pieces of each item that were sold from ``since`` until ``until`` (unix seconds), and since when
    within that time the shop sells; what cleaning marked does not count."""
    sql = (
        "SELECT item, sum(coalesce(quantity, 1)) FROM events "
        "WHERE type = ? AND timestamp > ? AND timestamp <= ? AND item IS NOT NULL "
        "AND position NOT IN (SELECT position FROM marked_events) GROUP BY item"
    )
    rows: list[tuple[Any, ...]] = database.read(sql, [EventType.PURCHASE.code, since, until])
    sql = (
        "SELECT min(timestamp) FROM events WHERE type = ? AND timestamp <= ? "
        "AND position NOT IN (SELECT position FROM marked_events)"
    )
    first: Any = database.read(sql, [EventType.PURCHASE.code, until])[0][0]
    begun = until if first is None else max(since, float(first))
    return {str(item): float(pieces) for item, pieces in rows}, begun


@dataclass(frozen=True, slots=True)
class _Table:
    """Its columns, of which the first ``keys`` are the key."""

    database: Database
    name: str
    columns: tuple[str, ...]
    keys: int

    def put(self, rows: Sequence[Any]) -> int:
        key, rest = self.columns[: self.keys], self.columns[self.keys :]
        old = ", ".join(f"{self.name}.{column}" for column in rest)
        new = ", ".join(f"excluded.{column}" for column in rest)
        values = ",".join("?" * len(self.columns))
        sql = (
            f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({values}) "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET ({', '.join(rest)}) = ({new}) "
            f"WHERE ({old}) IS NOT ({new})"
        )
        if len(rest) == 1:
            sql = sql.replace(f"SET ({rest[0]}) = ({new})", f"SET {rest[0]} = {new}")
        with self.database.write() as connection:
            before = connection.total_changes
            connection.executemany(sql, [self._cells(row) for row in rows])
            changed = connection.total_changes - before
            if changed:
                connection.execute(_COUNTER, [self.name])
        return changed

    def holds(self, rows: Sequence[Any]) -> list[bool]:
        key = self.columns[: self.keys]
        wanted = [self._cells(row)[: self.keys] for row in rows]
        found = set[tuple[object, ...]]()
        parts = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(self.keys))
        for start in range(0, len(wanted), _AT_ONCE):
            asked = msgspec.json.encode(wanted[start : start + _AT_ONCE]).decode()
            found.update(
                self.database.read(
                    f"SELECT {', '.join(key)} FROM {self.name} WHERE ({', '.join(key)}) IN "
                    f"(SELECT {parts} FROM json_each(?))",
                    [asked],
                )
            )
        return [one in found for one in wanted]

    def read(self, more: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        rows = self.database.read(f"SELECT {', '.join(self.columns)} FROM {self.name} {more}", values)
        return [dict(zip(self.columns, row, strict=True)) for row in rows]

    def version(self) -> int:
        return int(str(self.database.read("SELECT value FROM counters WHERE name = ?", [self.name])[0][0]))

    def _cells(self, row: Any) -> tuple[Any, ...]:
        cells = (getattr(row, column) for column in self.columns)
        return tuple(int(cell) if isinstance(cell, bool) else cell for cell in cells)


class SqliteOffers:
    """:class:`~penchant.events.offers.OfferStore`."""

    def __init__(self, database: Database) -> None:
        columns = "campaign_id", "offer_id", "item_id", "starts", "ends", "discount"
        self._table = _Table(database, "offers", columns, 3)

    def put(self, rows: Sequence[Offer]) -> int:
        return self._table.put(rows)

    def holds(self, rows: Sequence[Offer]) -> list[bool]:
        return self._table.holds(rows)

    def all(self) -> list[Offer]:
        return [Offer(**row) for row in self._table.read("ORDER BY campaign_id, offer_id, item_id")]

    def unended(self, now: float) -> list[Offer]:
        order = "WHERE ends > ? ORDER BY campaign_id, offer_id, item_id"
        return [Offer(**row) for row in self._table.read(order, [now])]

    def version(self) -> int:
        return self._table.version()


class SqliteExposures:
    """:class:`~penchant.events.offers.ExposureStore` and ``Erasable``."""

    erasable_name = "exposures"

    def __init__(self, database: Database) -> None:
        self._database = database
        columns = "user_id", "campaign_id", "timestamp", "held_out"
        self._table = _Table(database, "exposures", columns, 3)

    def put(self, rows: Sequence[Exposure]) -> int:
        return self._table.put(rows)

    def holds(self, rows: Sequence[Exposure]) -> list[bool]:
        return self._table.holds(rows)

    def of_person(self, person: Pseudonym) -> list[Exposure]:
        rows = self._table.read("WHERE user_id = ? ORDER BY timestamp, campaign_id", [person])
        return [_exposure(row) for row in rows]

    def all(self) -> list[Exposure]:
        return [_exposure(row) for row in self._table.read("ORDER BY campaign_id, timestamp, user_id")]

    def version(self) -> int:
        return self._table.version()

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        found = [msgspec.to_builtins(one) for one in self.of_person(person)]
        return [{name: cell for name, cell in one.items() if name != "user_id"} for one in found]

    def erase_until(self, person: Pseudonym, until: float) -> int:
        """Remove for good what the person was told of up to a time (unix seconds); returns how many rows."""
        return self._erase("user_id = ? AND timestamp <= ?", person, until)

    def erase_person(self, person: Pseudonym) -> int:
        return self._erase("user_id = ?", person)

    def _erase(self, where: str, person: Pseudonym, *more: float) -> int:
        with self._database.write() as connection:
            gone = connection.execute(f"DELETE FROM exposures WHERE {where}", [person, *more]).rowcount
            if gone:
                connection.execute(_COUNTER, ["exposures"])
        if gone and not self._database.read(IN_THE_LOG, [person]):
            self._database.compact()  # As for attributes: nothing else writes the file anew.
        else:
            self._database.forget_for_good()
        return gone


class SqliteStock:
    """:class:`~penchant.events.offers.StockStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = _Table(database, "stock", ("item_id", "timestamp", "on_hand", "lead_time_days"), 2)

    def put(self, rows: Sequence[StockLevel]) -> int:
        return self._table.put(rows)

    def holds(self, rows: Sequence[StockLevel]) -> list[bool]:
        return self._table.holds(rows)

    def all(self) -> list[StockLevel]:
        return [StockLevel(**row) for row in self._table.read("ORDER BY item_id, timestamp")]

    def newest(self, until: float) -> dict[str, StockLevel]:
        # Of several rows the one of the maximum is given: https://sqlite.org/lang_select.html#bareagg
        sql = (
            "SELECT item_id, max(timestamp), on_hand, lead_time_days FROM stock WHERE timestamp <= ? "
            "GROUP BY item_id"
        )
        rows: list[tuple[Any, ...]] = self._database.read(sql, [until])
        found = (
            StockLevel(item_id=item, timestamp=time, on_hand=on_hand, lead_time_days=lead)
            for item, time, on_hand, lead in rows
        )
        return {level.item_id: level for level in found}

    def next_time(self, after: float) -> float:
        rows: list[tuple[Any, ...]] = self._database.read(
            "SELECT min(timestamp) FROM stock WHERE timestamp > ?", [after]
        )
        return math.inf if rows[0][0] is None else float(rows[0][0])

    def version(self) -> int:
        return self._table.version()


def _exposure(row: dict[str, Any]) -> Exposure:
    kept: dict[str, Any] = {**row, "held_out": bool(row["held_out"])}
    return Exposure(**kept)
