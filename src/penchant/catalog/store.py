"""What is for sale."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from penchant.catalog.prices import PriceSince
from penchant.types import Item


class ItemStore(Protocol):
    """The shop's items, durable. ``version`` grows with every change, so that readers know to look again."""

    def upsert(self, items: Sequence[Item]) -> int:
        """Add or replace; returns how many differ from before. Durable when this returns."""
        ...

    def delete(self, item_ids: Sequence[str]) -> int:
        """Take items out of the catalogue; returns how many were there. Their id rows stay taken."""
        ...

    def get(self, item_id: str) -> Item | None: ...

    def many(self, item_ids: Sequence[str]) -> dict[str, Item]: ...

    def all(self) -> Iterator[Item]:
        """Every item, in the order of its id row."""
        ...

    def prices(self, item_id: str) -> list[PriceSince]:
        """Every price that the item had, in order of time; one is kept when it changes, or the item goes."""
        ...

    def version(self) -> int: ...

    def count(self) -> int: ...
