"""A simulated shop in the product's own form, to be imported or sent over HTTP."""

from collections.abc import Iterator

import numpy as np

from penchant.model.histories import Histories, IntArray
from penchant.testing.simulated.shop import SimulatedShop
from penchant.types import EVENT_TYPES, Event, EventType, Item


def user_id(person: int) -> str:
    """The shop's name for a person row.

    >>> user_id(7)
    'p000007'
    """
    return f"p{person:06d}"


def item_id(item: int) -> str:
    """The shop's name for an item row.

    >>> item_id(7)
    'i000007'
    """
    return f"i{item:06d}"


def item_records(shop: SimulatedShop, arrived_by: float | None = None) -> Iterator[Item]:
    """The items in order of arrival; only those that were there at ``arrived_by`` (unix seconds), if given.

    >>> from penchant.testing.simulated import SimulatedSettings
    >>> next(item_records(SimulatedShop(SimulatedSettings(people=50, items=200, events=500)))).text()
    'Large dark rough shampoo. Beauty, Hair'
    """
    goods = shop.goods
    moment = np.inf if arrived_by is None else arrived_by
    for row in np.flatnonzero(goods.arrivals <= moment).tolist():
        yield Item(
            item_id=item_id(row),
            title=goods.titles[row],
            category=goods.categories[row],
            price=round(float(goods.prices[row]), 2),
        )


def event_records(shop: SimulatedShop, histories: Histories) -> Iterator[Event]:
    """The events in order of time, everybody's mixed; ``histories`` may be a part or have fakes added.

    ``sequence`` keeps the order within a visit, ``session_id`` names the visit.

    >>> from penchant.testing.simulated import SimulatedSettings
    >>> shop = SimulatedShop(SimulatedSettings(people=50, items=200, events=500))
    >>> events = list(event_records(shop, shop.draw()))
    >>> len(events), events[0].type.value, events[0].timestamp <= events[-1].timestamp
    (500, 'purchase', True)
    """
    prices = np.round(shop.goods.prices.astype(np.float64), 2)
    people, places = histories.person_of_event(), _places(histories)
    for at in np.argsort(histories.times, kind="stable").tolist():
        kind, item = EVENT_TYPES[histories.types[at]], int(histories.items[at])
        yield Event(
            user_id=user_id(int(people[at])),
            type=kind,
            timestamp=float(histories.times[at]),
            item_id=item_id(item),
            price=float(prices[item]) if kind is EventType.PURCHASE else None,
            session_id=f"{user_id(int(people[at]))}-{histories.times[at]:.0f}",
            sequence=int(places[at]),
        )


def _places(histories: Histories) -> IntArray:
    """Place of each event, from 0, among those of its person at one time."""
    person, times = histories.person_of_event(), histories.times
    new = np.ones(histories.events, dtype=bool)
    new[1:] = (person[1:] != person[:-1]) | (times[1:] != times[:-1])
    begins = np.flatnonzero(new)
    return np.arange(histories.events) - np.repeat(begins, np.diff(begins, append=histories.events))
