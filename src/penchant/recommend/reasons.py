"""True reasons: the past events, or what is known of a person, without which an item's score is lower."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.taste.tracker import Reading
from penchant.types import Reason

LEAST = 0.01
"""Share of the score that an item of the past must carry to be named at all."""

NEAR = 0.5
"""Part of the largest contribution that the next one needs to be named beside it."""

NAMED = 2
"""Items of the past named in one reason."""

POPULAR = Reason(kind="popular")
"""Others take it."""

FOLLOWED = Reason(kind="followed")
"""Several of those whom the person follows took it of late; none of them is named."""

AS_A_WHOLE = Reason(kind="because-of")
"""Taste, wishes and the item on the page speak for it together."""


def contributions(
    reading: Reading,
    now: float,
    rows: NDArray[np.int64],
    without: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Loss of score of each item at ``now`` when one recent event is left out, shape (len(rows), W), and
    what the whole history adds to it, (len(rows),).

    W is the number of events in the window; ``without`` (W + 1, D) is what the model's ``without_each`` says
    of them, where that is known already.
    By taste alone, and only of items that the person never wanted: see :func:`personal_reasons`. What is
    known of the person is added to behaviour, so that it changes nothing here; how open the person is to
    new things lifts all of them alike.
    """
    model = reading.model
    h = model.without_each([reading.pasts], now)[0] if without is None else without
    change = np.concatenate([h[-1] - h[:-1], (h[-1] - model.h(model.initial(), now))[None]])
    found = model.vectors()[rows] @ change.T
    return found[:, :-1], found[:, -1]


def known_gains(reading: Reading, now: float, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """What is known of the person beside events adds to each item's score at ``now``, shape (len(rows),)."""
    model, start = reading.model, reading.model.initial()
    if reading.about is None:
        return np.zeros(len(rows), np.float32)
    change = model.h(start, now, reading.about) - model.h(start, now)
    return (model.vectors()[rows] @ change).astype(np.float32, copy=False)


def personal_reasons(
    reading: Reading,
    now: float,
    rows: NDArray[np.int64],
    name: Callable[[int], str],
    *,
    otherwise: Reason = POPULAR,
    without: NDArray[np.float32] | None = None,
) -> list[Reason]:
    """A reason for each row of a personal list; ``name`` gives the item id of a row, empty for one that has
    no name yet: it is not named. ``without``: see :func:`contributions`.

    What was ever wanted is scored as such alone: it is ``bought-again``, or, where it was never
    bought, ``looked-at``. Of other items the past events count that carry the score.
    A ``because-of`` without items says that the taste as a whole speaks for it, no event more than others.
    Where what is known of the person adds more than the past it is ``about-you``.
    Where neither says anything for an item the reason is ``otherwise``.
    """
    if not len(rows):
        return []
    losses, gained = contributions(reading, now, rows, without)
    told = np.maximum(known_gains(reading, now, rows), 0)
    remembered = reading.model.remembered(reading.state, rows, reading.record).tolist()
    reasons: list[Reason] = []
    for row, again, past, about in zip(
        rows.tolist(), remembered, _pasts(reading, losses, gained, told), told.tolist(), strict=True
    ):
        count = reading.bought.get(row, 0)
        if again:
            reasons.append(Reason(kind="bought-again" if count else "looked-at", count=count, share=1.0))
        elif about > past.carried:
            reasons.append(Reason(kind="about-you", share=_share(about, past.whole)))
        else:
            reasons.append(_reason(row, past, count, name) or otherwise)
    return reasons


class _Past(NamedTuple):
    """What speaks for one item: past items that are loud enough to be named, loudest first, and their parts
    of its score; what the past carries, and with what else is known."""

    loud: list[tuple[int, float]]
    carried: float
    whole: float


def _pasts(
    reading: Reading, losses: NDArray[np.float32], gained: NDArray[np.float32], told: NDArray[np.float32]
) -> Iterator[_Past]:
    """For each item (n,), of ``losses`` (n, W): those of the events of one past item are added up."""
    items = [token.item for token in reading.window]
    named = list(dict.fromkeys(item for item in items if item >= 0))
    whose = np.array([[item == one for one in named] for item in items], np.float32)
    parts = np.maximum(losses @ whose.reshape(len(items), len(named)), 0)
    carried = np.maximum(np.maximum(gained, parts.sum(1)), 0)
    whole = carried + told
    bars = np.maximum(np.maximum(LEAST * whole, NEAR * parts.max(1, initial=0)), 1e-9)
    order = np.argsort(-parts, axis=1, kind="stable")
    counts = (parts >= bars[:, None]).sum(1).tolist()
    for loudest, row, many, past, all_in_all in zip(
        order.tolist(), parts.tolist(), counts, carried.tolist(), whole.tolist(), strict=True
    ):
        yield _Past([(named[place], row[place]) for place in loudest[:many]], past, all_in_all)


def _reason(row: int, past: _Past, count: int, name: Callable[[int], str]) -> Reason | None:
    """None where nothing of the past speaks for the item."""
    loud, whole = past.loud, past.whole
    itself = bool(loud) and loud[0][0] == row
    if count and (itself or not loud):
        return Reason(kind="bought-again", count=count, share=_share(loud[0][1] if loud else 0.0, whole))
    if itself:
        return Reason(kind="looked-at", share=_share(loud[0][1], whole))
    if whole <= 0:
        return None
    # An item is no reason for itself.
    shown = [(name(item), part) for item, part in loud if item != row and name(item)][:NAMED]
    carried = sum(part for _, part in shown)
    return Reason(kind="because-of", items=tuple(item for item, _ in shown), share=_share(carried, whole))


def _share(part: float, whole: float) -> float:
    return round(min(1.0, part / whole), 4) if whole > 0 else 0.0
