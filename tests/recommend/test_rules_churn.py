"""Whatever happens to catalogue, rules and people: what may not be shown is in no list."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.recommend.ruled import house, row
from tests.recommend.stores import DAY

from penchant.privacy.consent import Consent
from penchant.types import EventType, Item, Pseudonym

COUNT = 10
PEOPLE = ("anna", "bob", "cleo", "stranger", None)
BRANDS, CATEGORIES = ("b0", "b1", "b2"), ("c0", "c1 > d")
PLACES = ("home", "cart")

items = st.builds(
    Item,
    item_id=st.sampled_from([f"i{n}" for n in range(COUNT + 2)]),
    title=st.just("thing"),
    brand=st.sampled_from(BRANDS),
    category=st.sampled_from(CATEGORIES),
    available=st.sampled_from([True, True, True, False]),
    price=st.sampled_from([None, 1.0, 5.0]),
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "items": st.sampled_from([f'"i{n}"' for n in range(COUNT)]),
        "brand": st.sampled_from([f'"{brand}"' for brand in BRANDS]),
        "item": st.sampled_from(["item.price > 2", 'item.category == "c0"']),
        "placement": st.sampled_from([f'"{place}"' for place in PLACES]),
        "person": st.sampled_from(['person.city == "Bern"', "person.age >= 30", "hour == 0"]),
    },
)
actions = st.sampled_from(
    [("exclude", ""), ("exclude", ""), ("age", 18), ("age", 30), ("pin", 1), ("pin", 3), ("boost", 5),
     ("bury", 1), ("limit", 1), ("limit", 2)]
)  # fmt: skip
rows = st.lists(st.tuples(actions, conditions, st.sampled_from(["", "brand", "category"])), max_size=6)


def holds(what: dict[str, str], item: Item, known: dict[str, str], place: str, age: int) -> bool:
    """The same conditions in plain Python."""
    person = {
        'person.city == "Bern"': known.get("city") == "Bern",
        "person.age >= 30": age >= 30,
        "hour == 0": True,
        "": True,
    }
    about = {
        "item.price > 2": (item.price or 0) > 2,
        'item.category == "c0"': item.category == "c0",
        "": True,
    }
    return (
        what.get("items", f'"{item.item_id}"') == f'"{item.item_id}"'
        and what.get("brand", f'"{item.brand}"') == f'"{item.brand}"'
        and what.get("placement", f'"{place}"') == f'"{place}"'
        and about[what.get("item", "")]
        and person[what.get("person", "")]
    )


class Churn(RuleBasedStateMachine):
    """After every step every kind of list is looked at."""

    @initialize()
    def begin(self) -> None:
        self.shop = house(COUNT)
        self.items = {item.item_id: item for item in self.shop.store.all()}
        self.known: dict[str, dict[str, str]] = {}
        self.out: set[str] = set()
        self.rules: list[tuple[tuple[str, object], dict[str, str], str]] = []

    @rule(item=items)
    def an_item_changes(self, item: Item) -> None:
        self.shop.catalog.upsert([item])
        self.items[item.item_id] = item

    @rule(changed=st.lists(items, min_size=2, max_size=6, unique_by=lambda item: item.item_id))
    def many_change(self, changed: list[Item]) -> None:
        self.shop.catalog.upsert(changed)
        self.items |= {item.item_id: item for item in changed}

    @rule(number=st.integers(0, COUNT - 1))
    def an_item_goes(self, number: int) -> None:
        self.shop.catalog.delete([f"i{number}"])
        self.items.pop(f"i{number}", None)

    @rule(rows=rows)
    def the_rules_change(self, rows: list) -> None:
        self.rules = rows
        made = [
            row(f"r{n}", action, amount, **({"per": per} if action == "limit" and per else {}), **what)
            for n, ((action, amount), what, per) in enumerate(rows)
        ]
        self.shop.under(*made)

    @rule(
        person=st.sampled_from(PEOPLE[:-1]),
        known=st.sampled_from([{}, {"age": "20"}, {"age": "40"}, {"age": "12-17"}, {"city": "Bern"}]),
    )
    def something_is_known(self, person: str, known: dict[str, str]) -> None:
        self.shop.attributes.replace({Pseudonym(person): known})
        self.known[person] = known

    @rule(person=st.sampled_from(PEOPLE[:-1]), may=st.booleans())
    def a_person_decides(self, person: str, may: bool) -> None:
        self.shop.consent.set(Pseudonym(person), Consent(profiling=may))
        (self.out.discard if may else self.out.add)(person)

    @rule(person=st.sampled_from(PEOPLE[:3]), number=st.integers(0, COUNT - 1))
    def somebody_buys(self, person: str, number: int) -> None:
        self.shop.does(person, f"i{number}", EventType.PURCHASE, at=DAY)

    @invariant()
    def nothing_is_shown_that_may_not_be(self) -> None:
        if not hasattr(self, "shop"):
            return
        for person in PEOPLE:
            for place in PLACES:
                self._check(self.shop.recommender, person, place)
            found = self.shop.search.search("thing", 5, 10 * DAY, person=person and Pseudonym(person))
            self._allowed([one.item_id for one in found.items], person, "search")
        view = self.shop.catalog.view()
        if view.row("i0") >= 0 and view.listed[view.row("i0")]:
            found = self.shop.similar.similar("i0", 5, 10 * DAY)
            self._allowed([one.item_id for one in found.items], None, "similar")

    def _check(self, recommender, person: str | None, place: str) -> None:
        for n in (1, 5):
            shown = recommender.recommend(person and Pseudonym(person), n, place, 10 * DAY)
            self._allowed([one.item_id for one in shown.items], person, place)

    def _allowed(self, shown: list[str], person: str | None, place: str) -> None:
        known = {} if person is None or person in self.out else self.known.get(person, {})
        age = {"20": 20, "40": 40, "12-17": 12}.get(known.get("age", ""), 0)
        assert len(set(shown)) == len(shown)
        counts: dict[tuple[int, str], int] = {}
        for item_id in shown:
            item = self.items.get(item_id)
            assert item is not None
            assert item.available
            for number, ((action, amount), what, per) in enumerate(self.rules):
                if not holds(what, item, known, place, age):
                    continue
                assert action != "exclude", (item_id, person, place)
                assert action != "age" or age >= amount, (item_id, person, place)
                group = {"brand": item.brand, "category": item.category, "": "all"}[per]
                counts[number, group] = counts.get((number, group), 0) + 1
                assert action != "limit" or counts[number, group] <= amount, (item_id, person, place)


TestChurn = Churn.TestCase
TestChurn.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
