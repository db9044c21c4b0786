"""What every store of offers, exposures and stock must do. A new one inherits the class."""

import math

from msgspec.structs import replace

from penchant.events.offers import Exposure, ExposureStore, Offer, OfferStore, StockLevel, StockStore
from penchant.testing.log_contract import ANNA, BOB

TEA = Offer(offer_id="o", campaign_id="c", item_id="tea", starts=10.0, ends=20.0, discount=0.25)
TOLD = Exposure(user_id=ANNA, campaign_id="c", timestamp=10.0)
LEVEL = StockLevel(item_id="tea", timestamp=10.0, on_hand=3.0)


class OffersContract:
    """Tests of the three ports of :mod:`penchant.events.offers`.

    A subclass gives the fixtures ``offers``, ``exposures`` and ``stock`` (empty), and overrides ``reopened``
    where they are durable.
    """

    def reopened(
        self, offers: OfferStore, exposures: ExposureStore, stock: StockStore
    ) -> tuple[OfferStore, ExposureStore, StockStore]:
        """The stores as another process finds them after a restart."""
        return offers, exposures, stock

    def test_rows_come_back_whole_and_in_order(
        self, offers: OfferStore, exposures: ExposureStore, stock: StockStore
    ) -> None:
        held = replace(TOLD, user_id=BOB, held_out=True)
        cup = replace(TEA, item_id="cup", discount=None)
        later = replace(LEVEL, timestamp=12.5, on_hand=0.0, lead_time_days=2.0)
        assert (offers.put([TEA, cup]), exposures.put([TOLD, held]), stock.put([later, LEVEL])) == (2, 2, 2)
        offers, exposures, stock = self.reopened(offers, exposures, stock)
        assert offers.all() == [cup, TEA]
        assert sorted(exposures.all(), key=lambda row: row.user_id) == sorted(
            [TOLD, held], key=lambda row: row.user_id
        )
        assert stock.all() == [LEVEL, later]

    def test_a_row_takes_the_place_of_one_of_the_same_key_and_only_a_change_counts(
        self, offers: OfferStore, exposures: ExposureStore, stock: StockStore
    ) -> None:
        offers.put([TEA])
        exposures.put([TOLD])
        stock.put([LEVEL])
        versions = offers.version(), exposures.version(), stock.version()
        assert (offers.put([TEA]), exposures.put([TOLD]), stock.put([LEVEL])) == (0, 0, 0)
        assert (offers.version(), exposures.version(), stock.version()) == versions
        offer, told = replace(TEA, discount=None), replace(TOLD, held_out=True)
        level = replace(LEVEL, lead_time_days=4.0)
        assert (offers.put([offer]), exposures.put([told]), stock.put([level])) == (1, 1, 1)
        assert (offers.all(), exposures.all(), stock.all()) == ([offer], [told], [level])
        assert offers.version() != versions[0]
        assert exposures.version() != versions[1]
        assert stock.version() != versions[2]

    def test_other_keys_are_other_rows(
        self, offers: OfferStore, exposures: ExposureStore, stock: StockStore
    ) -> None:
        assert offers.put([TEA, replace(TEA, offer_id="p"), replace(TEA, campaign_id="d")]) == 3
        assert exposures.put([TOLD, replace(TOLD, campaign_id="d"), replace(TOLD, timestamp=11.0)]) == 3
        assert stock.put([LEVEL, replace(LEVEL, timestamp=11.0)]) == 2
        assert offers.holds([TEA, replace(TEA, item_id="cup"), replace(TEA, ends=99.0)]) == [
            True,
            False,
            True,
        ]
        assert exposures.holds([TOLD, replace(TOLD, user_id=BOB), replace(TOLD, timestamp=12.0)]) == [
            True, False, False,
        ]  # fmt: skip
        assert stock.holds([LEVEL, replace(LEVEL, timestamp=12.0)]) == [True, False]
        assert (offers.holds([]), exposures.holds([]), stock.holds([])) == ([], [], [])

    def test_offers_that_have_not_ended(self, offers: OfferStore) -> None:
        later = replace(TEA, item_id="cup", ends=30.0)
        offers.put([TEA, later])
        assert [offers.unended(now) for now in (19.0, 20.0, 30.0)] == [[later, TEA], [later], []]

    def test_exposures_of_one_person_oldest_first(self, exposures: ExposureStore) -> None:
        later = replace(TOLD, timestamp=30.0)
        exposures.put([later, TOLD, replace(TOLD, user_id=BOB)])
        assert exposures.of_person(ANNA) == [TOLD, later]
        assert exposures.of_person(BOB) == [replace(TOLD, user_id=BOB)]

    def test_the_newest_level_of_each_item_up_to_a_time(self, stock: StockStore) -> None:
        stock.put([replace(LEVEL, timestamp=at, on_hand=at) for at in (10.0, 30.0, 20.0)])
        stock.put([replace(LEVEL, item_id="cup", timestamp=40.0)])
        assert {item: level.on_hand for item, level in stock.newest(25.0).items()} == {"tea": 20.0}
        assert stock.newest(40.0).keys() == {"tea", "cup"}
        assert stock.newest(9.0) == {}
        assert [stock.next_time(at) for at in (9.0, 10.0, 35.0, 40.0)] == [10.0, 20.0, 40.0, math.inf]
