"""Tables of sales with periods of every kind."""

from pathlib import Path

import numpy as np
import pytest

from penchant.decide.stock.onhand import in_stock_of
from penchant.decide.stock.table import Names, Read, panel_from
from penchant.decide.tables import read_table
from penchant.errors import InvalidInput


def read(folder: Path, text: str, names: Names | None = None) -> Read:
    path = folder / "sales.csv"
    path.write_text(text, encoding="utf-8")
    return panel_from(read_table(path), names or Names())


@pytest.mark.parametrize(
    ("periods", "expected", "following"),
    [
        (["3", "4", "6"], ["3", "4", "5", "6"], "7"),
        (["2026-01-05", "2026-01-12", "2026-01-26"], ["2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26"],
         "2026-02-02"),
        (["2026-W01", "2026-W02", "2026-W04"], ["2025-12-29", "2026-01-05", "2026-01-12", "2026-01-19"],
         "2026-01-26"),
        (["2025-11", "2025-12", "2026-02"], ["2025-11", "2025-12", "2026-01", "2026-02"], "2026-03"),
        (["202511", "202512", "202602"], ["2025-11", "2025-12", "2026-01", "2026-02"], "2026-03"),
        (["202551", "202552", "202602"], ["2025-12-15", "2025-12-22", "2025-12-29", "2026-01-05"],
         "2026-01-12"),
        (["10", "20", "40"], ["10", "20", "30", "40"], "50"),
        (["2025-04-01", "2025-07-01", "2026-01-01"], ["2025-04", "2025-07", "2025-10", "2026-01"], "2026-04"),
        (["2025-11-01", "2025-12-01", "2026-02-01"], ["2025-11", "2025-12", "2026-01", "2026-02"], "2026-03"),
    ],
)  # fmt: skip
def test_periods(tmp_path: Path, periods: list[str], expected: list[str], following: str) -> None:
    rows = "\n".join(f"tea,{period},{place}" for place, period in enumerate(periods, 1))
    found = read(tmp_path, f"item,period,quantity\n{rows}\n")
    assert found.panel.periods == expected
    assert found.panel.sold.tolist() == [[1, 2, 0, 3]]
    assert found.calendar.name(4) == following


def test_quarters_have_a_season_of_four_and_a_length(tmp_path: Path) -> None:
    rows = "".join(f"tea,{year}-{month:02d}-01,1\n" for year in (2024, 2025) for month in (1, 4, 7, 10))
    found = read(tmp_path, f"item,period,quantity\n{rows}")
    assert found.panel.season == 4
    assert found.calendar.length == "3 months"


def test_a_price_is_that_of_a_piece(tmp_path: Path) -> None:
    text = "item,period,quantity,price\ntea,1,9,2\ntea,1,1,12\ntea,2,0,2\ntea,2,0,4\ntea,3,5,\ntea,3,1,7\n"
    assert read(tmp_path, text).panel.prices.tolist() == [[3, 3, 7]]


def test_barcodes_stay_apart(tmp_path: Path) -> None:
    text = "item,period,quantity\n4006381333900,1,2\n4006381333901,1,3\n"
    assert read(tmp_path, text).panel.items == ["4006381333900", "4006381333901"]


def test_prices_stock_categories_and_other_columns(tmp_path: Path) -> None:
    head = "product,week,pieces,price,stock,category,views,colour\n"
    rows = "tea,1,3,2.5,3,Kitchen,10,red\ntea,2,0,2.5,0,Kitchen,4,red\ncup,2,1,,9,Kitchen,2,blue\n"
    rows += "cup,2,2,4,,,3,\n"
    found = read(tmp_path, head + rows, Names(item="product", period="week", quantity="pieces"))
    panel = found.panel
    assert panel.items == ["cup", "tea"]
    np.testing.assert_equal(panel.sold, [[np.nan, 3], [3, 0]])
    np.testing.assert_equal(panel.prices, [[np.nan, 4], [2.5, 2.5]])
    assert panel.in_stock.tolist() == [[1, 1], [1, 0]]
    assert panel.sold_out.tolist() == [[False, False], [True, False]]
    assert panel.categories == ["Kitchen", "Kitchen"]
    np.testing.assert_equal(panel.signals["views"], [[np.nan, 2.5], [10, 4]])
    assert found.ignored == ["colour"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item,period,amount\na,1,2\n", "no column 'quantity'"),
        ("item,period,quantity\na,1,-2\n", "negative"),
        ("item,period,quantity\na,soon,2\nb,later,1\n", "holds 'later'"),
        ("item,period,quantity\na,1.5,2\n", "not whole numbers"),
        ("item,period,quantity\na,1,2\na,2,2\na,202601,2\n", "5000 can be read"),
        ("item,period,quantity\n" + "".join(f"a,2024-01-{day:02d},1\n" for day in (1, 8, 15, 23, 29)),
         "1 day, and then 24 of 29 periods have no row.*most are 7 apart, 2024-01-23 is not"),
        ("item,period,quantity\na,202350,2\na,202353,2\n", "202353 is no ISO week"),
        ("item,period,quantity\n9007199254740993,1,2\n9007199254740992,1,2\n", "cannot be told apart"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read(tmp_path, text)


def test_a_shelf_that_was_empty_across_periods() -> None:
    rows, time = np.array([0, 0, 1, -1]), np.array([5.0, 25.0, 0.0, 1.0])
    on_hand = np.array([0.0, 4.0, 7.0, 0.0])
    found = in_stock_of(rows, time, on_hand, np.array([0.0, 10.0, 20.0, 30.0]), 2)
    assert found.tolist() == [[0.5, 0.0, 0.5], [1, 1, 1]]


def test_ids_are_what_is_written(tmp_path: Path) -> None:
    """Numbers of one value are different items, where they are written in different ways."""
    found = read(tmp_path, "item,period,quantity\n007,1,2\n7,1,3\n4006381333900,1,5\n")
    assert dict(zip(found.panel.items, found.panel.sold[:, 0].tolist(), strict=True)) == {
        "007": 2, "7": 3, "4006381333900": 5,
    }  # fmt: skip
