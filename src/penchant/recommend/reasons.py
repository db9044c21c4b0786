"""True reasons: the past events whose removal would lower an item's score the most."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from penchant.taste.tracker import Reading
from penchant.types import Reason

STANDS_OUT = 0.15
"""Share of the score that an item of the past must carry to be named."""

NAMED = 2
"""Items of the past named in one reason."""


def contributions(reading: Reading, now: float, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Loss of score of each item when one recent event is left out, shape (len(rows), W).

    W is the number of events in the window. The history before it stays as it is. Each event is
    removed in turn and the later ones are stepped again: W² / 2 steps, once for the whole list.
    """
    model, window = reading.model, reading.window
    vectors = model.vectors()[rows]
    removed = np.empty((len(window), vectors.shape[1]), dtype=np.float32)
    before = reading.base
    for left_out, token in enumerate(window):
        state = before
        for later in window[left_out + 1 :]:
            state = model.step(state, later)
        removed[left_out] = model.h(state, now)
        before = model.step(before, token)
    return (vectors @ (model.h(reading.state, now) - removed).T).astype(np.float32, copy=False)


def gains(reading: Reading, now: float, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """What the whole history adds to each item's score, shape (len(rows),)."""
    model = reading.model
    change = model.h(reading.state, now) - model.h(model.initial(), now)
    return (model.vectors()[rows] @ change).astype(np.float32, copy=False)


def personal_reasons(
    reading: Reading, now: float, rows: NDArray[np.int64], name: Callable[[int], str]
) -> list[Reason]:
    """A reason for each row of a personal list; ``name`` gives the item id of a row.

    An item bought before is ``bought-again``, where its own purchases stand out or nothing else does.
    A ``because-of`` without items says that the taste as a whole speaks for it, no event more than others.
    """
    if not len(rows):
        return []
    losses, gained = contributions(reading, now, rows), gains(reading, now, rows)
    return [
        _reason(int(row), _by_item(reading, loss), float(gain), reading.bought.get(int(row), 0), name)
        for row, loss, gain in zip(rows, losses, gained, strict=True)
    ]


def _by_item(reading: Reading, loss: NDArray[np.float32]) -> dict[int, float]:
    """Losses summed over the events of each past item, only what speaks for the item."""
    total: defaultdict[int, float] = defaultdict(float)
    for token, part in zip(reading.window, loss.tolist(), strict=True):
        if token.item >= 0:
            total[token.item] += part
    return {item: part for item, part in total.items() if part > 0}


def _reason(row: int, parts: dict[int, float], gain: float, count: int, name: Callable[[int], str]) -> Reason:
    whole = max(gain, sum(parts.values()))
    loud = sorted(
        (item for item in parts if parts[item] >= STANDS_OUT * whole), key=lambda item: -parts[item]
    )
    if count and (not loud or loud[0] == row):
        return Reason(kind="bought-again", count=count, share=_share(parts.get(row, 0.0), whole))
    shown = loud[:NAMED]
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
    if reason.kind == "because-of":
        return f"Because of {named}" if named else "Fits your taste as a whole"
    if reason.kind == "similar":
        return f"Similar to {named}" if named else "Similar"
    return "Popular these days"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
