"""Which offers hold for a person at a moment: looked up in memory where lists are made."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, NamedTuple

from msgspec.structs import replace

from penchant.events.offers import Exposure, ExposureStore, Offer, OfferStore
from penchant.recommend.fallback import OnFault, nobody_hears, reason_of
from penchant.types import ItemOffer, Pseudonym, Recommendation

MOST: Final = 50_000
"""People whose exposures are kept in memory."""

ByItem = Mapping[str, Sequence[Offer]]


@dataclass(frozen=True, slots=True)
class _Book:
    """Offers that had not ended when they were read, by campaign and item."""

    version: int = -1
    campaigns: Mapping[str, ByItem] = field(default_factory=dict[str, ByItem])


class Told(NamedTuple):
    """A campaign that a person may hear of, when they first were told of it (unix seconds), and its offers
    that hold, by item."""

    campaign_id: str
    since: float
    offers: dict[str, list[Offer]]


class OffersInForce:
    """Made empty; :meth:`follow` reads what is new. A shop without offers asks for nothing else.

    Whoever was left out of a campaign by lot is not told of it, whatever other rows say.
    """

    def __init__(
        self, offers: OfferStore, exposures: ExposureStore, on_fault: OnFault = nobody_hears
    ) -> None:
        self._offers = offers
        self._exposures = exposures
        self._on_fault = on_fault
        self._book = _Book()
        self._lock = Lock()
        self._known: OrderedDict[Pseudonym, Mapping[str, float]] = OrderedDict()
        self._versions = (-1, -1)
        self._forgotten = 0

    @property
    def any(self) -> bool:
        """Whether there are offers that may hold."""
        return bool(self._book.campaigns)

    def follow(self, now: float) -> None:
        """Read what changed; ``now`` in unix seconds."""
        versions = self._offers.version(), self._exposures.version()
        if versions == self._versions:
            return
        if versions[0] != self._book.version:
            self._book = _Book(versions[0], _by_campaign(self._offers.unended(now)))
        with self._lock:
            self._forgotten += 1
            self._known.clear()
        self._versions = versions

    def at_hand(self, person: Pseudonym) -> bool:
        """Whether nothing need be read to say what holds for the person."""
        return not self.any or person in self._known

    def forget(self, person: Pseudonym) -> None:
        """Of somebody who is erased, opts out, or was another one."""
        with self._lock:
            self._forgotten += 1
            self._known.pop(person, None)

    def of(self, person: Pseudonym, now: float) -> list[Told]:
        """Campaigns that the person was told of, with the offers that hold at ``now`` (unix seconds)."""
        found: list[Told] = []
        for campaign, since in sorted(self._told(person).items()):
            items = self._book.campaigns.get(campaign, {})
            holding = {item: held for item, rows in items.items() if (held := _holding(rows, now))}
            if holding and since <= now:
                found.append(Told(campaign, since, holding))
        return found

    def onto(
        self, person: Pseudonym, items: tuple[Recommendation, ...], now: float
    ) -> tuple[Recommendation, ...]:
        """A list with the offers that hold for the person on its items; as it was where they cannot be
        read."""
        try:
            told = [
                self._book.campaigns.get(campaign, {})
                for campaign, since in self._told(person).items()
                if since <= now
            ]
        except Exception as error:  # A list without its offers is a list still.
            self._on_fault(reason_of(error), error)
            return items
        if not any(told):
            return items
        return tuple(
            _with_best(item, [row for one in told for row in one.get(item.item_id, ())], now)
            for item in items
        )

    def _told(self, person: Pseudonym) -> Mapping[str, float]:
        """When the person was first told of each campaign that has offers."""
        try:
            return self._known[person]
        except KeyError:
            forgotten, book = self._forgotten, self._book
        found = _first_told(self._exposures.of_person(person), book.campaigns)
        with self._lock:
            if forgotten == self._forgotten:
                self._known[person] = found
                if len(self._known) > MOST:
                    self._known.popitem(last=False)
        return found


def _by_campaign(offers: Sequence[Offer]) -> dict[str, dict[str, list[Offer]]]:
    found: dict[str, dict[str, list[Offer]]] = {}
    for offer in offers:
        found.setdefault(offer.campaign_id, {}).setdefault(offer.item_id, []).append(offer)
    return found


def _first_told(rows: Sequence[Exposure], campaigns: Mapping[str, ByItem]) -> dict[str, float]:
    held_out = {row.campaign_id for row in rows if row.held_out}
    found: dict[str, float] = {}
    for row in rows:  # Oldest first.
        if row.campaign_id in campaigns and row.campaign_id not in held_out:
            found.setdefault(row.campaign_id, row.timestamp)
    return found


def _holding(rows: Sequence[Offer], now: float) -> list[Offer]:
    return [row for row in rows if row.starts <= now < row.ends]


def _with_best(item: Recommendation, rows: Sequence[Offer], now: float) -> Recommendation:
    """With the largest discount that holds; of equal ones with the offer that ends first."""
    holding = _holding(rows, now)
    if not holding:
        return item
    best = min(holding, key=lambda row: (-(row.discount or 0.0), row.ends, row.offer_id, row.campaign_id))
    made = ItemOffer(offer_id=best.offer_id, campaign_id=best.campaign_id, discount=best.discount)
    return replace(item, offer=made)
