"""Fake accounts that click on items which nobody wants."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.model.histories import Histories
from penchant.testing.simulated.goods import stream
from penchant.testing.simulated.shop import SimulatedShop
from penchant.types import EventType


class Poisoned(NamedTuple):
    """``histories`` with the fakes as last people; ``accounts``: their rows; ``items``: what they push."""

    histories: Histories
    accounts: NDArray[np.int64]
    items: NDArray[np.int64]


def poisoned(
    shop: SimulatedShop,
    histories: Histories,
    *,
    share: float = 0.01,
    accounts: float = 0.01,
    items: int = 5,
    kind: EventType = EventType.CLICK,
    seed: int = 0,
) -> Poisoned:
    """Add fake accounts, each of which takes any of a few unpopular items at any time.

    They come after the shop's own people, whose events stay what they were.

    Args:
        shop: it knows which items were there from the beginning.
        histories: of ``shop.draw()``, or a part of it.
        share: of all events afterwards that are fakes.
        accounts: share of all people afterwards who are fakes.
        items: how many to push: the least taken of those that were always there.
        kind: type of the fake events.
        seed: of the fakes.

    Raises:
        InvalidInput: a share that is not from 0 to below 1, or accounts without events (or the reverse).

    >>> from penchant.testing.simulated import SimulatedSettings
    >>> shop = SimulatedShop(SimulatedSettings(people=198, items=200, interests=8, events=1_980))
    >>> bad = poisoned(shop, shop.draw())
    >>> len(bad.accounts), len(bad.items), bad.histories.events
    (2, 5, 2000)
    """
    fakes, people = _added("share", share, histories.events), _added("accounts", accounts, histories.people)
    if not 0 < people <= fakes:
        raise InvalidInput(
            f"{people} fake accounts cannot do {fakes} events: raise share, or change accounts"
        )
    rng = stream(seed, "poison")
    pushed = _unpopular(rng, shop, histories, items)
    counts = 1 + rng.multinomial(fakes - people, np.full(people, 1 / people))
    owner = np.repeat(np.arange(people), counts)
    times = np.floor(rng.uniform(histories.times.min(), histories.times.max(), fakes))
    added = _histories(owner, rng.choice(pushed, fakes), times[np.lexsort((times, owner))], kind)
    return Poisoned(_joined(histories, added), histories.people + np.arange(people), pushed)


def _added(name: str, share: float, present: int) -> int:
    """How many more make ``share`` of all.

    >>> _added("share", 0.01, 990)
    10
    """
    if not 0 <= share < 1:
        raise InvalidInput(f"{name} is a share from 0 to below 1, got {share}")
    return round(present * share / (1 - share))


def _unpopular(
    rng: np.random.Generator, shop: SimulatedShop, histories: Histories, items: int
) -> NDArray[np.int64]:
    old = np.flatnonzero(shop.goods.arrivals <= shop.settings.start)
    taken = np.bincount(histories.items[histories.items >= 0], minlength=len(shop.goods.arrivals))
    return np.sort(old[np.lexsort((rng.random(len(old)), taken[old]))[:items]])


def _histories(
    owner: NDArray[np.int64], items: NDArray[np.int64], times: NDArray[np.float64], kind: EventType
) -> Histories:
    people = int(owner.max(initial=-1)) + 1
    return Histories(
        offsets=np.searchsorted(owner, np.arange(people + 1)).astype(np.int64),
        items=items.astype(np.int32),
        types=np.full(len(items), kind.code, dtype=np.int8),
        times=times,
        baskets=np.arange(len(items), dtype=np.int64),
        values=np.full(len(items), np.nan, dtype=np.float32),
        queries=np.full(len(items), -1, dtype=np.int32),
    )


def _joined(first: Histories, second: Histories) -> Histories:
    """People of the second after those of the first."""
    after = int(first.baskets.max(initial=-1)) + 1
    return Histories(
        offsets=np.concatenate([first.offsets, first.events + second.offsets[1:]]),
        items=np.concatenate([first.items, second.items]),
        types=np.concatenate([first.types, second.types]),
        times=np.concatenate([first.times, second.times]),
        baskets=np.concatenate([first.baskets, after + second.baskets]),
        values=np.concatenate([first.values, second.values]),
        queries=np.concatenate([first.queries, second.queries]),
    )
