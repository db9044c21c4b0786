"""Variety within a list, and places shared between groups over many lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recommend.ruled import house, row
from tests.recommend.stores import House

from penchant.errors import SettingsError, StorageError
from penchant.model.entries import ENTRY, SIZE, first
from penchant.recommend.filling import Filling
from penchant.recommend.filters import SeenFilter
from penchant.recommend.personal import PersonalLists
from penchant.recommend.variety.exposure import APART, CREDIT, CountedLists, Exposure
from penchant.recommend.variety.groups import Groups
from penchant.recommend.variety.mix import mix_of
from penchant.recommend.variety.rerank import Aims, Mix, Pool, reranked
from penchant.recommend.variety.stage import Variety
from penchant.settings import PlaceVariety, RecommendSettings, VarietySettings, parse_settings
from penchant.taste.corrections import Correction
from penchant.types import EventType, Item

NOW = 10 * 86_400.0


def pool(count, seed=0, lanes=None, groups=4):
    rng = np.random.default_rng(seed)
    worth = np.sort(rng.exponential(1.0, count))[::-1].astype(np.float32)
    vectors = rng.normal(size=(count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    wanted = np.full(groups, 1 / groups, np.float32)
    mix = Mix(wanted, rng.integers(groups + 1, size=count))
    return Pool(worth, vectors, mix, rng.normal(size=count).astype(np.float32), lanes)


def slow(pool, n, aims):
    """The same by the definitions, item by item."""
    taken = []
    for place in range(min(n, len(pool.worth))):
        best, found = -np.inf, -1
        for one in range(len(pool.worth)):
            if one in taken or (pool.lanes is not None and pool.lanes[one] != pool.lanes[place]):
                continue
            like = [
                (max(0.0, float(pool.vectors[one] @ pool.vectors[other])) + same(pool, one, other)) / 2
                for other in taken
            ]
            value = -aims.likeness * max(like, default=0.0)
            value += aims.mix * (divergence(pool, taken, place) - divergence(pool, [*taken, one], place))
            value -= aims.rare * float(pool.common[one])
            value = float(pool.worth[one]) / np.log2(place + 2) + ((place + 1) / n) ** 2 * value
            if value > best:
                best, found = value, one
        taken.append(found)
    return taken


def same(pool, one, other):
    return pool.mix.codes[one] == pool.mix.codes[other] < len(pool.mix.wanted)


def divergence(pool, taken, place):
    """KL of the wanted mix from that of a list of ``place`` + 1, of which the rest is of no category."""
    counts = np.bincount(pool.mix.codes[taken].astype(int), minlength=len(pool.mix.wanted) + 1)[:-1]
    share = 0.99 * counts / (place + 1) + 0.01 * pool.mix.wanted
    return float((pool.mix.wanted * np.log(pool.mix.wanted / share)).sum())


@pytest.mark.parametrize("aims", [Aims(likeness=0.7), Aims(mix=0.9), Aims(rare=0.3), Aims(0.4, 0.5, 0.2)])
@pytest.mark.parametrize("seed", range(4))
def test_the_order_is_that_of_the_definitions(aims, seed):
    lanes = np.random.default_rng(seed + 9).integers(2, size=30) if seed % 2 else None
    given_ = pool(30, seed, lanes)
    assert reranked(given_, 10, aims).tolist() == slow(given_, 10, aims)


def test_without_aims_the_order_stays():
    assert reranked(pool(30), 10, Aims()).tolist() == list(range(10))
    assert len(reranked(pool(3), 10, Aims(1.0, 1.0, 1.0))) == 3
    assert len(reranked(pool(0), 10, Aims(1.0, 1.0, 1.0))) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25), st.floats(0, 50), st.floats(0, 50), st.floats(0, 5))
def test_each_place_keeps_its_lane_and_no_item_comes_twice(seed, n, likeness, mix, rare):
    lanes = np.random.default_rng(seed).integers(3, size=25)
    order = reranked(pool(25, seed, lanes), n, Aims(likeness, mix, rare))
    assert lanes[order].tolist() == lanes[:n].tolist()
    assert len(set(order.tolist())) == n


def test_the_mix_is_what_was_wanted_faded_and_what_the_scores_say():
    shop = House(np.eye(4, dtype=np.float32), items=[
        Item(item_id=f"i{n}", title="t", category=["tea", "tea", "soap", ""][n]) for n in range(4)
    ])  # fmt: skip
    view, half = shop.catalog.view(), 120 * 86_400 * np.log(2)
    entry = first(0, EventType.PURCHASE.code, 0.0)
    record = np.frombuffer(bytes(SIZE) + entry, ENTRY)
    now, later = (
        mix_of(record, time, view, np.array([1, 2, 3]), np.float32([1, 1, 8])) for time in (0.0, half)
    )
    names = [view.categories.name(int(view.category[row])) for row in (1, 2)]
    tea, soap = (int(now.codes[names.index(name)]) for name in ("tea", "soap"))
    assert now.codes[2] == 2
    # One event, and two of the prior: half of each, of what has a category.
    assert now.wanted[[tea, soap]] == pytest.approx([2 / 3, 1 / 3], abs=0.01)
    assert later.wanted[[tea, soap]] == pytest.approx([1.5 / 2.5, 1 / 2.5], abs=0.01)


def row_of_brands(**settings_):
    """``ruled.house`` of 40 items in four categories, ten of the best of c0 in a row."""
    items = [
        Item(item_id=f"i{n}", title=f"thing {n}", category=f"c{n // 10}", brand=f"b{n // 10}")
        for n in range(40)
    ]
    made = house(40, items=items)
    variety = Variety(VarietySettings(**settings_))
    made.recommender.personal = PersonalLists(made.recommender.personal.seen, None, None, variety)
    return made


def kinds(shown):
    return [int(item[1:]) // 10 for item in shown]


def test_a_list_is_more_various_and_every_placement_has_its_own_settings():
    made = row_of_brands(likeness=5.0, placements={"cart": PlaceVariety(likeness=0.0)})
    assert len(set(kinds(made.list("anna", 8)))) >= 3
    cart = made.recommender.recommend("anna", 8, "cart", NOW)
    assert {one.item_id for one in cart.items} == {f"i{n}" for n in range(8)}
    # A kept list of one placement is not that of another one.
    assert len(set(kinds(made.list("anna", 8)))) >= 3


def test_every_item_of_a_list_has_its_own_reason_and_score():
    made = row_of_brands(likeness=5.0)
    plain = row_of_brands()
    plain.list("anna", 40)
    told = {one.item_id: one for one in plain.lists.rows[-1].items}
    made.list("anna", 8)
    for one in made.lists.rows[-1].items:
        assert one.score == pytest.approx(told[one.item_id].score, rel=1e-5)
        assert one.reason.kind == told[one.item_id].reason.kind


@pytest.mark.parametrize("weight", ["less", "more"])
def test_a_correction_has_the_places_that_it_has_without_variety(weight):
    wish = [Correction(kind="category", name="c0" if weight == "less" else "c2", weight=weight)]
    found = []
    for likeness in (0.0, 50.0):
        made = row_of_brands(likeness=likeness, rare=1.0 if likeness else 0.0)
        made.corrections.set("anna", wish)
        found.append(kinds(made.list("anna", 20)))
    about = 0 if weight == "less" else 2
    assert [kind == about for kind in found[0]] == [kind == about for kind in found[1]]
    assert found[0] != found[1]


def test_never_and_exclusions_hold_and_pins_stay():
    made = row_of_brands(likeness=50.0).under(
        row("first", "pin", 1, brand='"b3"'), row("out", "exclude", brand='"b1"')
    )
    made.corrections.set("anna", [Correction(kind="category", name="c2", weight="never")])
    shown = kinds(made.list("anna", 10, exclude=["i0"]))
    assert shown[0] == 3
    assert set(shown) <= {0, 3}
    assert "i0" not in made.list("anna", 10, exclude=["i0"])


def test_what_a_rule_boosts_keeps_its_places_and_says_so():
    boost = row("b2 first", "boost", 3, brand='"b2"')
    plain, made = row_of_brands().under(boost), row_of_brands(likeness=50.0).under(boost)
    before, after = plain.list("anna", 12), made.list("anna", 12)
    assert [kind == 2 for kind in kinds(before)] == [kind == 2 for kind in kinds(after)]
    said = [one.reason.rule for one in made.lists.rows[-1].items]
    assert [bool(rule) for rule in said] == [kind == 2 for kind in kinds(after)]


def shared(attribute="brand", **settings_):
    """Thirty items of three sellers; the first one's are what anna likes best."""
    items = [
        Item(item_id=f"i{n}", title=f"thing {n}", brand=f"b{n // 10}", attributes={"seller": f"s{n // 10}"})
        for n in range(30)
    ]
    made = house(30, items=items)
    given_ = VarietySettings(attribute=attribute, **settings_)
    exposure = Exposure(given_, Groups(made.catalog, attribute))
    made.recommender._exposure = exposure
    made.recommender._sink = CountedLists(made.recommender._sink, exposure, made.catalog.view)
    return made


def shares(made, n, lists, person="anna"):
    found = [int(item[1:]) // 10 for _ in range(lists) for item in made.list(person, n)]
    return np.bincount(found, minlength=3) / len(found)


@pytest.mark.parametrize("attribute", ["brand", "seller"])
@pytest.mark.parametrize("person", ["anna", None])
def test_limits_and_floors_hold_over_many_lists(attribute, person):
    group = "b" if attribute == "brand" else "s"
    free = shares(shared(), 5, 4)
    assert free.tolist() == [1.0, 0.0, 0.0]
    found = shares(shared(attribute, limits={f"{group}0": 0.5}, floors={f"{group}2": 0.1}), 5, 40, person)
    assert found[0] <= 0.5 + CREDIT / 200
    assert found[2] >= 0.1 - CREDIT / 200
    assert found.sum() == pytest.approx(1.0)


def test_a_limit_for_each_group_holds():
    found = shares(shared(limits={"*": 0.4}), 5, 40)
    assert (found <= 0.4 + CREDIT / 200).all()


def test_a_share_smaller_than_a_place_comes_now_and_then():
    made = shared(floors={"b2": 0.05})
    found = [sum(item >= "i2" and len(item) == 3 for item in made.list("anna", 4)) for _ in range(40)]
    assert set(found) == {0, 1}
    assert sum(found) == pytest.approx(0.05 * 160, abs=1)


def test_a_limit_leaves_no_place_empty():
    made = shared(limits={"*": 0.0})
    assert len(made.list("anna", 5)) == 5


def test_a_floor_brings_nothing_that_must_not_be_shown_or_is_wanted_less():
    made = shared(floors={"b2": 0.5})
    made.catalog.upsert([Item(item_id=f"i{n}", brand="b2", available=False) for n in range(20, 25)])
    shown = {item for _ in range(10) for item in made.list("anna", 6, exclude=["i25", "i26"])}
    assert shown & {"i27", "i28", "i29"}
    assert not shown & {f"i{n}" for n in range(20, 27)}
    made.corrections.set("anna", [Correction(kind="brand", name="b2", weight="less")])
    before = shared()
    before.corrections.set("anna", [Correction(kind="brand", name="b2", weight="less")])
    assert kinds(made.list("anna", 6)) == kinds(before.list("anna", 6))


def test_pins_stay_where_shares_are_wanted():
    made = shared(limits={"b0": 0.2}).under(row("first", "pin", 1, items='"i9"'))
    assert made.list("anna", 5)[0] == "i9"


def test_lists_that_no_shopper_sees_do_not_count():
    made = shared(floors={"b2": 0.2})
    for _ in range(20):
        made.recommender.rehearse("anna", 5, NOW)
        made.recommender.recommend("anna", 5, "console", NOW)
    exposure = made.recommender._exposure
    assert exposure._spent == {}
    made.list("anna", 4)
    assert {name: held._owed for name, held in exposure._spent.items()} == {
        "home": {"b2": pytest.approx(0.8)}
    }


def test_placements_of_any_name_do_not_pile_up():
    made = shared(limits={"b0": 0.3})
    exposure = made.recommender._exposure
    for place in range(3 * APART):
        made.recommender.recommend("anna", 5, f"banner-{place}", NOW)
    assert len(set(exposure._spent) - {""}) == APART
    # Those without accounts of their own have some together, and so the limit holds of them too.
    found = [
        one.item_id
        for place in range(40)
        for one in made.recommender.recommend("anna", 5, f"other-{place}", NOW).items
    ]
    assert sum(int(item[1:]) < 10 for item in found) <= 0.3 * 200 + CREDIT


def test_accounts_that_are_even_are_not_kept():
    made = shared(floors={"b2": 0.2})
    made.list("anna", 5)
    assert made.recommender._exposure._spent == {}


def test_a_share_below_one_place_does_not_put_what_is_in_no_group_before_the_best():
    made = shared(limits={"*": 0.1})
    made.catalog.upsert([Item(item_id=f"i{n}", title="loose") for n in range(25, 30)])
    assert made.list("anna", 5)[0] == "i0"
    found = [made.list("anna", 5) for _ in range(40)]
    first = [item for items in found for item in items if int(item[1:]) < 10]
    assert len(first) <= 0.1 * 205 + 1


def test_a_seller_that_changes_is_heard_of_and_a_disk_that_fails_costs_only_the_shares(monkeypatch):
    made = shared("seller", floors={"s9": 0.4})
    assert shares(made, 5, 4).tolist() == [1.0, 0.0, 0.0]
    made.catalog.upsert([Item(item_id="i29", title="thing 29", attributes={"seller": "s9"})])
    assert "i29" in made.list("anna", 5)

    def broken(_):
        raise StorageError("disk")

    monkeypatch.setattr(made.store, "many", broken)
    made.catalog.upsert([Item(item_id="i28", title="new", attributes={"seller": "s9"})])
    assert len(made.list("anna", 5)) == 5


@pytest.mark.parametrize(
    "text", ["floors = {a = 0.6, b = 0.6}", "limits = {a = 0.1}\nfloors = {a = 0.2}",
             "limits = {'*' = 0.1}\nfloors = {a = 0.2}", "likeness = -1"]
)  # fmt: skip
def test_settings_that_cannot_hold_are_refused(text):
    with pytest.raises(SettingsError):
        parse_settings(f"[variety]\n{text}")


def test_hidden_things_stay_hidden_under_every_setting():
    made = row_of_brands(likeness=10.0, mix=10.0, rare=10.0)
    made.recommender.personal.seen = SeenFilter(RecommendSettings(repeats="never"), made.rates)
    assert "i0" not in made.list("anna", 40)
    assert len(set(made.list("anna", 40))) == 39


def test_what_suits_somebody_is_asked_once_a_list_and_only_where_a_place_is_open(monkeypatch):
    asked = []

    def suited(person, view, scores):
        asked.append(person)
        return scores

    made = shared(floors={"b2": 0.5}).under(row("first", "pin", 1, items='"i29"'))
    made.recommender._filling = Filling(made.popularity, suited, lambda _: None)
    calls, best = [], Filling._best
    monkeypatch.setattr(Filling, "_best", lambda *given: calls.append(given[-1]) or best(*given))
    assert len(made.list("somebody new", 2)) == 2
    assert len([room for room in calls if room]) > 1
    assert asked == ["somebody new"]
    made.list("another", 2)
    assert asked == ["somebody new", "another"]


def reads(made, monkeypatch):
    """Items that were read of the catalogue's store, as they come."""
    found, many = [], made.store.many
    monkeypatch.setattr(made.store, "many", lambda ids: found.extend(ids) or many(ids))
    return found


def test_groups_are_read_before_a_list_asks_for_them(monkeypatch):
    made = shared("seller", floors={"s2": 0.2})
    made.catalog.upsert([Item(item_id="i29", title="thing 29", attributes={"seller": "s9"})])
    read = reads(made, monkeypatch)
    made.recommender.follow_catalogue()
    assert len(read) == 30
    made.list("anna", 5)
    assert len(read) == 30


def test_who_holds_an_earlier_view_does_not_have_all_read_again(monkeypatch):
    made = shared("seller", floors={"s2": 0.2})
    groups, before = made.recommender._exposure._groups, made.catalog.view()
    groups.at(before)
    made.catalog.upsert([Item(item_id="i30", title="thing 30", attributes={"seller": "s9"})])
    after = groups.at(made.catalog.view())
    assert after.names[after.codes[30]] == "s9"
    read = reads(made, monkeypatch)
    assert len(groups.at(before).codes) == len(before) == 30
    assert groups.at(made.catalog.view()).codes.tolist() == after.codes.tolist()
    assert read == []


def test_while_groups_are_read_others_have_those_from_before():
    made = shared("seller", floors={"s2": 0.2})
    groups = made.recommender._exposure._groups
    before = groups.at(made.catalog.view())
    made.catalog.upsert([Item(item_id="i30", title="thing 30", attributes={"seller": "s9"})])
    with groups._lock:
        assert groups.at(made.catalog.view()).codes.tolist() == [*before.codes.tolist(), -1]
    assert groups.at(made.catalog.view()).codes[30] >= 0
