"""Refunds find the purchase that they take back."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.events.cleaning.step import Found
from penchant.events.log import EventColumns
from penchant.settings import CleaningSettings
from penchant.types import EventType

_SAME = 1e-4


@dataclass(slots=True)
class _Bought:
    row: int
    quantity: float
    price: float
    left: float


class MatchRefunds:
    """A purchase that was returned in full is marked; one that was returned in part stays.

    A refund looks among the earlier purchases of the same person and item: the newest with its quantity
    and price, else the newest with its quantity, else the newest ones until its quantity is used up.
    """

    mark = "refunded"
    about = "purchases that were given back in full"

    def run(self, columns: EventColumns, settings: CleaningSettings) -> Found:  # noqa: ARG002
        refunded: list[int] = []
        counts = {
            "refunds": 0,
            "refunds matched": 0,
            "refunds of an unknown purchase": 0,
            "partly refunded": 0,
        }
        for rows in _groups_with_refunds(columns):
            bought: list[_Bought] = []
            for row in rows.tolist():
                if columns.type[row] == EventType.PURCHASE.code:
                    quantity = _or(float(columns.quantity[row]), 1.0)
                    bought.append(_Bought(row, quantity, float(columns.price[row]), quantity))
                    continue
                counts["refunds"] += 1
                matched = _take_back(bought, float(columns.quantity[row]), float(columns.price[row]))
                counts["refunds matched" if matched else "refunds of an unknown purchase"] += 1
            refunded += [buy.row for buy in bought if buy.left <= 0 < buy.quantity]
            counts["partly refunded"] += sum(0 < buy.left < buy.quantity for buy in bought)
        events = columns.position[np.array(refunded, dtype=np.int64)]
        return Found(events=np.sort(events), counts=counts | {"purchases refunded": len(refunded)})


def _groups_with_refunds(columns: EventColumns) -> Iterator[NDArray[np.int64]]:
    """Rows of purchases and refunds of each person and item with a refund, in the person's order."""
    kinds = (EventType.PURCHASE.code, EventType.REFUND.code)
    rows = np.flatnonzero(np.isin(columns.type, kinds) & (columns.item >= 0))
    keys = columns.person[rows].astype(np.int64) * max(len(columns.items), 1) + columns.item[rows]
    wanted = np.unique(keys[columns.type[rows] == EventType.REFUND.code])
    inside = np.isin(keys, wanted)
    rows, keys = rows[inside], keys[inside]
    order = np.argsort(keys, kind="stable")
    rows, keys = rows[order], keys[order]
    if len(rows):
        yield from np.split(rows, np.flatnonzero(np.diff(keys)) + 1)


def _take_back(bought: list[_Bought], quantity: float, price: float) -> bool:
    """Use up what a refund gives back; whether all of it was found. A part that is found is used."""
    whole = [buy for buy in reversed(bought) if buy.left == buy.quantity > 0]
    wanted = _or(quantity, whole[0].quantity if whole else 1.0)
    same = [buy for buy in whole if abs(buy.quantity - wanted) < _SAME]
    exact = [buy for buy in same if np.isnan(price) or abs(buy.price - price) < _SAME]
    if same:
        (exact or same)[0].left = 0.0
        return True
    for buy in reversed(bought):
        taken = min(buy.left, wanted)
        buy.left -= taken
        wanted -= taken
        if wanted < _SAME:
            return True
    return False


def _or(value: float, default: float) -> float:
    return default if np.isnan(value) else value
