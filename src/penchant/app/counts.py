"""What a serving process counts of all people together: what is popular, and the trend of each item."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from penchant.app.health import Health
from penchant.app.shop import Shop
from penchant.errors import DamagedLog
from penchant.events.cleaning.run import Cleaned, clean
from penchant.events.log import EventColumns
from penchant.learn.data import fit_to_train, histories_from
from penchant.recommend.fallback import reason_of
from penchant.recommend.popularity import Popularity, fallback_scores
from penchant.recommend.trend import ShopTrend
from penchant.types import Event, Logged, Pseudonym


def counted(shop: Shop) -> tuple[EventColumns, Cleaned]:
    """What the log holds now of who may train, cleaned; and what was cleaned out."""
    columns = shop.log.columns()
    cleaned = clean(columns, shop.settings.cleaning)
    return fit_to_train(columns, cleaned, shop.consent, shop.left_out()), cleaned


class Counts:
    """Begun with ``columns``, what counts of the log up to position ``begun``, and what was ``cleaned`` out.

    ``popular`` scores a catalogue for who looks at the item of a row (-1: none).
    """

    def __init__(
        self, shop: Shop, columns: EventColumns, cleaned: Cleaned, begun: int, health: Health
    ) -> None:
        self._shop = shop
        self._begun = begun
        self._health = health
        self._marked, self.marked_events = cleaned.all_people(), cleaned.all_events()
        self.popularity = Popularity(shop.settings.recommend.popularity_days)
        self.popularity.rebuild(columns, shop.ids)
        self.popular = partial(fallback_scores, self.popularity)
        self.trend = ShopTrend(*histories_from(columns, shop.ids), shop.ids)

    def counts(self, person: Pseudonym) -> bool:
        """Whether what the person does counts."""
        return person not in self._marked and self._shop.consent.get(person).profiling

    def heard_of(self, person: Pseudonym, end: int) -> list[Event]:
        """What a person did up to position ``end`` that counts, in the order in which it was heard."""
        heard = _of_user(self._shop, person, end, self._health)
        return _in_order_heard(heard, self.marked_events, self._begun)

    def add(self, heard: Sequence[Event], row_of: Mapping[str, int]) -> None:
        """Events that count; ``row_of`` gives the row of each item that they name."""
        self.popularity.on_events([row_of.get(event.item_id or "", -1) for event in heard], heard)
        self.trend.add(heard, row_of)

    def forget_mark(self, person: Pseudonym) -> None:
        """Nothing is known of the person any more, nor that what the person does is not to count."""
        self._marked.discard(person)


def _of_user(shop: Shop, person: Pseudonym, end: int, health: Health) -> list[Logged]:
    """What counts up to position ``end``; nothing where a row is damaged: nobody may be kept from leaving by
    that."""
    try:
        heard = [entry for entry in shop.log.of_user(person) if entry.position <= end]
        return shop.corrections.disregarded(person).counted(heard)
    except DamagedLog as error:
        health.fault(reason_of(error), error)
        return []


def _in_order_heard(heard: list[Logged], bad: NDArray[np.int64], begun: int) -> list[Event]:
    """Without those at ``bad`` positions; up to position ``begun`` all were heard at once, in their order."""
    wrong = np.isin([entry.position for entry in heard], bad)
    kept = [entry for entry, out in zip(heard, wrong.tolist(), strict=True) if not out]
    return [entry.event for entry in sorted(kept, key=lambda entry: max(entry.position, begun))]
