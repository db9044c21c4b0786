"""Rules of the house: what each does to a list, and what is refused."""

import json

import pytest
from tests.recommend.ruled import ENGINE, house, row, rules_of
from tests.recommend.stores import DAY

from penchant.catalog.view import MOVES
from penchant.errors import StorageError
from penchant.privacy.consent import Consent
from penchant.recommend.rules.compiled import compiled
from penchant.recommend.rules.document import InvalidRules, document_of
from penchant.recommend.rules.people import age_of
from penchant.types import Item, Pseudonym

ANNA = Pseudonym("anna")


def reasons(shop, person="anna", n=3, now=10 * DAY, placement="home"):
    shown = shop.recommender.recommend(Pseudonym(person) if person else None, n, placement, now)
    return {one.item_id: one.reason for one in shown.items}


def test_without_rules_nothing_changes():
    assert house().list("anna", 4) == house().under().list("anna", 4) == ["i0", "i1", "i2", "i3"]


def test_excluded_items_are_gone_from_every_kind_of_list():
    shop = house().under(row("no b1", "exclude", brand='"b1"'))
    for person in ("anna", "stranger", None):
        assert set(shop.list(person, 12)) == {f"i{n}" for n in range(0, 12, 2)}
    assert {one.item_id for one in shop.similar.similar("i0", 12).items} == {f"i{n}" for n in range(2, 12, 2)}
    assert {one.item_id for one in shop.search.search("thing", 12, 0.0).items} == {
        f"i{n}" for n in range(0, 12, 2)
    }


def test_a_kept_list_does_not_outlive_a_change_of_the_rules():
    shop = house()
    assert shop.list("anna", 2) == shop.list("anna", 2) == ["i0", "i1"]
    shop.under(row("no i0", "exclude", items='"i0"'))
    assert shop.list("anna", 2) == ["i1", "i2"]
    shop.under()
    assert shop.list("anna", 2) == ["i0", "i1"]


def test_an_item_that_changes_is_asked_about_again_before_the_next_list():
    shop = house().under(row("no b9", "exclude", brand='"b9"'))
    assert shop.list("anna", 2) == ["i0", "i1"]
    shop.catalog.upsert([Item(item_id="i0", title="thing 0", brand="b9")])
    shop.catalog.upsert([Item(item_id="i5", title="thing 5", brand="b1")])
    assert shop.list("anna", 2) == ["i1", "i2"]
    shop.catalog.upsert([Item(item_id="i0", title="thing 0", brand="b0")])
    assert shop.list("anna", 2) == ["i0", "i1"]


def test_after_more_changes_than_are_remembered_all_are_asked_about_again():
    shop = house().under(row("no b9", "exclude", brand='"b9"'))
    assert shop.list("anna", 2) == ["i0", "i1"]
    shop.catalog.upsert([Item(item_id="i0", title="thing 0", brand="b9")])
    for price in range(MOVES + 1):
        shop.catalog.upsert([Item(item_id="i5", title="thing 5", price=float(price))])
    assert shop.list("anna", 2) == ["i1", "i2"]


def test_only_changed_items_are_asked_about(monkeypatch):
    shop = house().under(row("no b9", "exclude", brand='"b9"'))
    asked = []
    many = shop.catalog.many
    monkeypatch.setattr(shop.catalog, "many", lambda ids: asked.append(list(ids)) or many(ids))
    shop.catalog.upsert([Item(item_id="i3", title="thing 3", brand="b9")])
    shop.catalog.delete(["i4"])
    shop.list("anna", 2)
    assert asked == [["i3"]]


def test_what_cannot_be_asked_about_is_not_shown(monkeypatch):
    shop = house().under(row("no b9", "exclude", brand='"b9"'))
    shop.catalog.upsert([Item(item_id="i0", title="thing 0", brand="b0", price=1.5)])

    def broken(ids):
        raise StorageError("the disk is gone")

    monkeypatch.setattr(shop.catalog, "many", broken)
    assert shop.list("anna", 2) == ["i1", "i2"]


def test_an_age_limit_asks_for_an_age_that_is_known():
    shop = house().under(row("adults", "age", 18, items='"i0", "i1"'))
    for person in ("anna", "stranger", None):
        assert not {"i0", "i1"} & set(shop.list(person, 12))
    for known, may in (
        ({"age": "17"}, False),
        ({"age": "18"}, True),
        ({"age": "18-24"}, True),
        ({"age": "12-24"}, False),
        ({"birth_year": "1940"}, True),
        ({"birth_date": "1969-12-31"}, False),
        ({"age": "old enough"}, False),
        ({"age": "-30"}, False),
        ({"age": "900"}, False),
    ):
        shop.attributes.replace({ANNA: known})
        assert ("i0" in shop.list("anna", 12)) is may, known
    shop.attributes.replace({ANNA: {"age": "40"}})
    assert "i0" in [one.item_id for one in shop.search.search("thing", 12, 0.0, person=ANNA).items]
    assert "i0" not in [one.item_id for one in shop.search.search("thing", 12, 0.0).items]
    assert "i1" not in [one.item_id for one in shop.similar.similar("i0", 12).items]
    shop.consent.set(ANNA, Consent(profiling=False))
    assert "i0" not in shop.list("anna", 12)


def test_an_age_is_counted_in_whole_years_and_never_too_high():
    noon = 1_795_694_400.0  # 2026-11-26
    assert age_of({"birth_date": "2008-11-26"}, noon) == 18
    assert age_of({"birth_date": "2008-11-27"}, noon) == 17
    assert age_of({"birth_year": "2008"}, noon) == 17
    for odd in ("2008-13-01", "2030-01-01", "1850-01-01", "yesterday", ""):
        assert age_of({"birth_date": odd, "age": "40"}, noon) is None


def test_the_strictest_age_holds_where_attributes_cannot_be_read():
    shop = house().under(row("adults", "age", 18, items='"i0"'), row("children", "age", 6, brand='"b0"'))
    shop.attributes.replace({ANNA: {"age": "12"}})
    assert shop.list("anna", 3) == ["i1", "i2", "i3"]

    def broken(person):
        raise StorageError("the disk is gone")

    shop.force._attributes_of = broken
    assert shop.list("anna", 3) == ["i1", "i3", "i5"]


def test_boosted_items_come_up_and_say_so():
    shop = house().under(row("push the last", "boost", 9, items='"i11"'))
    assert shop.list("anna", 3) == ["i11", "i0", "i1"]
    found = reasons(shop)
    assert (found["i11"].kind, found["i11"].rule) == ("rule", "push the last")
    assert found["i1"].kind == "because-of"


def test_what_would_be_there_anyway_keeps_its_own_reason():
    found = reasons(house().under(row("push the first", "boost", 9, items='"i1"')))
    assert next(iter(found)) == "i1"
    assert found["i1"].kind == "because-of"


def test_buried_items_go_down_and_are_not_hidden():
    shop = house().under(row("down", "bury", 9, items='"i0"'))
    assert shop.list("anna", 3) == ["i1", "i2", "i3"]
    assert "i0" in shop.list("anna", 12)


def test_strangers_and_nobody_see_boosts_too():
    shop = house().under(row("push", "boost", 9, items='"i11"'))
    shop.does("bob", "i3")
    shop.does("bob", "i3", at=1.0)
    for person in ("stranger", None):
        assert shop.list(person, 2) == ["i11", "i3"]
        assert reasons(shop, person)["i11"].rule == "push"


def test_a_pinned_item_stands_at_its_place_and_says_so():
    shop = house().under(row("this one", "pin", 2, items='"i9"'))
    for person, second in (("anna", "i9"), ("stranger", "i9"), (None, "i9")):
        assert shop.list(person, 3)[1] == second
        assert (reasons(shop, person)["i9"].kind, reasons(shop, person)["i9"].rule) == ("rule", "this one")
    assert shop.list("anna", 4) == ["i0", "i9", "i1", "i2"]
    assert shop.list("anna", 1) == ["i0"]


def test_of_several_items_the_best_is_pinned_and_two_pins_share_no_place():
    shop = house().under(row("a b1", "pin", 1, brand='"b1"'), row("i8", "pin", 1, items='"i8"'))
    assert shop.list("anna", 4) == ["i1", "i8", "i0", "i2"]


def test_a_short_list_ends_with_what_is_pinned_behind_it():
    shop = house(3).under(row("late", "pin", 9, items='"i0"'))
    assert shop.list("anna", 20) == ["i1", "i2", "i0"]


def test_a_pin_never_brings_back_what_may_not_be_shown():
    shop = house().under(
        row("pin", "pin", 1, items='"i9"'), row("no", "exclude", items='"i9"', placement='"home"')
    )
    assert "i9" not in shop.list("anna", 12)
    shop = house().under(row("pin", "pin", 1, items='"i9"'), row("adults", "age", 18, items='"i9"'))
    assert "i9" not in shop.list("anna", 12)
    shop = house().under(row("pin", "pin", 1, items='"i9"'))
    shop.catalog.upsert([Item(item_id="i9", title="thing 9", available=False)])
    assert "i9" not in shop.list("anna", 12)
    assert "i9" not in house().under(row("pin", "pin", 1, items='"i9"')).list("anna", 12, exclude=["i9"])


def test_limits_hold_for_each_brand_and_for_all_together():
    shop = house().under(row("two", "limit", 2, per="brand"))
    assert shop.list("anna", 12) == ["i0", "i1", "i2", "i3"]
    shop = house().under(row("one b0", "limit", 1, brand='"b0"'))
    assert shop.list("anna", 4) == ["i0", "i1", "i3", "i5"]
    shop = house().under(
        row("one a category", "limit", 1, per="category"), row("pin", "pin", 1, items='"i3"')
    )
    assert shop.list("anna", 12) == ["i3", "i1", "i2"]
    assert len(shop.list(None, 12)) == 3


def test_limits_hold_for_similar_and_search():
    shop = house().under(row("one", "limit", 1, per="brand"))
    assert [one.item_id for one in shop.similar.similar("i0", 5).items] == ["i1", "i2"]
    assert len(shop.search.search("thing", 5, 0.0).items) == 2


def test_a_pin_counts_and_does_not_break_a_limit():
    shop = house().under(
        row("first", "pin", 1, items='"i8"'), row("next", "pin", 2, items='"i10"'),
        row("one", "limit", 1, brand='"b0"'),
    )  # fmt: skip
    assert shop.list("anna", 4) == ["i8", "i1", "i3", "i5"]


def test_nothing_is_pinned_among_what_was_searched_or_is_similar():
    shop = house().under(row("pin", "pin", 1, items='"i9"'))
    assert shop.similar.similar("i0", 3).items[0].item_id == "i1"


def test_a_rule_for_one_place_leaves_the_others():
    shop = house().under(row("home only", "exclude", items='"i0"', placement='"home"'))
    assert "i0" not in shop.list("anna", 12)
    shown = shop.recommender.recommend(ANNA, 12, "cart", 10 * DAY)
    assert "i0" in [one.item_id for one in shown.items]


def test_a_rule_for_some_people():
    shop = house().under(row("not in Bern", "exclude", items='"i0"', person='person.city == "Bern"'))
    assert "i0" in shop.list("anna", 12)
    shop.attributes.replace({ANNA: {"city": "Bern"}})
    assert "i0" not in shop.list("anna", 12)


def test_a_rule_has_a_beginning_and_an_end():
    shop = house().under(row("sale", "exclude", items='"i0"', starts="1970-01-05", ends="1970-01-06T12:00Z"))
    times = (3.99 * DAY, 4 * DAY, 5.49 * DAY, 5.5 * DAY)
    assert ["i0" in shop.list("anna", 2, now=now) for now in times] == [True, False, False, True]


def test_hours_and_weekdays_are_those_of_the_list():
    shop = house().under(row("evening", "exclude", items='"i0"', person="hour >= 18 and weekday == 4"))
    hour = DAY / 24
    assert "i0" in shop.list("anna", 2, now=17 * hour)  # The 1st of January 1970 was a Thursday.
    assert "i0" not in shop.list("anna", 2, now=18 * hour)
    assert "i0" in shop.list("anna", 2, now=42 * hour)


def test_a_rule_that_is_off_does_nothing():
    assert "i0" in house().under(row("off", "exclude", items='"i0"', on="false")).list("anna", 2)


def test_of_a_table_that_takes_the_first_only_one_row_acts():
    rows = [row("keep i0", "boost", 0.001, items='"i0"'), row("no b0", "exclude", brand='"b0"')]
    document = document_of(rows).replace(b'"collect"', b'"first"')
    shop = house()
    shop.force.use(1, compiled(document, ENGINE))
    assert set(shop.list("anna", 12)) == {"i0", *(f"i{n}" for n in range(1, 12, 2))}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row("x", "hide"), "action must be one of pin, boost"),
        (row("", "exclude"), "rule must be a name"),
        (row("x", "exclude", 3), "amount must be empty"),
        (row("x", "pin", 0), "is a place from 1"),
        (row("x", "pin", 1.5), "is a place from 1"),
        (row("x", "pin"), "is a place from 1"),
        (row("x", "boost", -1), "above 0"),
        (row("x", "limit", 2, per="colour"), "per must be empty or one of"),
        (row("x", "exclude", per="brand"), "per is for the action limit only"),
        (row("x", "age", '"old"'), "is an age from 1"),
        (row("x", "exclude", starts="soon"), "starts .*write it as"),
        (row("x", "exclude", starts="2026-02-01", ends="2026-01-01"), "ends must be after starts"),
        (row("x", "exclude", on='"yes"'), "on must be true, false"),
        (row("x", "exclude", brand="OPI"), 'Brand knows no OPI.*texts stand in quotes, as "Dairy"'),
        (row("x", "exclude", brand='"OPI'), "Brand cannot be read"),
        (row("x", "exclude", item="item.price >"), "cannot be read: Unexpected end"),
        (row("x", "exclude", item='item.brand = "b0"'), "single ="),
        (row("x", "exclude", item="item.price < person.budget"), "item and at the request"),
        (row("x", "exclude", item="rand(10) > 5"), "chance or for the time"),
        (row("x", "exclude", item='item.made < d("now")'), "chance or for the time"),
        (row("x", "exclude", item="`${item.brand}` == 'x'"), "template"),
        (row("x", "exclude", item="foo(item.brand)"), "cannot be read"),
        (row("x", "exclude", item="x" * 3000), "characters"),
        ({**row("x", "exclude"), "amount": "person.age"}, "a value, not a condition"),
    ],
)
def test_what_is_wrong_is_told_with_its_row_and_column(bad, why):
    with pytest.raises(InvalidRules, match=rf"table 'Rules', row 2: .*{why}"):
        rules_of(row("fine", "exclude", brand='"b0"'), bad)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(InvalidRules) as caught:
        rules_of(row("x", "hide"), row("y", "exclude", brand="OPI"), row("z", "exclude"), row("z", "exclude"))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "not a document"),
        (b"[]", "not a document"),
        (b'{"nodes": [{"id": 1, "type": "inputNode"}]}', "not a document"),
        (b'{"nodes": [{"id": "a", "type": "customNode"}]}', "'a' is a customNode"),
        (b'{"nodes": [{"id": "a", "type": "decisionNode"}]}', "'a' is a decisionNode"),
        (b'{"nodes": [{"id": "a", "type": "inputNode"}, {"id": "a", "type": "outputNode"}]}', "two nodes"),
        (b'{"nodes": [{"id": "a", "type": "decisionTableNode"}]}', "no output column 'action'"),
        (b" " * 1024 * 1025, "bytes"),
        (document_of([row(f"r{n}", "exclude") for n in range(501)]), "501 rules"),
        (document_of([]).replace(b'"collect"', b'"collect","inputField":"x"'), "inputField"),
        (document_of([]).replace(b'"collect"', b'"unique"'), "hitPolicy"),
    ],
)
def test_what_is_no_document_of_rules(document, why):
    with pytest.raises(InvalidRules, match=why):
        compiled(document, ENGINE)


def test_what_an_editor_adds_is_passed_over():
    document = json.loads(document_of([row("x", "exclude", brand='"b0"')]))
    document["nodes"][1]["content"]["rules"][0]["_description"] = "why"
    document["nodes"][1]["content"]["inputs"][0]["defaultValue"] = "x"
    document["settings"] = {"a": 1}
    assert [rule.name for rule in compiled(json.dumps(document).encode(), ENGINE).rules] == ["x"]


def test_a_disk_that_failed_for_a_moment_hides_nothing_for_good(monkeypatch):
    shop = house()
    with monkeypatch.context() as broken:
        broken.setattr(shop.catalog, "many", raising(StorageError("the disk is away")))
        shop.force.use(1, rules_of(row("x", "exclude", brand='"b0"')))
        assert shop.list("anna", 12) == []
    shop.force.keep_up()
    shown = set(shop.list("anna", 12))
    assert shown
    assert shown.isdisjoint(f"i{n}" for n in range(2, 12, 2))


def raising(error):
    def fails(*_args, **_more):
        raise error

    return fails
