"""Offers, exposures and stock in memory."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from penchant.events.offers import Exposure, Offer, StockLevel
from penchant.types import Pseudonym

Row = TypeVar("Row")


class _Rows(Generic[Row]):
    def __init__(self, key: Callable[[Row], Any]) -> None:
        self.key = key
        self.kept: dict[Any, Row] = {}
        self.changes = 0

    def put(self, rows: Sequence[Row]) -> int:
        changed = 0
        for row in rows:
            changed += self.kept.get(self.key(row)) != row
            self.kept[self.key(row)] = row
        self.changes += changed > 0
        return changed

    def holds(self, rows: Sequence[Row]) -> list[bool]:
        return [self.key(row) in self.kept for row in rows]

    def all(self) -> list[Row]:
        return [self.kept[key] for key in sorted(self.kept)]


class InMemoryOffers:
    """An :class:`~penchant.events.offers.OfferStore`."""

    def __init__(self) -> None:
        self._rows = _Rows[Offer](lambda row: (row.campaign_id, row.offer_id, row.item_id))

    def put(self, rows: Sequence[Offer]) -> int:
        return self._rows.put(rows)

    def holds(self, rows: Sequence[Offer]) -> list[bool]:
        return self._rows.holds(rows)

    def all(self) -> list[Offer]:
        return self._rows.all()

    def unended(self, now: float) -> list[Offer]:
        return [row for row in self._rows.all() if row.ends > now]

    def version(self) -> int:
        return self._rows.changes


class InMemoryExposures:
    """An :class:`~penchant.events.offers.ExposureStore` that is Erasable too."""

    erasable_name = "exposures"

    def __init__(self) -> None:
        self._rows = _Rows[Exposure](lambda row: (row.campaign_id, row.timestamp, row.user_id))

    def put(self, rows: Sequence[Exposure]) -> int:
        return self._rows.put(rows)

    def holds(self, rows: Sequence[Exposure]) -> list[bool]:
        return self._rows.holds(rows)

    def of_person(self, person: Pseudonym) -> list[Exposure]:
        found = [row for row in self._rows.kept.values() if row.user_id == person]
        return sorted(found, key=lambda row: (row.timestamp, row.campaign_id))

    def all(self) -> list[Exposure]:
        return self._rows.all()

    def version(self) -> int:
        return self._rows.changes

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        found = [msgspec.to_builtins(row) for row in self.of_person(person)]
        return [{name: cell for name, cell in one.items() if name != "user_id"} for one in found]

    def erase_person(self, person: Pseudonym) -> int:
        theirs = [key for key, row in self._rows.kept.items() if row.user_id == person]
        for key in theirs:
            del self._rows.kept[key]
        self._rows.changes += bool(theirs)
        return len(theirs)


class InMemoryStock:
    """A :class:`~penchant.events.offers.StockStore`."""

    def __init__(self) -> None:
        self._rows = _Rows[StockLevel](lambda row: (row.item_id, row.timestamp))

    def put(self, rows: Sequence[StockLevel]) -> int:
        return self._rows.put(rows)

    def holds(self, rows: Sequence[StockLevel]) -> list[bool]:
        return self._rows.holds(rows)

    def all(self) -> list[StockLevel]:
        return self._rows.all()

    def newest(self, until: float) -> dict[str, StockLevel]:
        return {row.item_id: row for row in self._rows.all() if row.timestamp <= until}

    def next_time(self, after: float) -> float:
        return min((row.timestamp for row in self._rows.all() if row.timestamp > after), default=math.inf)

    def version(self) -> int:
        return self._rows.changes
