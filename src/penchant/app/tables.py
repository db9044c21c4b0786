"""Offers, exposures, stock and who follows whom as a process that serves follows them."""

import math
from threading import Lock
from typing import Final

from penchant.adapters.sqlite.offers import sold_since
from penchant.app.circles import circles_of
from penchant.app.counts import Counts
from penchant.app.shop import Shop
from penchant.errors import ShopError, StorageError
from penchant.recommend.fallback import STORAGE, OnFault
from penchant.recommend.offers import OffersInForce
from penchant.recommend.rules.force import Rules
from penchant.recommend.stock import Levels, StockedRules
from penchant.types import Pseudonym

DAY: Final = 86_400.0
SPAN: Final = 28 * DAY
"""Of sales that tell the pace."""
HOUR: Final = 3_600.0
"""Seconds between two counts of sales."""


class Tables:
    """``offers`` that hold for people, ``circles`` of whom they follow, and ``rules`` of the house with stock
    beside them; :meth:`follow`
    takes in what is new. ``on_fault`` hears where it cannot be read."""

    def __init__(self, shop: Shop, counts: Counts, rules: Rules, on_fault: OnFault) -> None:
        self._shop = shop
        self._on_fault = on_fault
        self._lock = Lock()
        self.offers = OffersInForce(shop.offers, shop.exposures, on_fault)
        self.circles = circles_of(shop, counts, on_fault)
        self.stocking = Stocking(shop, rules)
        self.rules: Rules = self.stocking.rules
        self.follow()

    def follow(self) -> None:
        """From the next list on."""
        with self._lock:  # What one thread read earlier is not kept over what another read later.
            now = self._shop.clock()
            for follow in (
                lambda: self.offers.follow(now),
                self.circles.follow,
                lambda: self.stocking.follow(now),
            ):
                try:  # Each by itself: that offers cannot be read keeps nobody who is unfollowed.
                    follow()
                except (StorageError, ShopError) as error:  # What was read before holds on.
                    self._on_fault(STORAGE, error)

    def forget(self, person: Pseudonym) -> None:
        """What is kept of a person is not what it was."""
        self.offers.forget(person)
        self.circles.forget(person)


class Stocking:
    """``rules`` are those of the house with stock beside them, or themselves where the settings say nothing
    of it: then nothing is read."""

    def __init__(self, shop: Shop, rules: Rules) -> None:
        self._shop = shop
        self._on = shop.settings.stock.on
        self._stocked = StockedRules(rules, shop.settings.stock)
        self.rules: Rules = self._stocked if self._on else rules
        self._version, self._number, self._counted = -1, 0, -HOUR
        self._next = math.inf
        """When a row that is there already comes to hold, unix seconds: clocks of shops run ahead."""
        self._sold: dict[str, float] = {}

    def follow(self, now: float) -> None:
        """Take in what is on hand where that changed, and sales once an hour; ``now`` in unix seconds."""
        if not self._on:
            return
        version, due = self._shop.stock.version(), now - self._counted >= HOUR
        if version == self._version and not due and now < self._next:
            return
        if due:
            self._sold, self._counted = _pace(self._shop, now), now
        on_hand = {item: level.on_hand for item, level in self._shop.stock.newest(now).items()}
        self._next = self._shop.stock.next_time(now)
        self._version, self._number = version, self._number + 1
        self._stocked.use(Levels(self._number, on_hand or None, self._sold))


def _pace(shop: Shop, now: float) -> dict[str, float]:
    """Pieces a day of each item, over four weeks or as long as the shop sells."""
    sold, first = sold_since(shop.database, now - SPAN, now)
    days = max(1.0, (now - first) / DAY)
    return {item: pieces / days for item, pieces in sold.items()}
