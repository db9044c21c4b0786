import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recommend.stores import DAY, House

from penchant.privacy.consent import Consent
from penchant.recommend.pipeline import Recommender
from penchant.recommend.repeats import RepeatRates
from penchant.settings import RecommendSettings
from penchant.taste.corrections import Correction
from penchant.types import EventType, Item

NOW = 10 * DAY


def pairs():
    """Eight items: 2k and 2k + 1 are like each other, all else is not."""
    vectors = np.zeros((8, 4), dtype=np.float32)
    for n in range(8):
        vectors[n, n // 2] = 1.0
    return vectors


@pytest.fixture
def house():
    return House(pairs())


def test_a_click_changes_the_list(house):
    house.does("p", "i0", at=NOW)
    assert house.list("p", 2) == ["i0", "i1"]
    house.does("p", "i6", EventType.CLICK, at=NOW + 1)
    house.does("p", "i7", EventType.CLICK, at=NOW + 2)
    assert house.list("p", 2, NOW + 3) == ["i6", "i7"]


def test_without_the_planted_pattern_the_click_changes_nothing():
    house = House(np.ones((8, 4), dtype=np.float32))
    house.does("p", "i0", at=NOW)
    before = house.list("p", 3)
    house.does("p", "i6", EventType.CLICK, at=NOW + 1)
    assert house.list("p", 3, NOW + 2) == before


def test_the_list_is_logged_as_one_row_with_its_reasons(house):
    house.does("p", "i0", at=NOW)
    shown = house.recommender.recommend("p", 3, "home", NOW)
    assert house.lists.rows == [shown]
    assert (shown.recommendation_id, shown.user_id, shown.placement, shown.snapshot) == (
        "r1",
        "p",
        "home",
        "s1",
    )
    assert [(one.position, one.propensity) for one in shown.items] == [(0, 1.0), (1, 1.0), (2, 1.0)]
    assert shown.items[0].reason.kind == "bought-again"
    assert shown.items[1].reason.items == ("i0",)
    assert shown.items[1].reason.share == pytest.approx(1.0, abs=1e-3)


@settings(max_examples=80, deadline=None)
@given(
    sold_out=st.sets(st.integers(0, 7)),
    deleted=st.sets(st.integers(0, 7)),
    excluded=st.sets(st.integers(0, 7)),
    never=st.sets(st.integers(0, 7)),
    context=st.one_of(st.none(), st.integers(0, 7)),
    history=st.lists(st.integers(0, 7), max_size=4),
    known=st.booleans(),
    n=st.integers(1, 12),
)
def test_nothing_is_shown_that_must_not_be(*, sold_out, deleted, excluded, never, context, history, known, n):
    house = House(pairs(), settings=RecommendSettings(repeats="never"))
    for item in history:
        house.does("p", f"i{item}", at=NOW)
    house.list("p")
    house.catalog.upsert([Item(item_id=f"i{k}", available=False) for k in sold_out])
    house.catalog.delete([f"i{k}" for k in deleted])
    house.corrections.set("p", [Correction(kind="item", name=f"i{k}", weight="never") for k in never])
    shown = house.list(
        "p" if known else None,
        n,
        context_item=None if context is None else f"i{context}",
        exclude=[f"i{k}" for k in excluded],
    )
    hidden = sold_out | deleted | excluded | ({context} - {None})
    hidden |= (never | set(history)) if known else set()
    assert not {f"i{k}" for k in hidden} & set(shown)
    assert len(shown) == len(set(shown)) == min(n, 8 - len(hidden))


def test_opting_out_gives_what_a_stranger_gets_and_names_nobody(house):
    for person, item in (("p", "i6"), ("q", "i2"), ("q", "i2"), ("r", "i3")):
        house.does(person, item, at=NOW)
    house.corrections.set("p", [Correction(kind="item", name="i2", weight="never")])
    assert house.list("p", 4) != house.list(None, 4)
    house.consent.set("p", Consent(profiling=False))
    assert house.list("p", 4) == house.list(None, 4) == house.list("somebody-new", 4)
    assert [row.user_id for row in house.lists.rows[-3:]] == ["", "", "somebody-new"]
    assert {row.snapshot for row in house.lists.rows[-3:]} == {""}


def test_strangers_get_what_is_popular_these_days(house):
    for n in range(5):
        house.does(f"p{n}", "i1", at=0.0)
    house.does("q", "i5", at=60 * DAY)
    house.does("r", "i5", at=60 * DAY)
    assert house.list(None, 2, 60 * DAY) == ["i5", "i1"]


def test_a_stranger_of_whom_something_is_known_gets_a_list_by_it():
    house = House(pairs(), words={"country=Peru": pairs()[4]})
    house.does("q", "i2", at=NOW)
    house.attributes.replace({"s": {"country": "Peru"}, "t": {"country": "Chad"}})
    assert set(house.list("s", 2)) == {"i4", "i5"}
    assert [one.reason.kind for one in house.lists.rows[-1].items] == ["about-you"] * 2
    assert house.lists.rows[-1].snapshot == "s1"
    assert house.list("s", 1, context_item="i4") == ["i5"]
    assert house.list("t", 2) == house.list(None, 2)
    house.consent.set("s", Consent(profiling=False))
    assert house.list("s", 2) == house.list(None, 2)


def test_a_stranger_on_a_page_sees_its_category_first(house):
    for n in range(5):
        house.does(f"p{n}", "i1", at=NOW)
    assert set(house.list(None, 2, context_item="i0")) == {"i3", "i6"}


def test_what_is_looked_at_bends_a_known_person_s_list(house):
    house.does("p", "i0", at=0.0)
    assert house.list("p", 2, 90 * DAY)[0] == "i0"
    assert house.list("p", 1, 90 * DAY, context_item="i6") == ["i7"]


def test_without_a_model_everybody_gets_what_is_popular(house):
    house.does("p", "i3", at=NOW)
    house.recommender = Recommender(
        catalog=house.catalog,
        tracker=None,
        popularity=house.popularity,
        seen=house.recommender.personal.seen,
        corrections=house.corrections,
        consent=house.consent,
        sink=house.recommender._sink,
        new_id=house.next_id,
    )
    shown = house.recommender.recommend("p", 2, "home", NOW)
    assert shown.items[0].item_id == "i3"
    assert (shown.snapshot, shown.items[0].reason.kind) == ("", "popular")
    house.recommender.use(house.tracker, house.recommender.personal.seen)
    assert house.recommender.recommend("p", 2, "home", NOW).snapshot == "s1"


def test_bought_items_come_again_only_where_that_is_normal():
    rates = RepeatRates(0.3, {"c0": 0.8, "c1": 0.0})
    house = House(pairs(), settings=RecommendSettings(repeats="auto"), rates=rates)
    house.does("p", "i0", at=NOW)
    house.does("p", "i1", at=NOW)
    shown = house.list("p", 8)
    assert "i0" in shown
    assert "i1" not in shown


def test_what_was_viewed_is_hidden_only_where_the_shop_says_so():
    for hide in (False, True):
        house = House(pairs(), settings=RecommendSettings(repeats="always", hide_viewed=hide))
        house.does("p", "i0", EventType.VIEW, at=NOW)
        assert ("i0" in house.list("p", 8)) is not hide


def test_more_and_less_move_a_category(house):
    house.does("p", "i0", at=NOW)
    house.does("p", "i6", EventType.CLICK, at=NOW)
    assert house.list("p", 1) == ["i0"]
    house.corrections.set("p", [Correction(kind="item", name="i0", weight="less")])
    assert house.list("p", 1) == ["i1"]
    house.corrections.set("p", [Correction(kind="category", name="c1", weight="more")])
    assert house.list("p", 1) == ["i1"]


def test_an_item_that_came_after_training_is_recommended_by_its_text(house):
    house.does("p", "i0", at=NOW)
    house.catalog.upsert([Item(item_id="new", title="new thing")])
    assert "new" not in house.list("p", 8)
    text = np.zeros((9, 4), dtype=np.float32)
    text[8, 0] = 5.0
    assert house.tracker.grow(text) == 1
    assert house.tracker.grow(text) == 0
    assert house.list("p", 1) == ["new"]


def test_an_erased_person_s_next_list_is_a_stranger_s(house):
    house.does("p", "i6", at=NOW)
    house.list("p")
    house.log.events.clear()
    house.tracker.erase_person("p")
    assert house.list("p", 4) == house.list(None, 4)
