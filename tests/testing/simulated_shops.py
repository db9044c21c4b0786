"""Small simulated shops for the tests of this folder."""

from functools import cache

import numpy as np

from penchant.model.histories import Histories
from penchant.testing.simulated import SimulatedSettings, SimulatedShop

SMALL = SimulatedSettings(people=600, items=300, interests=10, events=12_000, days=200)


@cache
def shop_of(settings: SimulatedSettings = SMALL) -> SimulatedShop:
    return SimulatedShop(settings)


@cache
def drawn(settings: SimulatedSettings = SMALL) -> Histories:
    return shop_of(settings).draw()


def at(shop: SimulatedShop, share: float) -> float:
    """Unix seconds of a share of the shop's time."""
    return shop.settings.start + share * shop.settings.seconds


def mixture_at(shop: SimulatedShop, share: float) -> np.ndarray:
    everybody = np.arange(shop.settings.people)
    return shop.taste.mixture(everybody, np.full(len(everybody), at(shop, share)))


def moved(shop: SimulatedShop, begin: float, end: float) -> np.ndarray:
    """Share of each person's taste that is on other interests at the end, (P,): total variation."""
    return np.abs(mixture_at(shop, end) - mixture_at(shop, begin)).sum(axis=1) / 2
