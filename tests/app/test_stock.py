"""What a shop will sell, by the command."""

import json
from pathlib import Path

import numpy as np
import pytest

from penchant.app.shop import Shop, init_shop
from penchant.app.stock import panel_of_shop
from penchant.cli import main
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Item

DAY = 86_400.0
NOW = 1_700_000_000.0 // DAY * DAY + 3_600
"""An hour into a day, which is not over."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Shop, "encoder", FakeTextEncoder())
    init_shop(tmp_path / "shop")
    with Shop(tmp_path / "shop", writer=True, clock=lambda: NOW) as shop:
        titles = {"tea": "black tea", "cup": "tea cup", "new": "green tea", "gone": "old pot"}
        shop.catalog.upsert(
            [
                Item(item_id=name, title=title, category="Kitchen", available=name != "gone")
                for name, title in titles.items()
            ]
        )
        assert not shop.intake().accept(_events()).rejected
    return tmp_path / "shop"


def _events() -> list[dict[str, object]]:
    """30 days of tea, three pieces a day by different people; a cup from day 10 on; a view of each before."""
    found: list[dict[str, object]] = []
    for back in range(30, 0, -1):
        noon = NOW - 3_600 - back * DAY + DAY / 2
        for person in range(3):
            who = f"p{person}-{back}"
            found.append({"user_id": who, "item_id": "tea", "type": "view", "timestamp": noon - 60})
            found.append(
                {"user_id": who, "item_id": "tea", "type": "purchase", "timestamp": noon, "price": 2.0}
            )
        if back <= 20:
            found.append(
                {
                    "user_id": f"q{back}",
                    "item_id": "cup",
                    "type": "purchase",
                    "timestamp": noon,
                    "quantity": 2,
                }
            )
    return found


def test_the_log_as_a_panel(folder: Path) -> None:
    stock = folder / "stock.csv"
    begins = NOW - 3_600 - 2 * DAY
    stock.write_text(
        f"item_id,timestamp,on_hand\ncup,{begins},0\ncup,{begins + DAY / 2},5\n", encoding="utf-8"
    )
    with Shop(folder, writer=False, clock=lambda: NOW) as shop:
        panel, calendar = panel_of_shop(shop, days=1, stock=stock)
        weekly, _ = panel_of_shop(shop, days=7)
    assert panel.items == ["cup", "tea", "new"]
    assert panel.sold.shape == (3, 30)
    assert panel.sold[1].tolist() == [3] * 30
    assert np.isnan(panel.sold[0, :10]).all()
    assert panel.sold[0, 10:].tolist() == [2] * 20
    assert np.isnan(panel.sold[2]).all()
    assert panel.prices[1].tolist() == [2] * 30
    assert panel.signals["views"][1].tolist() == [3] * 30
    assert panel.in_stock[0, -3:].tolist() == [1, 0.5, 1]
    assert calendar.name(30) == "2023-11-14"
    assert weekly.sold[1].tolist() == [21] * 4
    assert panel.kin is not None


def test_forecast_and_orders_by_the_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "penchant.verbs.stock.Shop", lambda path, writer: Shop(path, writer=writer, clock=lambda: NOW)
    )
    out = tmp_path / "out.json"
    assert main(["stock", "forecast", "--shop", str(folder), "--every", "day", "--horizon", "2",
                 "--json-file", str(out)]) == 0  # fmt: skip
    found = json.loads(out.read_text())
    assert {row["item"]: row["new"] for row in found["forecast"]} == {"tea": False, "cup": False, "new": True}
    tea = next(row for row in found["forecast"] if row["item"] == "tea")
    assert tea["mean"] == pytest.approx(3, abs=0.6)
    assert tea["quantiles"].keys() >= {"0.01", "0.5", "0.99"}
    assert found["categories"][-1]["category"] == ""
    assert "1 items have no history" in capsys.readouterr().out


def test_a_table_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "sales.csv"
    rows = [f"a{item},{week},{item + (week % 2)}" for item in range(1, 6) for week in range(1, 25)]
    table.write_text("item,period,quantity\n" + "\n".join(rows), encoding="utf-8")
    assert main(["stock", "fit", str(table), "--json-file", str(tmp_path / "out.json")]) == 0
    assert "5 items, 24 periods from 1 to 24" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())
    assert len(found["forecast"]) == 5 * 4
    assert found["forecast"][0]["period"] == "25"


def test_a_shop_that_sold_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init_shop(tmp_path / "empty")
    assert main(["stock", "forecast", "--shop", str(tmp_path / "empty")]) == 1
    assert "nothing was sold yet" in capsys.readouterr().err
