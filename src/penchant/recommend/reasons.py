"""True reasons: the past events, or what is known of a person, without which an item's score is lower."""

from collections import defaultdict
from collections.abc import Callable, Sequence

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

AS_A_WHOLE = Reason(kind="because-of")
"""Taste, wishes and the item on the page speak for it together."""


def contributions(reading: Reading, now: float, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Loss of score of each item at ``now`` when one recent event is left out, shape (len(rows), W).

    W is the number of events in the window; the later ones are read again without the one left out.
    By taste alone, and only of items that the person never wanted: see :func:`personal_reasons`. What is
    known of the person is added to behaviour, so that it changes nothing here, nor in :func:`gains`; how open
    the person is to new things lifts all of them alike.
    """
    h = reading.model.without_each(reading.base, reading.window, now)
    return (reading.model.vectors()[rows] @ (h[-1] - h[:-1]).T).astype(np.float32, copy=False)


def gains(reading: Reading, now: float, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """What the whole history adds to each item's score at ``now``, shape (len(rows),)."""
    model = reading.model
    change = model.h(reading.state, now) - model.h(model.initial(), now)
    return (model.vectors()[rows] @ change).astype(np.float32, copy=False)


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
) -> list[Reason]:
    """A reason for each row of a personal list; ``name`` gives the item id of a row, empty for one that has
    no name yet: it is not named.

    What was ever wanted is scored as such alone: it is ``bought-again``, or, where it was never
    bought, ``looked-at``. Of other items the past events count that carry the score.
    A ``because-of`` without items says that the taste as a whole speaks for it, no event more than others.
    Where what is known of the person adds more than the past it is ``about-you``.
    Where neither says anything for an item the reason is ``otherwise``.
    """
    if not len(rows):
        return []
    losses, gained = contributions(reading, now, rows), gains(reading, now, rows)
    known = known_gains(reading, now, rows).tolist()
    remembered = reading.model.remembered(reading.state, rows, reading.record)
    reasons: list[Reason] = []
    for row, loss, gain, told, again in zip(
        rows.tolist(), losses, gained.tolist(), known, remembered.tolist(), strict=True
    ):
        count = reading.bought.get(row, 0)
        if again and count:
            reasons.append(Reason(kind="bought-again", count=count, share=1.0))
        elif again:
            reasons.append(Reason(kind="looked-at", share=1.0))
        else:
            parts = _by_item(reading, loss)
            past = max(gain, sum(parts.values()))
            whole = max(past, 0.0) + max(told, 0.0)
            if told > max(past, 0.0):
                reasons.append(Reason(kind="about-you", share=_share(told, whole)))
            else:
                reasons.append(_reason(row, parts, whole, count, name) or otherwise)
    return reasons


def _by_item(reading: Reading, loss: NDArray[np.float32]) -> dict[int, float]:
    """Losses summed over the events of each past item, only what speaks for the item."""
    total: defaultdict[int, float] = defaultdict(float)
    for token, part in zip(reading.window, loss.tolist(), strict=True):
        if token.item >= 0:
            total[token.item] += part
    return {item: part for item, part in total.items() if part > 0}


def _reason(
    row: int, parts: dict[int, float], whole: float, count: int, name: Callable[[int], str]
) -> Reason | None:
    """None where nothing of the past speaks for the item."""
    bar = max(LEAST * whole, NEAR * max(parts.values(), default=0.0), 1e-9)
    loud = [item for item in parts if parts[item] >= bar]
    loud.sort(key=lambda item: -parts[item])
    itself = bool(loud) and loud[0] == row
    if count and (itself or not loud):
        return Reason(kind="bought-again", count=count, share=_share(parts.get(row, 0.0), whole))
    if itself:
        return Reason(kind="looked-at", share=_share(parts[row], whole))
    if whole <= 0:
        return None
    # An item is no reason for itself.
    shown = [item for item in loud if item != row and name(item)][:NAMED]
    carried = sum(parts[item] for item in shown)
    return Reason(kind="because-of", items=tuple(name(item) for item in shown), share=_share(carried, whole))


def _share(part: float, whole: float) -> float:
    return round(min(1.0, part / whole), 4) if whole > 0 else 0.0


def words(reason: Reason, title: Callable[[str], str]) -> str:
    """A reason in plain English; ``title`` gives the name of an item id.

    >>> words(Reason(kind="bought-again", count=2), str)
    'You bought it 2 times before'
    >>> words(Reason(kind="because-of", items=("Milk", "Bread")), str)
    'Because of Milk and Bread'
    """
    named = _listed([title(item) for item in reason.items])
    if reason.kind == "bought-again":
        return f"You bought it {'once' if reason.count == 1 else f'{reason.count} times'} before"
    if reason.kind == "looked-at":
        return "You looked at it before"
    if reason.kind == "because-of":
        return f"Because of {named}" if named else "Fits your taste as a whole"
    if reason.kind == "about-you":
        return "Fits what the shop knows of you"
    if reason.kind == "similar":
        return f"Similar to {named}" if named else "Similar"
    return "Popular these days"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
