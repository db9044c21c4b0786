"""What every engine and every store of rules must do. A new one inherits the class and supplies a fixture."""

import msgspec
import pytest

from penchant.errors import Conflict
from penchant.recommend.rules.port import Condition, RuleEngine, RuleStore, RuleVersion

ITEMS = [
    {"item": {"brand": "OPI", "price": 12.5, "attributes": {"alcohol": True}}},
    {"item": {"brand": "Essie", "price": None, "attributes": {}}},
    {"item": {"brand": "", "price": 3.0, "attributes": {"alcohol": False}}},
]


class RuleEngineContract:
    """Tests of :class:`~penchant.recommend.rules.port.RuleEngine`; a subclass gives ``engine``."""

    def test_numbers_of_any_size(self, engine: RuleEngine) -> None:
        matcher = engine.matcher([Condition("item.price", ("3",))], 1)
        odd = [{"item": {"price": 1e300}}, {"item": {"price": -1e40}}, {"item": {"price": 5e-324}}]
        assert matcher.of_each([*odd, *ITEMS]).tolist() == [[False]] * 5 + [[True]]

    def test_a_row_holds_where_all_its_cells_do(self, engine: RuleEngine) -> None:
        brand = Condition("item.brand", ('"OPI", "Essie"', '"OPI"', "", '"Dior"'))
        price = Condition("item.price", ("", "12.5", "3", ""))
        found = engine.matcher([brand, price], 4).of_each(ITEMS)
        assert found.tolist() == [
            [True, True, False, False],
            [True, False, False, False],
            [False, False, True, False],
        ]

    def test_a_row_without_conditions_holds_of_everything(self, engine: RuleEngine) -> None:
        blank = Condition("item.brand", ("", " "))
        assert engine.matcher([blank], 2).of_each(ITEMS).all()
        assert engine.matcher([], 1).of_each(ITEMS).tolist() == [[True]] * 3

    def test_nothing_asked_nothing_told(self, engine: RuleEngine) -> None:
        assert engine.matcher([Condition("item.brand", ('"OPI"',))], 1).of_each([]).shape == (0, 1)
        assert engine.matcher([], 0).of_each(ITEMS).shape == (3, 0)

    def test_what_is_not_there_does_not_fit(self, engine: RuleEngine) -> None:
        deep = Condition("item.attributes.alcohol", ("true",))
        assert engine.matcher([deep], 1).of_each([*ITEMS, {}]).tolist() == [[True], [False], [False], [False]]

    @pytest.mark.parametrize("cell", ['"OPI', '"a", ', ")", "foo(1)", '"a" "b"'])
    @pytest.mark.parametrize("unary", [True, False])
    def test_a_cell_that_cannot_be_read_is_found_before_it_is_used(
        self, engine: RuleEngine, cell: str, unary: bool
    ) -> None:
        fault = engine.fault(cell, unary=unary)
        assert fault
        assert "\n" not in fault
        assert engine.fault('"OPI"', unary=unary) == ""

    def test_values(self, engine: RuleEngine) -> None:
        cells = ['"boost"', "1.5", "true", "", " ", "-3"]
        assert [engine.value(cell) for cell in cells] == ["boost", 1.5, True, None, None, -3]
        with pytest.raises(ValueError, match=r"\w"):
            engine.value('"boost')


class RuleStoreContract:
    """Tests of :class:`~penchant.recommend.rules.port.RuleStore`.

    A subclass gives the fixture ``store`` (empty), and overrides ``reopened`` where it is durable.
    """

    def reopened(self, store: RuleStore) -> RuleStore:
        """The store as another process finds it after a restart."""
        return store

    def test_versions_are_kept_in_order(self, store: RuleStore) -> None:
        assert (store.newest(), store.history(), store.get(1)) == (0, [], None)
        first = store.add(change("ann", b"{}"), 0)
        second = store.add(change("bob", b"[1]", note="why"), 1)
        later = self.reopened(store)
        assert (first.version, second.version, later.newest()) == (1, 2, 2)
        assert later.history() == [second, first]
        assert later.get(1) == first
        assert later.get(2) == msgspec.structs.replace(change("bob", b"[1]", note="why"), version=2)

    def test_who_did_not_see_the_newest_one_is_refused(self, store: RuleStore) -> None:
        store.add(change("ann", b"{}"), 0)
        for expected in (0, 2):
            with pytest.raises(Conflict, match="version 1"):
                store.add(change("bob", b"[]"), expected)
        assert [one.author for one in self.reopened(store).history()] == ["ann"]


def change(author: str, document: bytes, note: str = "") -> RuleVersion:
    """A change that has no number yet."""
    return RuleVersion(version=0, time=1.5, author=author, document=document, note=note)
