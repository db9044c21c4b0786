"""From wishes to lists: which items a wish is about, and how far it moves them.

``less`` and ``more`` are told as places of a list, not as steps of a score: scores of different models, and
of things wanted before and never, spread differently, so that no fixed step halves a share for everybody.
"""

from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.taste.corrections import Correction
from penchant.taste.price_level import price_levels_of_all
from penchant.taste.words import TitleWords

Mask = NDArray[np.bool_]
Scores = NDArray[np.float32]

PLACES = 20
"""Of a list by which ``less`` and ``more`` are measured, however many are asked for."""

LEFT = 0.2
"""Share of its places that what is wanted less may keep, rounded down."""

STEP = 1.5
"""Standard deviations of the person's scores that stand for a step where places do not say how far to go."""

AT_LEAST, AT_MOST = 4, 15
"""Places that what is wanted more has: twice as many as before, within these."""

_BREADTH: Mapping[str, int] = {"category": 0, "price": 1, "brand": 2, "word": 3, "item": 4}
_THIRDS: Mapping[str, tuple[float, float]] = {
    "low": (-1.0, 1 / 3),
    "middle": (1 / 3, 2 / 3),
    "high": (2 / 3, 2.0),
}
MOST_MASKS = 256


class _Masks:
    """Which rows wishes are about, of the catalogue as it is now: most are asked for again and again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._view: CatalogView | None = None
        self._masks: dict[tuple[str, str], Mask] = {}

    def of(self, wish: Correction, view: CatalogView) -> Mask:
        key = wish.kind, wish.name
        with self._lock:
            if self._view is not view or len(self._masks) >= MOST_MASKS:
                self._view, self._masks = view, {}
            masks = self._masks
        if key not in masks:
            masks[key] = _rows(wish, view)
        return masks[key]


TITLES = TitleWords()
_MASKS = _Masks()


def wished(wish: Correction, view: CatalogView) -> Mask:
    """Rows that a wish is about, shape (len(view),). Do not change it."""
    return _MASKS.of(wish, view)


def _rows(wish: Correction, view: CatalogView) -> Mask:
    if wish.kind == "item":
        return np.arange(len(view)) == view.row(wish.name)
    if wish.kind == "brand":
        code = view.brands.find(wish.name)
        return view.brand == code if code >= 0 else np.zeros(len(view), dtype=bool)
    if wish.kind == "word":
        return TITLES.holding(wish.name, view)
    if wish.kind == "price":
        level = price_levels_of_all(view)
        lowest, highest = _THIRDS[wish.name]
        return (level > lowest) & (level <= highest)
    inside = [
        code
        for code, name in enumerate(view.categories.names)
        if name == wish.name or name.startswith(wish.name + " > ")
    ]
    return np.isin(view.category, np.array(inside, dtype=np.int32))


def any_wished(wishes: Sequence[Correction], view: CatalogView) -> Mask:
    """Rows that any of the wishes is about, shape (len(view),)."""
    about = np.zeros(len(view), dtype=bool)
    for wish in wishes:
        about |= wished(wish, view)
    return about


def never(wishes: Sequence[Correction], view: CatalogView) -> Mask:
    """Rows that must not be shown, shape (len(view),)."""
    return any_wished([wish for wish in wishes if wish.weight == "never"], view)


def bent(wishes: Sequence[Correction]) -> bool:
    """Whether wishes move scores: then all of them are needed, for how far they spread."""
    return any(wish.weight in ("less", "more") for wish in wishes)


def steered(scores: Scores, wishes: Sequence[Correction], view: CatalogView, allowed: Mask) -> Scores:
    """Scores (N,) moved by what a person wants more or less of; the same array where nothing moves them.

    All rows of a wish move by one amount, so that the order among them, and among all others, stays. Wishes
    about few items come last and hold over those about many. ``allowed`` (N or more,) may be shown.
    """
    moving = [wish for wish in wishes if wish.weight in ("less", "more")]
    # Of two wishes as wide as each other the one for less holds.
    for wish in sorted(moving, key=lambda wish: (_BREADTH[wish.kind], wish.weight == "less")):
        about = wished(wish, view)[: len(scores)]
        amount = _amount(scores, about, allowed[: len(scores)], wish.weight == "less")
        scores = scores + np.float32(amount) * about
    return scores


def _amount(scores: Scores, about: Mask, allowed: Mask, less: bool) -> float:
    shown = allowed & np.isfinite(scores)
    inside, outside = _best(scores[shown & about]), _best(scores[shown & ~about])
    if not len(inside):
        return 0.0
    spread = float(scores[shown].std())
    hair = 1e-3 * spread + 1e-6
    before = int(np.sum(_merged_top(inside, outside)))
    if less:
        kept = int(LEFT * before)
        edge = _at(outside, PLACES - kept - 1)
        gap = float(inside[kept]) - edge if kept < len(inside) else 0.0
        return -max(gap + hair, 0.0 if before else STEP * spread)
    most = min(max(AT_MOST, before), len(inside))
    wanted = min(max(2 * before, AT_LEAST), most)
    needed = _rise(inside, outside, wanted)
    # A step that fills the list is too long; where there are few items no place says how far to go.
    step = min(STEP * spread, _rise(inside, outside, most))
    return max(0.0, step, needed + hair if needed < float("inf") else 0.0)


def _rise(inside: Scores, outside: Scores, places: int) -> float:
    """By how much those inside must rise to have so many places; infinite where they have all."""
    if len(outside) <= PLACES - places:
        return float("inf")
    return float(outside[PLACES - places]) - float(inside[places - 1])


def _best(scores: Scores) -> Scores:
    """The best ``PLACES`` of them, best first."""
    if len(scores) > PLACES:
        scores = np.partition(scores, len(scores) - PLACES)[len(scores) - PLACES :]
    return np.sort(scores)[::-1]


def _merged_top(inside: Scores, outside: Scores) -> Mask:
    """Which of the best ``PLACES`` of both are from ``inside``."""
    both = np.concatenate([inside, outside])
    order = np.argsort(-both, kind="stable")[:PLACES]
    return order < len(inside)


def _at(best: Scores, place: int) -> float:
    """The score at a place; the last one where there are fewer."""
    return float(best[min(place, len(best) - 1)]) if len(best) else 0.0
