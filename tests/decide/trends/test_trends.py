"""Trends: what was planted is found, what was not is not, and no figure of fewer than five people is told."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from penchant.app.shop import Shop, init_shop
from penchant.app.trends import trends_of
from penchant.decide.trends.people import WEEK, WEEKS
from penchant.decide.trends.result import Trends
from penchant.decide.trends.searches import (
    Searches,
    _told,
    usual_share,
)
from penchant.errors import NotEnoughData
from penchant.privacy.consent import Consent
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Item

NOW = 1_767_700_000.0
KINDS = ("Tea", "Pots", "Cups", "Books")


def event(person: Any, back: float, **more: Any) -> dict[str, Any]:
    """``back``: weeks ago."""
    return {"user_id": f"p{person}", "timestamp": NOW - back * WEEK, "type": "view"} | more


def search(person: Any, back: float, query: str) -> dict[str, Any]:
    return event(person, back, type="search", query=query)


def found(folder: Path, events: list[dict[str, Any]], *, opted_out: list[str] | None = None) -> Trends:
    init_shop(folder)
    with Shop(folder, writer=True, clock=lambda: NOW, encoder=FakeTextEncoder()) as shop:
        items = [
            Item(
                item_id=f"i{n}",
                title=f"{KINDS[n % 4].lower()} number{n}",
                category=KINDS[n % 4],
                attributes={"note": "cheap good new"},
            )
            for n in range(40)
        ]
        shop.catalog.upsert(items)
        for start in range(0, len(events), 1_000):
            assert not shop.intake().accept(events[start : start + 1_000]).rejected
        shop.assign_ids()
        for user in opted_out or []:
            shop.consent.set(shop.pseudonymizer.pseudonym(user), Consent(profiling=False))
        return trends_of(shop)


def steady(people: int = 300, seed: int = 0) -> list[dict[str, Any]]:
    """Each person comes once in every other week and looks at two items, whichever."""
    rng = np.random.default_rng(seed)
    return [
        event(person, week + rng.random(), item_id=f"i{rng.integers(40)}")
        for person in range(people)
        for week in range(person % 2, WEEKS, 2)
        for _ in range(2)
    ]


def test_what_rises_and_fades_is_found_by_people(tmp_path: Path) -> None:
    events = steady()
    events += [event(n, n % 4 + 0.5, item_id="i7") for n in range(80)]
    events += [event(n, 4 + n % 4 + 0.5, item_id="i8") for n in range(80)]
    trends = found(tmp_path / "shop", events)
    assert [one.item_id for one in trends.rising] == ["i7"]
    assert [one.item_id for one in trends.fading] == ["i8"]
    (up,) = trends.rising
    assert up.change.low > 1
    assert up.change.low < up.change.ratio < up.change.high
    assert up.change.people is not None
    assert up.change.before is not None
    assert up.change.people > 80 > up.change.before
    assert len(up.change.weeks) == WEEKS
    assert up.name == "books number7"


def test_where_nothing_moves_nothing_is_told(tmp_path: Path) -> None:
    for seed in range(3):
        trends = found(tmp_path / f"shop{seed}", steady(seed=seed))
        parts = trends.rising, trends.fading, trends.rising_categories, trends.fading_categories
        assert [len(part) for part in parts] == [0, 0, 0, 0]


def test_one_person_who_comes_all_the_time_is_no_trend(tmp_path: Path) -> None:
    events = steady() + [event("x", n / 100, item_id="i7") for n in range(300)]
    assert found(tmp_path / "shop", events).rising == []


def test_more_people_in_all_is_no_trend_of_every_item(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    more = [event(f"new{n}", rng.random() * 4, item_id=f"i{rng.integers(40)}") for n in range(600)]
    trends = found(tmp_path / "shop", steady() + more)
    assert len(trends.rising) + len(trends.fading) <= 2


def test_a_category_rises_where_no_item_of_it_does(tmp_path: Path) -> None:
    events = steady() + [event(f"new{n}", n % 4 + 0.5, item_id=f"i{n % 10 * 4}") for n in range(150)]
    trends = found(tmp_path / "shop", events)
    assert [one.name for one in trends.rising_categories] == ["Tea"]


def test_searches_that_find_nothing_are_told_by_people_and_what_rises_first(tmp_path: Path) -> None:
    events = steady()
    events += [search(n, n % 4 + 0.1, "Oolong Teapot") for n in range(40)]
    events += [search(n, n % 8 + 0.1, "kettles") for n in range(120)]
    events += [search("one", n / 100, "unicorn") for n in range(200)]
    events += [search(n, 1.1, "tea number4") for n in range(30)]
    events += [event(n, 1.1 - 0.01, item_id="i4") for n in range(30)]
    trends = found(tmp_path / "shop", events)
    assert [one.words for one in trends.missing] == ["oolong teapot", "kettles"]
    first, second = (one.change for one in trends.missing)
    assert (first.people, first.before, first.sure) == (40, None, True)
    assert second.people == 60
    assert not second.sure
    assert [one.hits for one in trends.missing] == [0, 0]
    assert trends.usual is None, "who did not take it are fewer than five"
    assert trends.ignored == []


def test_hits_that_nobody_takes(tmp_path: Path) -> None:
    events = steady()
    for n in range(60):
        events += [search(n, 1.1, "tea"), event(n, 1.1 - 0.01, item_id="i4")]
        events += [search(f"b{n}", 1.1, "books"), event(f"b{n}", 1.1 - 0.01, item_id="i4")]
    trends = found(tmp_path / "shop", events)
    (ignored,) = trends.ignored
    assert (ignored.words, ignored.hits, ignored.people_in_all, ignored.takers) == ("books", 10, 60, None)
    assert trends.usual == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("people", "takers", "share", "of_one"),
    [(60, 20, 0.33, 20), (60, 4, None, None), (60, 5, 0.08, 5), (60, 55, 0.92, 55), (60, 56, None, None),
     (60, 60, None, 60), (4, 4, None, None)],
)  # fmt: skip
def test_shares_tell_neither_of_few_who_took_nor_of_few_who_did_not(
    people: int, takers: int, share: float | None, of_one: int | None
) -> None:
    asked = Searches(
        words=["tea"], terms=[("tea",)], code=np.zeros(0, np.int64), people=np.zeros((1, 10), np.int64),
        in_all=np.array([people]), hits=[np.array([3])], takers=np.array([takers]),
    )  # fmt: skip
    assert usual_share(asked) == share
    assert _told(asked, 0) == of_one


def test_the_same_words_in_another_order_and_number_are_one_search(tmp_path: Path) -> None:
    events = steady() + [
        search(n, 0.5, text) for n, text in enumerate(["Red kettles", "kettle red", "RED KETTLE"] * 2)
    ]
    (one,) = found(tmp_path / "shop", events).missing
    assert one.change.people == 6


def test_wishes_that_nothing_on_sale_is_like_are_named_by_their_words(tmp_path: Path) -> None:
    events = steady()
    for item in range(30):
        for n in range(6):
            person = f"a{item}-{n}"
            events += [search(person, 1.1, f"{KINDS[item % 4].lower()} number{item} cheap good new")]
            events += [event(person, 1.1 - 0.01, item_id=f"i{item}")]
    events += [search(f"w{n}", 1.2, f"wooden bicycle shop {('bell', 'horn')[n % 2]}") for n in range(20)]
    events += [search(f"v{n}", 1.2, "wooden bicycle shop lamp") for n in range(4)]
    trends = found(tmp_path / "shop", events)
    assert trends.far is not None
    (wish,) = trends.wishes
    assert set(wish.words[:3]) == {"wooden", "bicycle", "shop"}
    assert "lamp" not in wish.words
    assert (wish.people, wish.searches) == (20, 2)
    assert wish.likeness < trends.far
    assert len(wish.near) == 3


def test_without_enough_answered_searches_no_wish_is_told_and_why(tmp_path: Path) -> None:
    trends = found(tmp_path / "shop", steady() + [search(n, 1, "wooden bicycle") for n in range(9)])
    assert trends.wishes == []
    assert "fewer than 20 searches" in trends.notes[0]


def numbers(value: Any, key: str = "") -> list[Any]:
    if isinstance(value, dict):
        return [one for name, part in value.items() for one in numbers(part, name)]
    if isinstance(value, list):
        return [one for part in value for one in numbers(part, key)]
    return [value] if key in {"people", "before", "weeks", "active", "takers", "people_in_all"} else []


def test_no_figure_is_of_fewer_than_five_people(tmp_path: Path) -> None:
    events = steady(people=60) + [search(n, n % 9, "kettle") for n in range(30)]
    events += [event(n, n % 3 + 0.2, item_id="i7") for n in range(40)]
    events += [search(n, 0.5, "secret") for n in range(4)]
    trends = found(tmp_path / "shop", events)
    told = msgspec.to_builtins(trends) | {"weeks": []}
    counts = [one for one in numbers(told) if one is not None]
    assert counts
    assert min(counts) >= 5
    assert "secret" not in json.dumps(told)


def test_who_opted_out_is_in_no_figure(tmp_path: Path) -> None:
    events = steady() + [search(n, 0.5, "kettle") for n in range(7)]
    assert found(tmp_path / "a", events).missing[0].change.people == 7
    assert found(tmp_path / "b", events, opted_out=["p0", "p1"]).missing[0].change.people == 5
    assert found(tmp_path / "c", events, opted_out=["p0", "p1", "p2"]).missing == []


def test_a_shop_where_nothing_happened_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="nothing happened yet"):
        found(tmp_path / "shop", [])
