"""What a shop sold, from its log, as a panel."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penchant.app.shop import Shop
from penchant.decide.stock.newcomers import nearest
from penchant.decide.stock.onhand import in_stock_of
from penchant.decide.stock.panel import Floats, Panel, panel_of
from penchant.decide.stock.table import Calendar
from penchant.decide.tables import read_table
from penchant.errors import EncoderGone, MissingExtra, NotEnoughData
from penchant.events.cleaning.run import clean
from penchant.events.log import EventColumns
from penchant.types import EventType

LOG = logging.getLogger(__name__)
DAY = 86_400.0
SIGNALS = {
    "views": (EventType.VIEW, EventType.CLICK),
    "carts": (EventType.CART,),
    "wishes": (EventType.WISHLIST,),
}
"""Kinds of events that may run ahead of sales."""


def panel_of_shop(shop: Shop, *, days: int, stock: Path | None = None) -> tuple[Panel, Calendar]:
    """Pieces of each item in each period of ``days`` days, the newest ending when the log was read.

    A period that is not over is left out. What cleaning marks (bots, wholesalers, impossible amounts,
    what was given back) does not count. An item is there from its first event on; those of the catalogue
    without any are items to come.

    ``stock`` is a table ``item_id, timestamp, on_hand``: what was on hand from then on.

    Raises:
        NotEnoughData: nothing was sold. InvalidInput: the stock cannot be read.
    """
    now = shop.clock()
    columns = shop.log.columns()
    cleaned = clean(columns, shop.settings.cleaning)
    kept = ~np.isin(columns.position, cleaned.all_events()) & (columns.item >= 0) & (columns.time < now)
    marked = np.array([person in cleaned.all_people() for person in columns.people], np.bool_)
    kept &= ~marked[columns.person] if len(marked) else True
    columns = columns.keep(kept)
    bought = columns.type == EventType.PURCHASE.code
    if not bought.any():
        raise NotEnoughData("nothing was sold yet: there is nothing to forecast from")
    calendar = Calendar(_first_day(columns, days, now), "days", days)
    return _panel(shop, columns, calendar, _periods(calendar, now), stock), calendar


def _first_day(columns: EventColumns, days: int, now: float) -> int:
    """Periods end with the last whole day, so that none is cut."""
    last = int(now // DAY)
    first = int(columns.time.min() // DAY)
    return last - (last - first) // days * days


def _periods(calendar: Calendar, now: float) -> int:
    found = (int(now // DAY) - calendar.first) // calendar.step
    if found < 1:
        raise NotEnoughData(f"the log holds no whole period of {calendar.step} days")
    return found


def _panel(shop: Shop, columns: EventColumns, calendar: Calendar, periods: int, stock: Path | None) -> Panel:
    catalogue = {item.item_id: item for item in shop.items.all()}
    seen = sorted({columns.items[code] for code in np.unique(columns.item).tolist()})
    names = [
        *seen,
        *sorted(name for name, item in catalogue.items() if item.available and name not in set(seen)),
    ]
    row_of = {name: row for row, name in enumerate(names)}
    rows = np.array([row_of.get(name, -1) for name in columns.items], np.int64)[columns.item]
    place = ((columns.time - calendar.first * DAY) // (calendar.step * DAY)).astype(np.int64)
    inside = (place >= 0) & (place < periods)
    shape = (len(names), periods)

    def counted(which: NDArray[np.bool_], weights: NDArray[np.floating]) -> Floats:
        found = np.zeros(shape)
        np.add.at(found, (rows[which & inside], place[which & inside]), weights[which & inside])
        return found

    bought = columns.type == EventType.PURCHASE.code
    pieces = np.where(np.isnan(columns.quantity), 1.0, columns.quantity)
    there = np.maximum.accumulate(counted(np.ones(len(rows), np.bool_), np.ones(len(rows))) > 0, axis=1)
    priced = bought & ~np.isnan(columns.price)
    paid, with_price = counted(priced, pieces * columns.price), counted(priced, pieces)
    kinds = {name: np.isin(columns.type, [kind.code for kind in of]) for name, of in SIGNALS.items()}
    signals = {
        name: np.where(there, counted(which, np.ones(len(rows))), np.nan)
        for name, which in kinds.items()
        if which.any()
    }
    return panel_of(
        names,
        [calendar.name(at) for at in range(periods)],
        np.where(there, counted(bought, pieces), np.nan),
        prices=np.where(with_price > 0, paid / np.where(with_price > 0, with_price, 1.0), np.nan),
        categories=[catalogue[name].category if name in catalogue else "" for name in names],
        signals=signals,
        kin=_kin(shop, names),
        season=calendar.season,
        **({} if stock is None else {"in_stock": _in_stock(stock, row_of, calendar, shape)}),
    )


def _kin(shop: Shop, names: list[str]) -> NDArray[np.int64] | None:
    """The most similar items by their texts; None where no language model can read them."""
    try:
        vectors = shop.catalog.text_vectors()
    except (EncoderGone, MissingExtra) as error:
        LOG.info("similar items are those of the same category alone: %s", error)
        return None
    rows = shop.ids.rows(names)
    found = np.zeros((len(names), vectors.shape[1]), np.float32)
    found[rows >= 0] = vectors[rows[rows >= 0]]
    return nearest(found, np.ones(len(names), np.bool_))


def _in_stock(path: Path, row_of: dict[str, int], calendar: Calendar, shape: tuple[int, int]) -> Floats:
    table = read_table(path)
    names = table.names("item_id", "the items")
    rows = np.array([row_of.get(name or "", -1) for name in names], np.int64)
    time, on_hand = table.number("timestamp", "the times"), table.number("on_hand", "what is on hand")
    edges = np.asarray((calendar.first + calendar.step * np.arange(shape[1] + 1)) * DAY, np.float64)
    return in_stock_of(rows, time, on_hand, edges, shape[0])
