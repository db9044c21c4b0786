import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.catalog.view import view_of
from penchant.errors import InvalidInput, SettingsError
from penchant.model.examples import Questions
from penchant.model.histories import Histories, histories_of
from penchant.model.records import Records
from penchant.model.tokens import DAY
from penchant.model.trend import LIFETIMES
from penchant.recommend.ranking.features import GROUPS, matrix, names
from penchant.recommend.ranking.lessons import lists, moments
from penchant.recommend.ranking.ranker import Desk
from penchant.recommend.sources.choose import BUDGETS, named, sources
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.followed import PastFollowed
from penchant.recommend.sources.merge import candidates
from penchant.recommend.sources.moment import Moment
from penchant.types import EventType, Item

N = 12
BUY, VIEW = EventType.PURCHASE.code, EventType.VIEW.code


def view(**brands):
    items = {
        row: Item(item_id=f"i{row}", brand=brands.get(f"i{row}", ""), price=1.0 + row) for row in range(N)
    }
    return view_of(1, [f"i{row}" for row in range(N)], items)


def history(events) -> Histories:
    """Of (person, item, day) purchases, those of a person's day being a basket; in any order."""
    rows = sorted(events, key=lambda e: (e[0], e[2]))
    person = np.array([row[0] for row in rows])
    days = np.array([row[2] for row in rows], float)
    change = np.append(True, (np.diff(person) != 0) | (np.diff(days) != 0))
    counts = np.bincount(person, minlength=person.max() + 1)
    base = histories_of([[0] * int(count) for count in counts])
    return Histories(
        base.offsets,
        np.array([row[1] for row in rows], np.int32),
        base.types,
        days * DAY,
        np.cumsum(change).astype(np.int64),
        base.values,
        base.queries,
    )


def moment(histories, person, day, *, scores=None, allowed=None, look=-1, vectors=None, shop=None):
    begin, end = histories.offsets[person], histories.offsets[person + 1]
    end = begin + np.searchsorted(histories.times[begin:end], day * DAY)
    record = Records.of_moments(histories, np.array([person]), np.array([end])).of(0)
    scores = np.arange(N, 0, -1).astype(np.float32) if scores is None else np.float32(scores)
    allowed = np.ones(N, bool) if allowed is None else allowed
    trend = np.zeros((N, len(LIFETIMES)), np.float32)
    trend[7] = 1.0
    return Moment(day * DAY, shop or view(), scores, trend, allowed, record, look, vectors)


def first(name, histories, at):
    """The strongest item that a source names."""
    (source,) = [one for one in sources(tuple(BUDGETS), facts_of(histories)) if one.name == name]
    found = source.find(at, 3)
    return int(found.rows[np.argmax(found.strength)]) if len(found.rows) else None


def facts_of(histories, until=1e9):
    return Facts.of(histories, N, until)


TOGETHER = [(p, item, day) for p in range(1, 9) for day, item in ((p, 3), (p, 4), (p + 0.5, 5 + p % 3))]


def test_what_lies_in_the_same_baskets_goes_with_the_last_errand():
    shop = history([(0, 3, 20), *TOGETHER])
    assert first("goes-with", shop, moment(shop, 0, 21)) == 4
    apart = history([(0, 3, 20), *((p, item, day + 0.1 * (item == 4)) for p, item, day in TOGETHER)])
    assert first("goes-with", apart, moment(apart, 0, 21)) is None
    assert first("goes-with", apart, moment(apart, 0, 21, look=4)) is None


def test_the_item_on_the_page_is_part_of_the_errand():
    shop = history([(0, 9, 20), *TOGETHER])
    assert first("goes-with", shop, moment(shop, 0, 21)) is None
    assert first("goes-with", shop, moment(shop, 0, 21, look=4)) == 3


def test_what_the_same_people_take_is_named():
    shop = history([(0, 3, 20), *((p, item, p + item) for p in range(1, 9) for item in (3, 8))])
    found = sources(("taste", "alike"), facts_of(shop))[1].find(moment(shop, 0, 21), 3)
    assert set(found.rows.tolist()) == {3, 8}


def test_what_is_due_comes_before_what_was_just_bought():
    weekly = [(p, item, 7 * week) for p in range(6) for item in (1, 2) for week in range(6)]
    shop = history([*weekly, (0, 2, 41)])
    assert first("again", shop, moment(shop, 0, 42)) == 1
    assert first("again", shop, moment(shop, 5, 42)) in (1, 2)


def test_views_are_not_bought_again():
    shop = history([(0, 1, 0), (0, 1, 7)])
    viewed = Histories(
        shop.offsets,
        shop.items,
        np.full(2, VIEW, np.int8),
        shop.times,
        shop.baskets,
        shop.values,
        shop.queries,
    )
    assert first("again", viewed, moment(viewed, 0, 14)) is None


def test_like_the_item_on_the_page_is_named_never_itself():
    vectors = np.eye(N, dtype=np.float32)
    vectors[6] = 5 * vectors[2]
    shop = history([(0, 1, 0)])
    assert first("looked-at", shop, moment(shop, 0, 1, look=2, vectors=vectors)) == 6
    assert first("looked-at", shop, moment(shop, 0, 1, vectors=vectors)) is None


def test_trending_new_and_kin():
    shop = history([(p, item, 0) for p in range(4) for item in range(N - 1)] + [(1, 11, 50)])
    assert first("trending", shop, moment(shop, 0, 60)) == 7
    assert first("new", shop, moment(shop, 0, 60)) == 11
    branded = view(i0="A", i9="A", i5="B")
    late = history([(0, 0, 0), (1, 1, 0)])
    found = sources(("taste", "kin"), facts_of(late))[1].find(moment(late, 0, 60, shop=branded), 3)
    assert set(found.rows.tolist()) == {0, 9}


def test_taste_is_always_there_and_unknown_names_are_refused():
    assert named("new+again") == ("taste", "again", "new")
    with pytest.raises(SettingsError, match="unknown sources"):
        named("again+magic")


@settings(max_examples=60, deadline=None)
@given(allowed=st.lists(st.booleans(), min_size=N, max_size=N), budget=st.integers(0, 4))
def test_no_source_brings_what_may_not_be_shown_nor_more_than_its_budget(allowed, budget):
    shop = history([(0, 3, 20), (0, 4, 20), *TOGETHER])
    all_sources = sources(tuple(BUDGETS), facts_of(shop))
    budgets = dict.fromkeys(BUDGETS, budget)
    at = moment(shop, 0, 21, allowed=np.array(allowed), look=5, vectors=np.eye(N, dtype=np.float32))
    found = candidates(at, all_sources, budgets)
    assert np.array(allowed)[found.rows].all()
    assert (found.named.sum(0) <= budget).all()
    assert found.named.any(1).all()
    assert (np.diff(found.rows) > 0).all()


def test_every_column_has_a_name_and_new_items_have_features():
    shop = history([(0, 3, 20), *TOGETHER])
    desk = Desk(Facts.of(shop, N - 2, 1e9), sources(tuple(BUDGETS), Facts.of(shop, N - 2, 1e9)))
    found, told = desk.lay_out(moment(shop, 0, 21))
    assert told.shape == (N, len(desk.names()))
    assert found.rows.tolist() == list(range(N))
    stranger = moment(history([(1, 3, 20)]), 0, 21)
    assert desk.lay_out(stranger)[1].shape == told.shape


def test_what_columns_say_of_a_planted_case():
    shop = history([(0, 2, 0), (0, 2, 10), (0, 5, 10), (1, 5, 3)])
    facts = facts_of(shop)
    at = moment(shop, 0, 20)
    found = candidates(at, sources(("taste",), facts), {"taste": N})
    told = dict(zip(names(["taste"], list(GROUPS)), matrix(at, found, facts, list(GROUPS)).T, strict=True))
    assert told["taste:rank"].tolist() == pytest.approx(np.log1p(np.arange(N)).tolist())
    assert np.isnan(told["repeat:days"]).sum() == N - 2
    assert told["repeat:count"][2] == pytest.approx(np.log(2))
    assert told["price:price"][3] == pytest.approx(np.log(4.0))
    assert told["item:takers"][5] == pytest.approx(np.log(3))
    assert told["due:lateness"][2] < told["due:lateness"][5] + 1


EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, N - 1), st.integers(0, 40)), min_size=1, max_size=25
)


def told_at(histories, person, day, cut):
    """What a ranker is told just before the first event of a person from ``day`` on."""
    begin, end = histories.offsets[person : person + 2]
    at = begin + np.searchsorted(histories.times[begin:end], day * DAY)
    asked = Questions(
        np.array([person]), np.array([at]), np.array([day * DAY]), np.array([0, 1]), np.zeros(1, np.int32)
    )
    facts = Facts.of(histories, N, cut * DAY)
    desk = Desk(facts, sources(tuple(BUDGETS), facts))
    scores = np.linspace(0, 1, N, dtype=np.float32)[None].copy()
    friends = PastFollowed(histories, np.array([[0, 1], [0, 2], [0, 3], [1, 0]]), 1)
    found = lists(desk, asked, moments(histories, asked, [(slice(0, 1), scores)], view(), followed=friends))
    return found.matrix, found.named


@settings(max_examples=80, deadline=None)
@given(past=EVENTS, future=EVENTS, other=EVENTS, cut=st.integers(0, 40))
def test_no_feature_sees_the_future(past, future, other, cut):
    day = 40
    past = [(p, item, at) for p, item, at in past if at < day] + [(p, 0, -1) for p in range(4)]
    one = history(past + [(p, item, day + at) for p, item, at in future] + [(3, 0, 99)])
    two = history(past + [(p, item, day + at) for p, item, at in other] + [(3, 1, 99)])
    for mine, theirs in zip(told_at(one, 0, day, cut), told_at(two, 0, day, cut), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_change_of_the_past_is_seen():
    base = [(p, item, day) for p in range(4) for day, item in ((0, 1), (7, 1), (14, 2))]
    one, two = history(base), history([*base, (1, 5, 15)])
    assert not np.array_equal(told_at(one, 0, 20, 20)[0], told_at(two, 0, 20, 20)[0], equal_nan=True)


def test_facts_of_after_a_list_are_refused():
    with pytest.raises(InvalidInput, match="of after it"):
        told_at(history([(0, 1, 0), (0, 1, 30)]), 0, 20, 21)
