"""Items and the id table in SQLite."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.mirror import Mirror
from penchant.catalog.ids import id_digest
from penchant.catalog.prices import PriceSince
from penchant.types import Item

_decoder = msgspec.json.Decoder(Item)
_encoder = msgspec.json.Encoder(order="deterministic")
_BUMP = "UPDATE counters SET value = value + 1 WHERE name = 'catalog_version'"
_PRICE = "INSERT INTO prices (item_id, time, price) VALUES (?, ?, ?)"
Priced = tuple[str, float, float | None]
_AMONG = "item_id IN (SELECT value FROM json_each(?))"


class SqliteIdTable:
    """:class:`~penchant.catalog.ids.IdTable`, kept in memory and followed from the file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._following = Lock()
        self._whole = False

    def __len__(self) -> int:
        self._follow()
        return len(self._ids)

    def rows(self, item_ids: Sequence[str]) -> NDArray[np.int32]:
        self._follow()
        return np.array([self._rows.get(item_id, -1) for item_id in item_ids], dtype=np.int32)

    def assign(self, item_ids: Sequence[str]) -> NDArray[np.int32]:
        self._follow()
        new = [i for i in dict.fromkeys(item_ids) if i not in self._rows]
        if new:
            try:
                self._add(new)
            finally:
                with self._following:
                    self._whole = False
        return self.rows(item_ids)

    def _add(self, item_ids: Sequence[str]) -> None:
        with self._database.write() as connection:
            # Another thread may have been first: look again now that nobody else can write.
            self._read()
            new = [item_id for item_id in item_ids if item_id not in self._rows]
            connection.executemany(
                "INSERT INTO item_ids VALUES (?, ?)",
                [(len(self._ids) + n, item_id) for n, item_id in enumerate(new)],
            )

    def item_ids(self) -> list[str]:
        self._follow()
        return list(self._ids)

    def digest(self, length: int | None = None) -> str:
        self._follow()
        return id_digest(self._ids[:length])

    def _follow(self) -> None:
        """Take in rows that came since; another thread or process may have made them.

        In the one process that makes them, there is nothing to look for between one and the next.
        """
        if not self._whole:
            self._read()

    def _read(self) -> None:
        with self._following:
            found = self._database.read(
                "SELECT row, item_id FROM item_ids WHERE row >= ? ORDER BY row", [len(self._ids)]
            )
            for row, item_id in found:
                self._rows[str(item_id)] = int(str(row))
                self._ids.append(str(item_id))
            self._whole = self._database.writes


class SqliteItems:
    """:class:`~penchant.catalog.store.ItemStore`."""

    def __init__(
        self, database: Database, ids: SqliteIdTable, clock: Callable[[], float] = time.time
    ) -> None:
        """``clock`` in unix seconds, for when a price began."""
        self._database = database
        self._ids = ids
        self._clock = clock
        self._known: Mirror[int] = Mirror(database)

    def upsert(self, items: Sequence[Item]) -> int:
        latest = {item.item_id: item for item in items}
        rows = self._ids.assign(list(latest)).tolist()
        before = self.many(list(latest))
        changed = [
            (row, item.item_id, _encoder.encode(item))
            for row, item in zip(rows, latest.values(), strict=True)
            if before.get(item.item_id) != item
        ]
        if changed:
            with self._database.write() as connection:
                connection.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", changed)
                connection.executemany(_PRICE, self._new_prices(before, latest))
                connection.execute(_BUMP)
            self._known.changed("version")
        return len(changed)

    def _new_prices(self, before: Mapping[str, Item], latest: Mapping[str, Item]) -> list[Priced]:
        now = self._clock()
        old = {name: item.price for name, item in before.items()}
        return [(name, now, item.price) for name, item in latest.items() if old.get(name) != item.price]

    def prices(self, item_id: str) -> list[PriceSince]:
        rows = self._database.read(
            "SELECT price, time FROM prices WHERE item_id = ? ORDER BY number", [item_id]
        )
        return [msgspec.convert({"price": price, "since": since}, PriceSince) for price, since in rows]

    def delete(self, item_ids: Sequence[str]) -> int:
        priced = [
            (name, self._clock(), None)
            for name, item in self.many(item_ids).items()
            if item.price is not None
        ]
        with self._database.write() as connection:
            connection.executemany(_PRICE, priced)
            gone = connection.execute(
                f"DELETE FROM items WHERE {_AMONG}", [msgspec.json.encode(list(item_ids)).decode()]
            ).rowcount
            if gone:
                connection.execute(_BUMP)
        self._known.changed("version")
        return gone

    def get(self, item_id: str) -> Item | None:
        return self.many([item_id]).get(item_id)

    def many(self, item_ids: Sequence[str]) -> dict[str, Item]:
        rows = self._database.read(
            f"SELECT content FROM items WHERE {_AMONG}", [msgspec.json.encode(list(item_ids)).decode()]
        )
        items = [_decoder.decode(bytes(row[0])) for row in rows]  # type: ignore[arg-type]
        return {item.item_id: item for item in items}

    def all(self) -> Iterator[Item]:
        for rows in self._database.stream("SELECT content FROM items ORDER BY row"):
            yield from (_decoder.decode(bytes(row[0])) for row in rows)  # type: ignore[arg-type]

    def version(self) -> int:
        return self._known.get("version", self._version)

    def _version(self) -> int:
        return int(
            str(self._database.read("SELECT value FROM counters WHERE name = 'catalog_version'")[0][0])
        )

    def count(self) -> int:
        return int(str(self._database.read("SELECT count(*) FROM items")[0][0]))
