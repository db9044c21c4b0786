"""Stock over HTTP: in the lists at once; sales of four weeks tell the pace."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serve.shops import House, make_shop

from penchant.adapters.sqlite.offers import sold_since
from penchant.app.tables import Stocking
from penchant.events.offers import StockLevel

NOW = 1_767_700_000.0
DAY = 86_400.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    with (folder / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write("[stock]\nnearly_out = 7\nhide = true\n")
    return folder


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[House]:
    shutil.copytree(made, tmp_path / "shop")
    house = House(tmp_path / "shop", NOW)
    yield house
    house.serving.close()


def listed(house: House, path: str = "users/anna/recommendations?n=50") -> list[str]:
    return [one["item_id"] for one in house.ask("GET", path)["items"]]


def test_what_is_sold_out_leaves_lists_searches_and_similar_items_and_comes_back(house: House) -> None:
    first, second, *_ = listed(house)
    word = house.serving.shop.catalog.view().title_of(first).split()[0]
    paths = "users/anna/recommendations?n=50", f"search?q={word}&n=50", f"items/{second}/similar?n=50"
    assert all(first in listed(house, path) for path in paths)
    sold_out = {"item_id": first, "timestamp": NOW - 60, "on_hand": 0}
    assert house.ask("PUT", "stock", json={"stock": [sold_out]})["changed"] == 1
    assert not any(first in listed(house, path) for path in paths)
    house.again()
    assert first not in listed(house)
    house.ask("PUT", "stock", json={"stock": [sold_out | {"timestamp": NOW - 30, "on_hand": 5}]})
    assert first in listed(house)
    older = sold_out | {"timestamp": NOW - 90}
    house.ask("PUT", "stock", json={"stock": [older]})
    assert first in listed(house), "the newest level holds"


def test_the_pace_is_that_of_four_weeks_and_counted_once_an_hour(house: House) -> None:
    item = "pot"
    stocking, shop = house.serving.engine.tables.stocking, house.serving.shop
    bought = {"user_id": "new", "item_id": item, "type": "purchase", "quantity": 14}
    events = [bought | {"timestamp": NOW - days * DAY} for days in (1, 14, 29)]
    assert not shop.intake().accept(events).rejected
    shop.stock.put([StockLevel(item_id=item, timestamp=NOW - 60, on_hand=6)])
    house.clock.advance(3_600)
    stocking.follow(house.clock())
    levels = stocking._stocked._levels
    assert levels.sold is not None
    assert levels.sold[item] == pytest.approx(28 / 28), "the shop sells for longer than that"
    assert levels.cover(item) == pytest.approx(6 / levels.sold[item])
    number = levels.number
    house.clock.advance(60)
    stocking.follow(house.clock())
    assert stocking._stocked._levels.number == number


def test_the_pace_of_a_young_shop_is_that_since_its_first_sale(house: House) -> None:
    shop = house.serving.shop
    with shop.database.write() as connection:
        connection.execute("DELETE FROM events")
    bought = {"user_id": "new", "item_id": "pot", "type": "purchase", "quantity": 14}
    assert not shop.intake().accept([bought | {"timestamp": NOW - days * DAY} for days in (1, 14)]).rejected
    assert sold_since(shop.database, NOW - 28 * DAY, NOW) == ({"pot": 28.0}, NOW - 14 * DAY)
    assert sold_since(shop.database, NOW - 7 * DAY, NOW) == ({"pot": 14.0}, NOW - 7 * DAY)
    assert sold_since(shop.database, NOW - 40 * DAY, NOW - 30 * DAY) == ({}, NOW - 30 * DAY)


def test_a_row_of_a_clock_that_runs_ahead_holds_when_its_time_has_come(house: House) -> None:
    first, *_ = listed(house)
    ahead = {"item_id": first, "timestamp": NOW + 20, "on_hand": 0}
    assert house.ask("PUT", "stock", json={"stock": [ahead]})["changed"] == 1
    assert first in listed(house)
    house.clock.advance(19)
    house.serving.engine.tables.follow()
    assert first in listed(house)
    house.clock.advance(1)
    house.serving.engine.tables.follow()
    assert first not in listed(house)


def _checked(house: House, item: str):
    return house.serving.shop.tables()["stock"]._check(
        [{"item_id": item, "timestamp": NOW - 60, "on_hand": 6}]
    )


def test_without_settings_nothing_is_read_and_the_rules_are_themselves(tmp_path: Path, made: Path) -> None:
    shutil.copytree(made, tmp_path / "shop")
    text = (tmp_path / "shop" / "shop.toml").read_text("utf-8").partition("[stock]")[0]
    (tmp_path / "shop" / "shop.toml").write_text(text, "utf-8")
    house = House(tmp_path / "shop", NOW)
    try:
        engine = house.serving.engine
        assert engine.tables.stocking.rules is engine.ruling.force
        first = listed(house)[0]
        house.ask("PUT", "stock", json={"stock": [{"item_id": first, "timestamp": NOW, "on_hand": 0}]})
        assert first in listed(house)
        assert isinstance(engine.tables.stocking, Stocking)
    finally:
        house.serving.close()
