"""Trends by the command and over HTTP."""

import json
from pathlib import Path

import pytest
from tests.serve.shops import House

from penchant.app.shop import Shop, init_shop
from penchant.cli import main
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Item

NOW = 1_767_700_000.0
WEEK = 604_800.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty people search for a kettle this week, and look at tea and cups in all weeks."""
    monkeypatch.setattr(Shop, "encoder", FakeTextEncoder())
    init_shop(tmp_path / "shop")
    with Shop(tmp_path / "shop", writer=True, clock=lambda: NOW) as shop:
        names = ("tea", "cup", "pot", "jug", "oat")
        shop.catalog.upsert([Item(item_id=name, title=f"{name} [x]", category="Kitchen") for name in names])
        events = [
            {"user_id": f"p{n}", "item_id": names[n % 4], "type": "view", "timestamp": NOW - week * WEEK - n}
            for n in range(60)
            for week in range(8)
        ]
        events += [
            {"user_id": f"p{n}", "type": "search", "query": "red kettle", "timestamp": NOW - 60 - n}
            for n in range(30)
        ]
        events += [
            {"user_id": f"p{n}", "item_id": "oat", "type": "view", "timestamp": NOW - 90 - n}
            for n in range(40)
        ]
        assert not shop.intake().accept(events).rejected
    return tmp_path / "shop"


def test_the_command_tells_in_words_and_in_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trends", "--shop", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["words"] for one in found["missing"]] == ["red kettle"]
    assert [one["item_id"] for one in found["rising"]] == ["oat"]
    assert main(["trends", "--shop", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "red kettle" in said
    assert "oat [x]" in said
    assert "items that fade: none beyond chance" in said
    assert "<5" in said


def test_a_shop_without_events_says_so_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init_shop(tmp_path / "shop")
    assert main(["trends", "--shop", str(tmp_path / "shop")]) == 1
    assert "nothing happened yet" in capsys.readouterr().err


def test_the_route_and_the_page_say_the_same(folder: Path) -> None:
    house = House(folder, NOW)
    try:
        told = house.ask("GET", "trends")
        assert [one["words"] for one in told["missing"]] == ["red kettle"]
        assert told["missing"][0]["change"]["before"] is None
        house.client.get(f"/console?token={house.serving.console_token}")
        page = house.client.get("/console/trends").text
        assert "red kettle" in page
        assert "oat [x]" in page
    finally:
        house.serving.close()
