"""Lists that were shown are kept for as long as the shop says."""

import pytest
from tests.adapters.sqlite_shop import Stores

from penchant.adapters.sqlite.impressions import SqliteImpressions
from penchant.app.shop import Shop, init_shop
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Impression

DAY = 86_400.0


def shown(*days):
    return [
        Impression(recommendation_id=f"r{day}", user_id="p", timestamp=day * DAY, placement="home", items=())
        for day in days
    ]


def kept(store):
    return [one.timestamp / DAY for _, one in store.follow(0, 100)]


@pytest.fixture
def stores(tmp_path):
    found = Stores(tmp_path)
    yield found
    found.close()


def test_without_a_term_everything_is_kept(stores):
    stores.impressions.append(shown(0))
    stores.impressions.append(shown(10_000))
    assert kept(stores.impressions) == [0, 10_000]


def test_what_is_older_than_the_term_goes_bit_by_bit_as_others_come(stores):
    stores.impressions.append(shown(*range(10)))
    store = SqliteImpressions(stores.database, stores.log, keep=4 * DAY)
    store.append(shown(10))
    assert kept(store) == list(range(2, 11))
    store.append(shown(11, 12))
    assert kept(store) == list(range(6, 13))
    store.append(shown(13))
    assert kept(store) == list(range(8, 14))
    store.append(shown(13.5))
    assert kept(store) == [10, 11, 12, 13, 13.5]
    assert store.get("r8") is None
    assert store.get("r13").user_id == "p"


def test_nothing_written_drops_nothing(stores):
    store = SqliteImpressions(stores.database, stores.log, keep=DAY)
    store.append(shown(0))
    store.append([])
    assert kept(store) == [0]


def test_the_term_is_that_of_the_settings(tmp_path):
    init_shop(tmp_path / "shop", name="Corner", more="[serve]\nkeep_lists_days = 2\n")
    with Shop(tmp_path / "shop", writer=True, encoder=FakeTextEncoder()) as shop:
        shop.impressions.append(shown(0, 1))
        shop.impressions.append(shown(2.5))
        assert kept(shop.impressions) == [1, 2.5]
