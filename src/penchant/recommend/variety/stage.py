"""Variety where lists are made: the best by score, put in an order that is not more of the same."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.model.repeat import Memory
from penchant.recommend.request import Request
from penchant.recommend.variety.mix import mix_of
from penchant.recommend.variety.rerank import Aims, Pool, reranked
from penchant.settings import VarietySettings
from penchant.taste.tracker import Reading
from penchant.taste.wished import wished

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


class Variety:
    """Orders the list of a placement by its aims.

    What a person wants more or less of, and what a rule boosts or buries, keeps its places: only items of
    one standing change places with each other.
    """

    def __init__(self, settings: VarietySettings) -> None:
        self._all = Aims(settings.likeness, settings.mix, settings.rare)
        self._places: Mapping[str, Aims] = {
            name: Aims(
                settings.likeness if one.likeness is None else one.likeness,
                settings.mix if one.mix is None else one.mix,
                settings.rare if one.rare is None else one.rare,
            )
            for name, one in settings.placements.items()
        }
        self._candidates = settings.candidates

    def aims(self, placement: str) -> Aims:
        """Of its lists."""
        return self._places.get(placement, self._all)

    def pool(self, request: Request) -> int:
        """How many of the best by score are needed for a list."""
        aims = self.aims(request.wanted.placement)
        return max(request.room, self._candidates) if aims and request.room else request.room

    def order(self, request: Request, reading: Reading, rows: Rows, scores: Floats) -> Rows:
        """Places, among ``rows`` (C,) with their ``scores``, best first, of the list's items and, up to
        ``request.room``, of what comes after them."""
        aims, n, room = self.aims(request.wanted.placement), request.wanted.n, request.room
        if not aims or len(rows) <= 1 or not room:
            return np.arange(min(room, len(rows)))
        known = Known(reading.record, request.now, reading.model.vectors(), reading.model.biases(request.now))
        pool = pool_of(rows, scores, n, known, request.view)
        first = reranked(pool._replace(lanes=_lanes(request, rows)), n, aims)
        return np.append(first, np.setdiff1d(np.arange(len(rows)), first))[:room]


class Known(NamedTuple):
    """Of a person: the ``record`` at ``now`` (unix seconds). Of N items: ``vectors`` (N, D), and how much
    everybody takes each, ``common`` (N,), on a logarithmic scale."""

    record: Memory
    now: float
    vectors: Floats
    common: Floats


def pool_of(rows: Rows, scores: Floats, n: int, known: Known, view: CatalogView) -> Pool:
    """Candidates ``rows`` (C,) with their ``scores``, best first, for a list of ``n``.

    Worth is the chance to be taken as the model has it, exp(score), so that those far down differ little.
    """
    worth = np.exp(scores - scores.max())
    worth *= np.float32(1 / worth[:n].mean())
    vectors = known.vectors[rows]
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))
    mix = mix_of(known.record, known.now, view, rows, worth)
    return Pool(worth, vectors, mix, known.common[rows])


def _lanes(request: Request, rows: Rows) -> Rows | None:
    """A number for each standing; None where nothing bends the list."""
    moving = [wish for wish in request.wishes if wish.weight in ("less", "more")]
    found: Sequence[NDArray[np.float64]] = [
        wished(wish, request.view)[rows].astype(np.float64) for wish in moving
    ]
    plan = request.ruled.plan
    if plan is not None and plan.shift is not None:
        found = [*found, plan.shift[rows].astype(np.float64)]
    if not found:
        return None
    return np.unique(np.stack(found, axis=1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
