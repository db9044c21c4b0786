import pytest

from penchant.catalog.view import view_of
from penchant.taste.profile import HALF_LIFE, taste_profile
from penchant.types import Event, EventType, Item, Logged

DAY = 86_400.0


def item(n, category, price, brand=""):
    return Item(item_id=f"{category}{n}", category=f"{category} > x", price=price, brand=brand)


@pytest.fixture
def view():
    items = [item(n, kind, float(n + 1), f"b{n}") for kind in ("Meat", "Dairy") for n in range(10)]
    return view_of(1, [i.item_id for i in items], dict(enumerate(items)))


def bought(item_id, at=0.0, kind=EventType.PURCHASE):
    return Logged(1, Event(user_id="p", type=kind, timestamp=at, item_id=item_id))


def shares(found):
    return {share.name: share.share for share in found}


def test_shares_follow_what_was_bought(view):
    profile = taste_profile([bought("Meat1"), bought("Meat2"), bought("Meat2"), bought("Dairy1")], view, 0.0)
    assert shares(profile.categories) == {"Meat": 0.75, "Dairy": 0.25}
    assert shares(profile.brands) == {"b1": 0.5, "b2": 0.5}


def test_newer_events_count_more(view):
    later = HALF_LIFE * DAY
    profile = taste_profile([bought("Meat1"), bought("Dairy1", later)], view, later)
    assert shares(profile.categories)["Dairy"] == pytest.approx(2 / 3, abs=1e-3)


def test_price_level_is_a_quantile_within_the_category(view):
    assert taste_profile([bought("Meat0")], view, 0.0).price_level == pytest.approx(0.05)
    assert taste_profile([bought("Meat9")], view, 0.0).price_level == pytest.approx(0.95)


def test_months_show_how_taste_moved(view):
    profile = taste_profile([bought("Meat1", 0.0), bought("Dairy1", 40 * DAY)], view, 50 * DAY)
    assert [(m.month, shares(m.categories)) for m in profile.months] == [
        ("1970-01", {"Meat": 1.0}),
        ("1970-02", {"Dairy": 1.0}),
    ]


def test_what_says_nothing_counts_nothing(view):
    silent = [bought("gone"), bought(None, kind=EventType.SEARCH), bought("Meat1", kind=EventType.REFUND)]
    profile = taste_profile(silent, view, 0.0)
    assert (profile.events, profile.categories, profile.price_level, profile.first) == (0, [], None, None)
