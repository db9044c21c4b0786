"""What an item cost, and since when: whoever shows a discount must show the lowest price before it."""

from collections.abc import Sequence
from typing import Final

import msgspec

DAY: Final = 86_400.0
DAYS: Final = 30
"""Before a discount, as the EU's directive 98/6/EC has it (article 6a)."""


class PriceSince(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A price that held from ``since`` (unix seconds) on, None for longer than prices are kept.

    ``price`` is None where the item had none, or was not for sale.
    """

    price: float | None
    since: float | None = None


def lowest(history: Sequence[PriceSince], now: float, days: int = DAYS) -> float | None:
    """Lowest price that held at any moment of the last ``days``, that of now among them; None for none.

    ``history`` is in order of time.

    >>> then = [PriceSince(price=3.0), PriceSince(price=4.0, since=10 * DAY)]
    >>> lowest(then, 39 * DAY), lowest(then, 40 * DAY), lowest([], 0.0)
    (3.0, 4.0, None)
    """
    from_then = now - days * DAY
    ends = [*(one.since for one in history[1:]), None][: len(history)]
    held = [
        one.price
        for one, end in zip(history, ends, strict=True)
        if one.price is not None and (end is None or end > from_then)
    ]
    return min(held, default=None)
