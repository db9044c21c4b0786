"""Replay: which old events are read again beside fresh ones, so that they are not forgotten.

The log is all there, so nothing is stored twice, and what is erased from the log is replayed no more. A
uniform sample of the log is what a reservoir of its past would hold (Vitter, Random sampling with a
reservoir, ACM TOMS 1985); for replay against forgetting see Rolnick et al., Experience replay for continual
learning, NeurIPS 2019, and Mi et al., ADER, RecSys 2020.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.errors import SettingsError
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.tokens import wanted

Behaviour = Callable[[IntArray], FloatArray]
"""Behaviour (n, D) of the model that learns, just before each of n events."""

POOL = 4
"""Herding chooses from so many times what it is to choose."""

BLOCKS = 10
"""Blocks of time that replay by block draws from alike."""


class Replay(Protocol):
    """Chooses events of the past."""

    def choose(self, old: Histories, count: int, rng: np.random.Generator, behaviour: Behaviour) -> IntArray:
        """At most ``count`` distinct events of ``old`` in which an item was wanted."""
        ...


class Reservoir:
    """All events of the past are alike."""

    def choose(self, old: Histories, count: int, rng: np.random.Generator, behaviour: Behaviour) -> IntArray:
        """See :class:`Replay`.

        >>> from penchant.model.histories import histories_of
        >>> log, rng = histories_of([list(range(9))]), np.random.default_rng(0)
        >>> len(Reservoir().choose(log, 5, rng, lambda events: np.zeros((len(events), 1), np.float32)))
        5
        """
        del behaviour
        return _some(np.flatnonzero(wanted(old.items, old.types)), count, rng)


@dataclass(frozen=True, slots=True)
class ByBlock:
    """All spans of time are alike, however much was bought in them: the first winter is not outnumbered."""

    blocks: int = BLOCKS

    def choose(self, old: Histories, count: int, rng: np.random.Generator, behaviour: Behaviour) -> IntArray:
        """See :class:`Replay`."""
        del behaviour
        events = np.flatnonzero(wanted(old.items, old.types))
        if not len(events):
            return events
        return np.sort(np.concatenate(_evenly(_blocks(old.times[events], self.blocks, events), count, rng)))


class Herding:
    """Events whose mean behaviour is nearest to that of all.

    Welling, Herding dynamical weights to learn, ICML 2009; for replay: Rebuffi et al., iCaRL, CVPR 2017.
    """

    def choose(self, old: Histories, count: int, rng: np.random.Generator, behaviour: Behaviour) -> IntArray:
        """See :class:`Replay`; from a uniform pool of :data:`POOL` times as many."""
        pool = _some(np.flatnonzero(wanted(old.items, old.types)), POOL * count, rng)
        if len(pool) <= count:
            return pool
        return np.sort(pool[herded(behaviour(pool), count)])


REPLAYS: dict[str, Callable[[], Replay]] = {"reservoir": Reservoir, "blocks": ByBlock, "herding": Herding}
"""By the name in settings."""


def make_replay(name: str) -> Replay:
    """The replay of that name.

    Raises:
        SettingsError: there is none.
    """
    if name not in REPLAYS:
        raise SettingsError(f"replay is one of {', '.join(REPLAYS)}, not {name!r}")
    return REPLAYS[name]()


def herded(h: FloatArray, count: int) -> IntArray:
    """Rows of h (n, D), ``count`` of them, chosen one by one so that their mean is nearest to that of all.

    >>> herded(np.array([[1.0], [2.0], [9.0]], np.float32), 1).tolist()
    [1]
    """
    mean, total = h.mean(0), np.zeros(h.shape[1])
    free = np.ones(len(h), dtype=bool)
    chosen = np.zeros(count, np.int64)
    for place in range(count):
        away = np.linalg.norm((total + h) / (place + 1) - mean, axis=1)
        chosen[place] = np.argmin(np.where(free, away, np.inf))
        free[chosen[place]] = False
        total += h[chosen[place]]
    return chosen


def _some(events: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    return np.sort(rng.permutation(events)[:count])


def _blocks(times: NDArray[np.float64], blocks: int, events: IntArray) -> list[IntArray]:
    edges = np.linspace(times.min(), times.max(), blocks + 1)[1:-1]
    place = np.searchsorted(edges, times, side="right")
    return [found for found in (events[place == block] for block in range(blocks)) if len(found)]


def _evenly(blocks: list[IntArray], count: int, rng: np.random.Generator) -> list[IntArray]:
    """As many of each block as there are to be had, the shortest first, so that others take what it lacks."""
    found: list[IntArray] = []
    left = count
    for place, block in enumerate(sorted(blocks, key=len)):
        some = _some(block, left // (len(blocks) - place), rng)
        found.append(some)
        left -= len(some)
    return found
