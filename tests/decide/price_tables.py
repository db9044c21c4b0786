"""Sales as tables and fitted prices, for the tests of prices."""

from penchant.decide.prices.fit import FittedPrices, Item
from penchant.decide.prices.panel import Names, Panel, panel_of
from penchant.decide.tables import Table, typed
from penchant.testing.priced import Sales


def panel(sales: Sales, **more) -> Panel:
    columns = sales.columns | more
    read = {name: typed(name, values) for name, values in columns.items()}
    return panel_of(Table("sales.csv", read, len(columns["item"])), Names())


def item(name="a", **more) -> Item:
    given = {
        "item": name, "elasticity": -2.0, "low": -2.2, "high": -1.8, "deviation": 0.1, "conclusion": "own",
        "why": "", "own": -2.0, "own_error": 0.1, "naive": -1.0, "periods": 52, "price": 10.0, "lowest": 6.0,
        "highest": 16.0, "quantity": 20.0,
    }  # fmt: skip
    return Item(**(given | more))


def fitted(*items: Item) -> FittedPrices:
    return FittedPrices(
        items=list(items), mean=-2.0, mean_low=-2.1, mean_high=-1.9, spread=0.3, no_conclusion=0.0,
        borrowed=0.0, naive=-1.0, rows=52, left_out=0, controls=[], refused=[],
    )  # fmt: skip
