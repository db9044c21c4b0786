"""What people whom somebody follows took: the sum, the two people, what is kept of it, and the lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recommend.stores import DAY, House

from penchant.errors import StorageError, WouldWait
from penchant.events.follows import Follow
from penchant.model.histories import histories_of
from penchant.model.trend import LiveTrend
from penchant.recommend.circles import Circles
from penchant.recommend.filters import SeenFilter
from penchant.recommend.personal import PersonalLists
from penchant.recommend.ranking.ranker import Desk, Ranker
from penchant.recommend.ranking.serving import Ranking
from penchant.recommend.repeats import RepeatRates
from penchant.recommend.sources.choose import BUDGETS, named, sources
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.followed import (
    MOST_FOLLOWED,
    NEWEST,
    NOBODY,
    PastFollowed,
    Takings,
    followed,
    taken,
)
from penchant.recommend.wording import words
from penchant.settings import RecommendSettings
from penchant.testing.follow_fakes import InMemoryFollows
from penchant.types import EventType, Pseudonym, Reason

NOW = 1_000 * DAY


def takings(*pairs):
    """Of (row, days ago)."""
    return Takings(
        np.array([row for row, _ in pairs], np.int64), np.array([NOW - ago * DAY for _, ago in pairs], float)
    )


def test_two_people_must_have_taken_it_and_one_who_took_it_twice_is_one():
    people = [takings((1, 1), (1, 2), (2, 0.5)), takings((2, 3), (3, 1)), takings((2, 1))]
    found = followed(people, NOW, 2)
    assert found.rows.tolist() == [2]
    assert found.strength[0] == pytest.approx(sum(np.exp(-ago / 120) for ago in (0.5, 3, 1)), rel=1e-5)
    assert followed(people, NOW, 3).rows.tolist() == [2]
    assert followed(people, NOW, 4).rows.tolist() == []
    assert followed(people, NOW, 1).rows.tolist() == [1, 2, 3]


def test_what_is_newer_counts_more_and_what_is_to_come_not_at_all():
    found = followed([takings((1, 1), (2, 90), (3, -1), (4, 0))] * 2, NOW, 2)
    assert found.rows.tolist() == [1, 2]
    assert found.strength[0] > found.strength[1]
    assert followed([], NOW, 2) is NOBODY


def test_purchases_carts_and_what_was_liked_are_taken():
    kinds = [EventType.PURCHASE, EventType.CART, EventType.RATING, EventType.RATING, EventType.RATING]
    kinds += [EventType.VIEW, EventType.WISHLIST, EventType.REFUND, EventType.PURCHASE]
    values = [np.nan, np.nan, 4.0, 3.9, np.nan, 5.0, np.nan, np.nan, np.nan]
    items = np.arange(len(kinds), dtype=np.int32)
    items[-1] = -1
    found = taken(items, np.array([kind.code for kind in kinds], np.int8), np.array(values, np.float32))
    assert np.flatnonzero(found).tolist() == [0, 1, 2]


EVENTS = st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(-9, 200)), max_size=8), max_size=6)


@settings(max_examples=100, deadline=None)
@given(people=EVENTS, least=st.integers(1, 3))
def test_it_is_the_sum_that_is_written_down(people, least):
    found = followed([takings(*pairs) for pairs in people], NOW, least)
    told: dict[int, list[float]] = {}
    for pairs in people:
        newest: dict[int, float] = {}
        for row, ago in pairs:
            if ago > 0:
                newest[row] = min(ago, newest.get(row, ago))
        for row, ago in newest.items():
            told.setdefault(row, []).append(float(np.exp(-ago / 120)))
    expected = {row: sum(parts) for row, parts in sorted(told.items()) if len(parts) >= least}
    assert found.rows.tolist() == list(expected)
    assert found.strength.tolist() == pytest.approx(list(expected.values()), rel=1e-5)


def test_of_the_past_only_the_newest_people_and_events_are_looked_at():
    many = MOST_FOLLOWED + 5
    shop = histories_of([[0], *([one % 7] for one in range(many))])
    pairs = np.array([[0, 1 + one] for one in range(many)])
    counts = PastFollowed(shop, pairs, 1).at(0, NOW).strength / np.exp(-NOW / DAY / 120)
    assert counts.sum() == pytest.approx(MOST_FOLLOWED, rel=1e-4)
    long = histories_of([[0], [8] + [9] * NEWEST])
    assert PastFollowed(long, np.array([[0, 1]]), 1).at(0, NOW).rows.tolist() == [9]
    assert PastFollowed(long, np.array([[0, 1]]), 1).at(1, NOW).rows.tolist() == []


class Shelf:
    """Takings by person; counts readings, and calls back within one."""

    def __init__(self):
        self.of, self.reads, self.within = {}, [], lambda: None

    def __call__(self, person):
        self.reads.append(person)
        found = self.of.get(person, takings())
        self.within()
        if isinstance(found, Exception):
            raise found
        return found


def circle(*others, least=1):
    follows, shelf, faults = InMemoryFollows(), Shelf(), []
    follows.put([Follow(user_id=Pseudonym("me"), follows=Pseudonym(one)) for one in others])
    circles = Circles(follows, shelf, least, lambda reason, error: faults.append(reason))
    circles.follow()
    return circles, follows, shelf, faults


def test_a_shop_in_which_nobody_follows_reads_nothing():
    circles, follows, shelf, _ = circle()
    follows.of_person = None  # type: ignore[method-assign, assignment]
    assert circles.of("me", NOW) is NOBODY
    assert shelf.reads == []


def test_it_is_read_once_and_anew_when_they_did_something():
    circles, _, shelf, _ = circle("a", "b")
    shelf.of["a"] = takings((1, 1))
    first = circles.of("me", NOW)
    assert first.rows.tolist() == [1]
    assert circles.of("me", NOW).key == first.key
    assert sorted(shelf.reads) == ["a", "b"]
    shelf.of["b"] = takings((2, 0.5))
    assert circles.of("me", NOW).rows.tolist() == [1]
    circles.heard(["b", "other"])
    after = circles.of("me", NOW)
    assert after.rows.tolist() == [1, 2]
    assert after.key != first.key
    assert sorted(shelf.reads) == ["a", "b", "b"]
    shelf.of["a"] = takings()
    circles.forget("a")
    assert circles.of("me", NOW).rows.tolist() == [2]


def test_pairs_that_come_and_go_are_heard_of():
    circles, follows, shelf, _ = circle("a")
    shelf.of.update(a=takings((1, 1)), b=takings((2, 1)))
    assert circles.of("me", NOW).rows.tolist() == [1]
    follows.replace("me", ["b"])
    circles.follow()
    assert circles.of("me", NOW).rows.tolist() == [2]
    follows.replace("me", [])
    circles.follow()
    assert not circles.any
    assert circles.of("me", NOW) is NOBODY


def test_what_was_read_while_it_changed_is_not_kept():
    circles, _, shelf, _ = circle("a")
    shelf.of["a"] = takings((1, 1))
    shelf.within = lambda: circles.forget("a")
    assert circles.of("me", NOW).rows.tolist() == [1]
    shelf.within = lambda: None
    shelf.of["a"] = takings()
    assert circles.of("me", NOW).rows.tolist() == []
    assert circles.of("me", NOW).rows.tolist() == []
    assert len(shelf.reads) == 2


def test_one_who_cannot_be_read_is_told_of_and_the_others_are_there():
    circles, follows, shelf, faults = circle("a", "b")
    shelf.of.update(a=takings((1, 1)), b=StorageError("the disk is gone"))
    assert circles.of("me", NOW).rows.tolist() == [1]
    assert len(faults) == 1
    shelf.of["b"] = WouldWait("a long past")
    with pytest.raises(WouldWait):
        circles.of("me", NOW)
    shelf.of["b"] = takings((2, 1))
    assert circles.of("me", NOW).rows.tolist() == [1, 2]

    def broken(person, most=None):
        raise StorageError("the disk is gone")

    follows.of_person = broken  # type: ignore[method-assign]
    circles.forget("me")
    assert circles.of("me", NOW) is NOBODY
    assert len(faults) == 2


def test_only_the_newest_of_many_are_looked_up():
    names = [f"p{n}" for n in range(MOST_FOLLOWED + 3)]
    circles, _, shelf, _ = circle(*names)
    circles.of("me", NOW)
    assert sorted(shelf.reads) == sorted(names[3:])


class Planted:
    """Adds ``weight`` times what the source says."""

    def __init__(self, desk, weight=100.0):
        self._at, self._weight = desk.names().index("sources:social"), weight
        self.columns = len(desk.names())

    def predict(self, matrix):
        return np.float32(self._weight) * np.nan_to_num(matrix[:, self._at])


def social_house(circles, with_social=True):
    house = House(np.eye(8, dtype=np.float32), settings=RecommendSettings(repeats="always"))
    facts = Facts.of(histories_of([[0, 1], [1, 0]]), 8, NOW)
    names = tuple(BUDGETS) if with_social else tuple(name for name in BUDGETS if name != "social")
    desk = Desk(facts, sources(names, facts))
    trees = Planted(desk) if with_social else Planted(Desk(facts, sources(tuple(BUDGETS), facts)), 0.0)
    trees.columns = len(desk.names())
    ranking = Ranking(Ranker(desk, trees), LiveTrend())
    seen = SeenFilter(house.settings, RepeatRates())
    house.recommender.personal = PersonalLists(seen, None, ranking, circles=circles)
    return house


def test_it_leads_a_list_with_a_reason_that_names_nobody():
    circles, _, shelf, _ = circle("a", "b", least=2)
    shelf.of.update(a=takings((5, 1), (6, 1)), b=takings((5, 2), (7, 1)))
    house = social_house(circles)
    house.does("me", "i0", at=NOW - 1)
    assert house.list("me", 3, NOW)[0] == "i5"
    reasons = [item.reason for item in house.lists.rows[-1].items]
    assert reasons[0].kind == "followed"
    assert "followed" not in {reason.kind for reason in reasons[1:]}
    assert reasons[0] == Reason(kind="followed")
    assert {words(reasons[0], str), words(reasons[0], str, "zh")} == {
        "Taken by people you follow",
        "您关注的人选了它",
    }
    # At once, within the same minute and without an event of the person's own.
    shelf.of["b"] = takings((6, 1))
    circles.heard(["b"])
    assert house.list("me", 3, NOW)[0] == "i6"
    shelf.of["b"] = takings()
    circles.forget("b")
    house.list("me", 3, NOW)
    assert "followed" not in {item.reason.kind for item in house.lists.rows[-1].items}


def test_a_ranker_without_the_source_does_not_look_anybody_up():
    circles, _, shelf, _ = circle("a", "b")
    house = social_house(circles, with_social=False)
    house.does("me", "i0", at=NOW - 1)
    house.list("me", 3, NOW)
    assert shelf.reads == []


@settings(max_examples=25, deadline=None)
@given(
    taken_rows=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 90)), min_size=1, max_size=10),
    mine=st.integers(0, 7),
)
def test_the_list_of_who_follows_nobody_never_changes(taken_rows, mine):
    circles, _, shelf, _ = circle("a", "b")
    shelf.of.update(a=takings(*taken_rows), b=takings(*taken_rows))
    plain = social_house(None)
    house = social_house(circles)
    for one in (plain, house):
        one.does("loner", f"i{mine}", at=NOW - 1)
    assert house.list("loner", 8, NOW) == plain.list("loner", 8, NOW)
    mine, theirs = (one.lists.rows[-1].items for one in (house, plain))
    assert mine == theirs


def test_it_is_named_in_the_settings():
    assert named("social+again") == ("taste", "again", "social")
