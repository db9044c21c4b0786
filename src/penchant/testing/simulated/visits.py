"""When the people of a simulated shop come, and how much they take."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.testing.simulated.goods import stream
from penchant.testing.simulated.settings import SimulatedSettings

SPREAD = 0.8
"""Standard deviation of the log of how often a person comes: a few come very often."""
PAUSE = (0.1, 0.4)
"""Shortest and longest pause, as a share of the shop's time."""


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """V visits sorted by person, then by time.

    Attributes:
        people: (V,) int64 rows. times: (V,) float64 unix seconds, whole ones, no two of
            one person equal. sizes: (V,) int64, events
            of the visit, at least 1. clicks: (V,) bool, only looked.
    """

    people: NDArray[np.int64]
    times: NDArray[np.float64]
    sizes: NDArray[np.int64]
    clicks: NDArray[np.bool_]


def make_visits(settings: SimulatedSettings) -> Visits:
    """All visits of a shop; their sizes sum to the number of events.

    >>> visits = make_visits(SimulatedSettings(people=50, events=500))
    >>> int(visits.sizes.sum()), len(np.unique(visits.people))
    (500, 50)
    """
    rng = stream(settings.seed, "visits")
    sizes = _sizes(rng, settings)
    people = _who(rng, settings, len(sizes))
    times = _when(rng, settings, people)
    clicks = rng.random(len(sizes)) < settings.clicks
    order = np.lexsort((times, people))
    return Visits(people[order], _apart(people[order], times[order]), sizes, clicks)


def _sizes(rng: np.random.Generator, settings: SimulatedSettings) -> NDArray[np.int64]:
    """Geometric sizes until there are events enough; the last visit is cut short."""
    ends = np.minimum(np.cumsum(rng.geometric(1 / settings.basket, settings.events)), settings.events)
    return np.diff(ends[: np.searchsorted(ends, settings.events) + 1], prepend=0)


def _who(rng: np.random.Generator, settings: SimulatedSettings, visits: int) -> NDArray[np.int64]:
    """Everybody once, as far as the visits go; then by how often each one comes."""
    rates = rng.lognormal(sigma=SPREAD, size=settings.people)
    first = rng.permutation(settings.people)[:visits]
    others = rng.choice(settings.people, visits - len(first), p=rates / rates.sum())
    return np.concatenate([first, others]).astype(np.int64)


def _when(
    rng: np.random.Generator, settings: SimulatedSettings, people: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Any moment but those of the person's pause, which lies between the first tenth and the last."""
    length = rng.uniform(*PAUSE, settings.people) * (rng.random(settings.people) < settings.pauses)
    begin = 0.1 + (0.8 - length) * rng.random(settings.people)
    times = rng.random(len(people)) * (1 - length[people])
    times += np.where(times >= begin[people], length[people], 0.0)
    return np.floor(settings.start + settings.seconds * times)


def _apart(people: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """At least a second between two visits of one person; both (V,) sorted.

    >>> _apart(np.array([0, 0, 0, 1]), np.array([5.0, 5.0, 6.0, 5.0])).tolist()
    [5.0, 6.0, 7.0, 5.0]
    """
    shift = people * 1e11 - np.arange(len(people))
    return np.asarray(np.maximum.accumulate(times + shift) - shift, dtype=np.float64)
