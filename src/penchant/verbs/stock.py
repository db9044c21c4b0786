"""Stock: what will be sold, and what to order."""

import argparse
from functools import partial

from rich.console import Group
from rich.table import Table

from penchant.adapters.lightgbm_quantiles import QuantileTrees
from penchant.app.output import note, say, waiting, who_asks
from penchant.app.proposing import Proposing, propose_orders
from penchant.app.shop import Shop
from penchant.app.stock import panel_of_shop
from penchant.decide.stock.orders import Order, Orders, Terms, propose, read_outlook
from penchant.decide.stock.outlook import Foreseen, Outlook, foresee
from penchant.decide.stock.table import Names, panel_from
from penchant.decide.stock.trees import Grow
from penchant.decide.tables import read_table
from penchant.errors import MissingExtra

Arguments = argparse.Namespace
SHOWN = 20
"""Items in the table for people; the JSON has them all."""


def fit(arguments: Arguments) -> None:
    """Forecast the sales of a table; no shop is needed."""
    names = Names(
        item=arguments.item, period=arguments.period, quantity=arguments.quantity, price=arguments.price,
        stock=arguments.stock, category=arguments.category,
    )  # fmt: skip
    read = panel_from(read_table(arguments.file), names)
    notes = [f"A period is {read.calendar.length}."]
    notes += [f"Not used: column {name!r}, which holds no numbers." for name in read.ignored]
    if read.left_out:
        notes.append(f"{read.left_out:,} rows without an item, a period or a quantity are left out.")
    found = foresee(read.panel, arguments.horizon, _trees(arguments.seed), read.calendar.name, notes)
    say(arguments, found, lambda: words(found))


def forecast(arguments: Arguments) -> None:
    """Forecast what a shop will sell, from its log."""
    with Shop(arguments.shop, writer=False) as shop:
        panel, calendar = panel_of_shop(
            shop, days=7 if arguments.every == "week" else 1, stock=arguments.stock
        )
    found = foresee(panel, arguments.horizon, _trees(arguments.seed), calendar.name)
    say(arguments, found, lambda: words(found))


def orders(arguments: Arguments) -> None:
    """What to order, from a table of supply and a forecast; a shop is needed only to propose it there."""
    terms = Terms(
        service=arguments.service, lead=arguments.lead_time, review=arguments.review,
        fixed=arguments.order_cost, holding=arguments.holding, budget=arguments.budget, seed=arguments.seed,
    )  # fmt: skip
    found = propose(read_table(arguments.file), read_outlook(arguments.forecast), terms)
    if arguments.propose:
        asked = Proposing(arguments.shop, who_asks(arguments), (arguments.file, arguments.forecast))
        note(waiting(propose_orders(asked, found, terms)))
    say(arguments, found, lambda: order_words(found))


def order_words(found: Orders) -> Group:
    """Every proposal with its reason."""
    table = Table(box=None, pad_edge=False, header_style="")
    for name in ("item", "packs", "pieces", "cost", "why"):
        table.add_column(name, justify="left" if name in {"item", "why"} else "right")
    for order in found.orders:
        table.add_row(*_order_cells(order))
    limit = "" if found.budget is None else f" of a budget of {found.budget:,.2f}"
    total = f"{len(found.orders):,} orders for {found.items:,} items, {found.cost:,.2f} in all{limit}"
    return Group(table, "", total, *(f"! {line}" for line in found.notes))


def _order_cells(order: Order) -> list[str]:
    cost = "" if order.cost is None else f"{order.cost:,.2f}"
    return [order.item, str(order.packs), f"{order.quantity:,g}", cost, order.reason]


def _trees(seed: int) -> Grow | None:
    try:
        return QuantileTrees(seed=seed)
    except MissingExtra as error:
        note(f"penchant: statistical models alone: {error}")
        return None


def words(found: Outlook) -> Group:
    """The items that will be wanted most, how good such forecasts were, and what they cannot tell."""
    title = f"{found.items:,} items, {found.periods:,} periods from {found.first} to {found.last}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="")
    for name in ("item", "period", "mean", "80% interval", "95% interval", ""):
        table.add_column(name, justify="left" if name in {"item", ""} else "right")
    first = [row for row in found.forecast if row.horizon == 1]
    for row in sorted(first, key=lambda one: -one.mean)[:SHOWN]:
        table.add_row(*_cells(row))
    left = len(first) - SHOWN
    more = [f"and {left:,} more items: --json-file has every item, period and level"] if left > 0 else []
    return Group(table, *more, "", *_tested(found), *(f"! {line}" for line in found.notes))


def _cells(row: Foreseen) -> list[str]:
    between = partial(_between, row.quantiles)
    interval = [between("0.1", "0.9"), between("0.025", "0.975")]
    return [row.item, row.period, f"{row.mean:,.1f}", *interval, "new" if row.new else ""]


def _between(quantiles: dict[str, float], low: str, high: str) -> str:
    return f"{quantiles[low]:,.1f} to {quantiles[high]:,.1f}"


def _tested(found: Outlook) -> list[str]:
    trial = found.tested
    if trial is None:
        return []
    held = ""
    if trial.covered_80 is not None and trial.covered_95 is not None:
        held = (
            f"; of items that sell 5 and more a period {trial.covered_80:.1%} fell into the 80% interval and "
            f"{trial.covered_95:.1%} into the 95% interval"
        )
    return [
        f"{trial.forecasts:,} forecasts of the last {trial.origins} periods were off by "
        f"{trial.pinball:.3f} (pinball loss, pieces), the mean of four periods by {trial.usual:.3f}{held}."
    ]
