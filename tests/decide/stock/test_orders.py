"""Orders follow the distribution, packs, shelf lives and a budget, and hold less than a usual rule."""

import json
from pathlib import Path

import numpy as np
import pytest
from shelves import named

from penchant.cli import main
from penchant.decide.stock.forecast import learn
from penchant.decide.stock.lead import draws_over
from penchant.decide.stock.orders import Terms, propose
from penchant.decide.stock.outlook import Foreseen, Outlook
from penchant.decide.stock.policy import Supply, plan_orders
from penchant.decide.stock.quantiles import LEVELS
from penchant.decide.stock.simulate import held_at, simulate
from penchant.decide.tables import read_table
from penchant.errors import InvalidInput

UNIFORM = np.broadcast_to(100 * LEVELS, (2, 4, len(LEVELS)))
"""Two items that sell from 0 to 100 a period, evenly."""


def supply(items: int = 2, **more: object) -> Supply:
    numbers: dict[str, object] = {
        "on_hand": 0.0, "on_order": 0.0, "pack": 1.0, "shelf_life": np.inf, "cost": 1.0, "price": 2.0,
        "service": 0.9,
    }  # fmt: skip
    given = {
        name: np.broadcast_to(more.pop(name, value), items).astype(float) for name, value in numbers.items()
    }
    lead = np.broadcast_to(more.pop("lead", 0), items).astype(np.int64)
    return Supply(lead=lead, **given, **more)  # pyright: ignore[reportArgumentType]


def test_up_to_the_quantile_of_demand_until_the_next_delivery() -> None:
    found = plan_orders(supply(service=[0.5, 0.9]), UNIFORM)
    assert found.point == pytest.approx([50, 90], abs=6)
    assert found.packs.tolist() == found.point.tolist()
    longer = plan_orders(supply(lead=3), UNIFORM)
    assert longer.expected == pytest.approx([200, 200], rel=0.05)
    # Four periods together are surer than each: less than four times the quantile of one.
    assert (longer.point < 4 * found.point[1] - 20).all()
    assert plan_orders(supply(on_hand=[60, 95], service=0.9), UNIFORM).packs.tolist() == [
        found.point[1] - 60,
        0,
    ]
    assert plan_orders(supply(on_order=60), UNIFORM).packs.tolist() == [found.point[1] - 60] * 2


def test_whole_packs_and_costs_of_an_order() -> None:
    assert (plan_orders(supply(pack=40), UNIFORM).packs == 3).all()
    dear = plan_orders(supply(fixed=10.0, holding=0.1), UNIFORM)
    assert dear.target - dear.point == pytest.approx(np.sqrt(2 * 10 * 50 / 0.1), abs=1)


def test_what_spoils_is_ordered_by_its_margin() -> None:
    found = plan_orders(supply(lead=1, review=2, shelf_life=1, price=[2.0, 1.1], service=0.99), UNIFORM)
    assert found.capped.all()
    assert (
        found.target[1]
        < found.target[0]
        < plan_orders(supply(lead=1, review=2, service=0.99), UNIFORM).target[0]
    )
    assert found.service == pytest.approx([0.5, 1 - 1 / 1.1])


def test_a_budget_goes_where_it_saves_most() -> None:
    found = plan_orders(supply(pack=10, price=[4.0, 1.2]), UNIFORM, budget=100.0)
    assert (found.packs * 10).sum() <= 100
    assert found.packs[0] > found.packs[1]
    assert (found.packs <= found.wanted).all()
    assert plan_orders(supply(), UNIFORM, budget=0.0).packs.tolist() == [0, 0]
    with pytest.raises(InvalidInput, match="cost of every item"):
        plan_orders(supply(cost=np.nan), UNIFORM, budget=1.0)


@pytest.mark.parametrize("wrong", [{"pack": 0.0}, {"service": 1.0}, {"on_hand": -1.0}, {"shelf_life": 0.0}])
def test_wrong_terms_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="row 1"):
        supply(**wrong)


def test_what_lasts_for_ever_keeps_and_nothing_is_planned_for_ever() -> None:
    endless = plan_orders(supply(shelf_life=99_999_999.0), UNIFORM)
    assert endless.packs.tolist() == plan_orders(supply(), UNIFORM).packs.tolist()
    with pytest.raises(InvalidInput, match=r"lead time of 600 periods .* row 2"):
        supply(lead=[1, 600])
    with pytest.raises(InvalidInput, match="packs are wanted"):
        plan_orders(supply(), UNIFORM * 1e9, budget=1.0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("tea,3\ncup,1\ntea,4\n", "'tea' stands in 2 rows"),
        ("tea,3\ncup,\n", "on_hand of item 'cup' is blank"),
    ],
)
def test_supply_that_says_two_things_or_none(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "supply.csv"
    path.write_text("item,on_hand\n" + rows, encoding="utf-8")
    cells = {f"{level:g}": 5.0 for level in LEVELS.tolist()}
    outlook = Outlook(
        items=2, periods=9, first="1", last="9", horizon=1, levels=LEVELS.tolist(), models={}, tested=None,
        notes=[], categories=[], forecast=[
            Foreseen(item=item, period="10", horizon=1, mean=5.0, quantiles=cells) for item in ("tea", "cup")
        ],
    )  # fmt: skip
    with pytest.raises(InvalidInput, match=message):
        propose(read_table(path), outlook, Terms())


def test_periods_of_one_item_are_off_together() -> None:
    drawn = draws_over(UNIFORM[:1], np.array([4]), draws=4_000)[0]
    alone = 4 * 100**2 / 12
    assert 1.4 * alone < drawn.var() < 2.6 * alone


def test_less_is_held_for_the_same_service_where_demand_moves() -> None:
    """Levels wander: the mean and deviation of half a year are those of another time."""
    rng = np.random.default_rng(2)
    moves = np.cumsum(rng.normal(0, 0.2, (300, 52)), axis=1)
    sold = rng.poisson(np.exp(1.5 + moves)).astype(float)
    panel, lead, first = named(sold), 1, 40
    learned = learn(panel.before(first), 2)
    forecasts = [learned.forecast(panel.before(at)) for at in range(first, 52)]
    past = [sold[:, at - 26 : at] for at in range(first, 52)]
    ours, usual = [], []
    for service in (0.3, 0.6, 0.8, 0.9, 0.95, 0.98):
        terms = supply(300, lead=lead, service=service)
        points = np.column_stack([plan_orders(terms, one).point for one in forecasts])
        ours.append(simulate(points, sold[:, first:], lead))
    for factor in (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0):
        rule = [2 * one.mean(axis=1) + factor * np.sqrt(2) * one.std(axis=1) for one in past]
        usual.append(simulate(np.maximum(np.column_stack(rule), 0), sold[:, first:], lead))
    for filled in (0.85, 0.9):
        assert held_at(ours, filled) < 0.75 * held_at(usual, filled)


def test_the_command_tells_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sales, forecast, out = tmp_path / "sales.csv", tmp_path / "forecast.json", tmp_path / "orders.json"
    rows = [
        f"{item},{week},{6 + (week * 7 + at) % 5}"
        for at, item in enumerate(("tea", "cup"))
        for week in range(30)
    ]
    sales.write_text("item,period,quantity\n" + "\n".join(rows), encoding="utf-8")
    assert main(["stock", "fit", str(sales), "--horizon", "2", "--json-file", str(forecast)]) == 0
    stock = tmp_path / "stock.csv"
    stock.write_text("item,on_hand,pack_size,lead_time,cost\ntea,3,12,2,1.5\ncup,500,1,1,2\npot,0,1,1,1\n")
    capsys.readouterr()
    assert main(["stock", "orders", str(stock), str(forecast), "--json-file", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "3 on hand" in shown
    assert "packs of 12" in shown
    assert "a person decides" in shown
    assert "Say --horizon 3" in shown
    found = json.loads(out.read_text())
    assert [order["item"] for order in found["orders"]] == ["tea"]
    assert found["left_out"] == ["pot"]
    assert found["orders"][0]["quantity"] >= found["orders"][0]["order_up_to"] - 3
    assert main(["stock", "orders", str(stock), str(sales)]) == 1
    assert "is not a forecast" in capsys.readouterr().err
