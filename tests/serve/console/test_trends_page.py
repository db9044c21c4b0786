"""The page on trends over HTTP: what is told is shown, and no figure that may not be told."""

import re
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from penchant.serve.console import trends

sys.path.insert(0, str(Path(__file__).parent))
import console_fakes as fakes

PAGE = "/console/trends"


def words(client: TestClient) -> str:
    """What a reader sees, in one line."""
    text = re.sub(r"<(svg|title).*?</\1>", " ", client.get(PAGE).text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_it_is_for_people_who_are_signed_in(client: TestClient) -> None:
    answer = client.get(PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")


def test_everything_is_there_and_nothing_is_markup(inside: TestClient) -> None:
    text, seen = inside.get(PAGE).text, words(inside)
    assert "<b>Oat" not in text
    assert "&lt;b&gt;Oat&lt;/b&gt; drink 60 20" in seen
    assert "Old pot not on sale fewer than 5 40" in seen
    assert "oolong teapot 40 fewer than 5" in seen
    assert "books 10 on sale, taken by fewer than 5 of 60 people 30 30" in seen
    assert "wooden, bicycle 1,200 2 Teapot 0.31" in seen
    assert "50% look at it or buy it" in seen
    assert "There are fewer than eight weeks." in seen
    assert "300 in the last one" in seen
    assert seen.count("None beyond chance.") == 2
    assert 'aria-label="3.00 times as many (2.14 to 4.20)"' in text
    assert f'href="{PAGE}" aria-current="page"' in text


def test_weeks_are_columns_and_one_of_too_few_people_is_a_stub_without_a_figure() -> None:
    blocks = trends.weeks_of([None, 10, 20, 10, 5, None], [604_800.0 * n for n in range(6)], "people")
    assert [block.height for block in blocks] == [3.0, 14.0, 28.0, 14.0, 7.0, 3.0]
    assert [block.y + block.height for block in blocks] == [28.0] * 6
    assert [block.colour for block in blocks] == [7, 7, 0, 0, 0, 7]
    assert blocks[5].label == "week from 5 Feb 1970: fewer than 5 people"
    assert blocks[1].label == "week from 8 Jan 1970: 10 people"


def test_an_interval_lies_on_its_axis_whatever_it_is() -> None:
    interval = trends.interval_of(fakes.change(60, 20))
    assert interval.low < interval.middle < interval.high
    assert (interval.kind, trends.interval_of(fakes.change(20, 60)).kind) == ("up", "down")
    assert trends.interval_of(fakes.change(20, 60, False)).kind == "open"
    assert [trends.place(2.0) - 75, 75 - trends.place(0.5)] == pytest.approx([25, 25])
    assert (trends.place(1e9), trends.place(1e-9)) == (150.0, 0.0)


def test_a_shop_where_nothing_happened_is_told_what_will_be_here(
    inside: TestClient, shop: fakes.Shop
) -> None:
    shop.campaigns.told = None
    assert "Nothing happened yet that counts" in words(inside)


def test_a_shop_where_nothing_moves_has_a_page_too(inside: TestClient, shop: fakes.Shop) -> None:
    empty = dict.fromkeys(("rising", "fading", "missing", "ignored", "wishes", "notes"), ())
    shop.campaigns.told = fakes.trends() | empty | {"usual": None, "far": None}
    seen = words(inside)
    assert seen.count("None beyond chance.") == 4
    assert "None was found." in seen
