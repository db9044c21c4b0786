"""What every store of items and every id table must do."""

import msgspec
import numpy as np

from penchant.catalog.ids import IdTable, id_digest
from penchant.catalog.prices import PriceSince
from penchant.catalog.store import ItemStore
from penchant.types import Item

TEA = Item(
    item_id="tea",
    title="Green tea",
    category="Drinks > Tea",
    brand="Löwe",
    price=3.5,
    available=False,
    attributes={"organic": True, "grams": 100, "note": None},
)
MILK = Item(item_id="milk", title="Oat milk")


class CatalogContract:
    """Tests of :class:`~penchant.catalog.ids.IdTable` and :class:`~penchant.catalog.store.ItemStore`.

    A subclass gives the fixtures ``ids`` and ``items`` (empty, of one shop), and overrides ``reopened``
    where they are durable.
    """

    def reopened(self, ids: IdTable, items: ItemStore) -> tuple[IdTable, ItemStore]:
        """Both as another process finds them."""
        return ids, items

    def test_rows_are_given_in_order_of_first_sight(self, ids: IdTable) -> None:
        assert ids.assign(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]
        assert ids.assign(["d", "a"]).tolist() == [3, 1]
        assert ids.rows(["c", "nobody", "d"]).tolist() == [2, -1, 3]
        assert ids.rows([]).dtype == np.int32
        assert (len(ids), ids.item_ids()) == (4, ["b", "a", "c", "d"])

    def test_rows_outlive_the_process_and_the_item(self, ids: IdTable, items: ItemStore) -> None:
        items.upsert([TEA, MILK])
        rows = ids.rows(["tea", "milk"]).tolist()
        items.delete(["tea"])
        ids.assign(["new"])
        later, _ = self.reopened(ids, items)
        assert later.rows(["tea", "milk", "new"]).tolist() == [*rows, 2]

    def test_the_digest_knows_the_table_again(self, ids: IdTable) -> None:
        ids.assign(["b", "a"])
        before = ids.digest()
        ids.assign(["c"])
        assert ids.digest() != before
        assert ids.digest(2) == before == id_digest(["b", "a"])

    def test_items_come_back_whole(self, ids: IdTable, items: ItemStore) -> None:
        assert items.upsert([TEA, MILK]) == 2
        _, later = self.reopened(ids, items)
        assert later.get("tea") == TEA
        assert later.get("nothing") is None
        assert later.many(["milk", "nothing", "tea", "tea"]) == {"tea": TEA, "milk": MILK}
        assert later.count() == 2

    def test_only_a_change_counts(self, items: ItemStore) -> None:
        items.upsert([TEA, MILK])
        version = items.version()
        assert items.upsert([TEA, MILK]) == 0
        assert items.version() == version
        dearer = msgspec.structs.replace(TEA, price=4.0)
        assert items.upsert([dearer, MILK]) == 1
        assert items.version() > version
        assert items.get("tea") == dearer

    def test_the_last_of_one_batch_holds(self, items: ItemStore) -> None:
        assert items.upsert([TEA, msgspec.structs.replace(TEA, title="Black tea")]) == 1
        tea = items.get("tea")
        assert tea is not None
        assert tea.title == "Black tea"

    def test_all_in_the_order_of_rows(self, ids: IdTable, items: ItemStore) -> None:
        ids.assign(["milk", "tea"])
        items.upsert([TEA, MILK])
        assert list(items.all()) == [MILK, TEA]

    def test_deletion(self, items: ItemStore) -> None:
        items.upsert([TEA, MILK])
        version = items.version()
        assert items.delete(["tea", "nothing"]) == 1
        assert items.version() > version
        assert (items.get("tea"), items.count(), list(items.all())) == (None, 1, [MILK])
        version = items.version()
        assert items.delete(["tea"]) == 0
        assert items.version() == version

    def test_a_price_is_kept_when_it_changes(self, ids: IdTable, items: ItemStore) -> None:
        dearer = msgspec.structs.replace(TEA, price=4.0)
        for change in ([TEA, MILK], [TEA, MILK], [dearer], [msgspec.structs.replace(dearer, title="Tea")]):
            items.upsert(change)
        items.delete(["tea", "milk", "nobody"])
        items.delete(["tea"])
        items.upsert([TEA, msgspec.structs.replace(MILK, price=2.0)])
        _, again = self.reopened(ids, items)
        assert [one.price for one in again.prices("tea")] == [3.5, 4.0, None, 3.5]
        assert [one.price for one in again.prices("milk")] == [2.0]
        assert again.prices("nobody") == []
        times = [one.since for one in again.prices("tea")]
        assert None not in times
        assert times == sorted(times, key=lambda since: since or 0.0)
        assert isinstance(again.prices("tea")[0], PriceSince)
