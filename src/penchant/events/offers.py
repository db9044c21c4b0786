"""Offers of campaigns, who was told of them, and what is on hand: rows of tables, and their ports."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from penchant.types import Pseudonym


class Offer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One item that an offer of a campaign covers, from ``starts`` until before ``ends`` (unix seconds).

    ``discount`` is a share of the price, from 0 to 1; None where it is not known.
    """

    offer_id: str
    campaign_id: str
    item_id: str
    starts: float
    ends: float
    discount: float | None = None


class Exposure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A person was told of a campaign at ``timestamp`` (unix seconds); or would have been, and was left out
    by lot: ``held_out``."""

    user_id: Pseudonym
    campaign_id: str
    timestamp: float
    held_out: bool = False


class StockLevel(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Pieces of an item on hand from ``timestamp`` (unix seconds) on, and days that a delivery takes."""

    item_id: str
    timestamp: float
    on_hand: float
    lead_time_days: float | None = None


class OfferStore(Protocol):
    """One row for each campaign, offer and item."""

    def put(self, rows: Sequence[Offer]) -> int:
        """Keep them, each in the place of one of the same key; how many are new or differ. Durable then."""
        ...

    def holds(self, rows: Sequence[Offer]) -> list[bool]:
        """Of which there is a row of the same key."""
        ...

    def all(self) -> list[Offer]:
        """Every row, by campaign, offer and item."""
        ...

    def unended(self, now: float) -> list[Offer]:
        """Those that end after ``now`` (unix seconds)."""
        ...

    def version(self) -> int:
        """Another one after every change."""
        ...


class ExposureStore(Protocol):
    """One row for each person, campaign and time; answers :class:`~penchant.privacy.erasure.Erasable` too."""

    def put(self, rows: Sequence[Exposure]) -> int:
        """As :meth:`OfferStore.put`."""
        ...

    def holds(self, rows: Sequence[Exposure]) -> list[bool]:
        """As :meth:`OfferStore.holds`."""
        ...

    def of_person(self, person: Pseudonym) -> list[Exposure]:
        """The person's, oldest first."""
        ...

    def all(self) -> list[Exposure]:
        """Every row, by campaign and time."""
        ...

    def version(self) -> int:
        """Another one after every change."""
        ...


class StockStore(Protocol):
    """One row for each item and time."""

    def put(self, rows: Sequence[StockLevel]) -> int:
        """As :meth:`OfferStore.put`."""
        ...

    def holds(self, rows: Sequence[StockLevel]) -> list[bool]:
        """As :meth:`OfferStore.holds`."""
        ...

    def all(self) -> list[StockLevel]:
        """Every row, by item and time."""
        ...

    def newest(self, until: float) -> dict[str, StockLevel]:
        """The newest row of each item, of those up to ``until`` (unix seconds)."""
        ...

    def next_time(self, after: float) -> float:
        """When the first row after a time (unix seconds) holds from; inf where there is none."""
        ...

    def version(self) -> int:
        """Another one after every change."""
        ...
