"""The tracker and the pipeline over a trained model in its serving form."""

import numpy as np
import pytest
from tests.recommend.stores import DAY, House

from penchant.adapters.numba_scan import float16_rows, int8_rows
from penchant.model.entries import items_of
from penchant.model.histories import histories_of
from penchant.model.saving import save_snapshot
from penchant.model.serving import load_serving
from penchant.model.settings import ModelSettings
from penchant.model.training import train
from penchant.recommend.reasons import contributions
from penchant.recommend.retrieval import follow
from penchant.recommend.retrieval.follow import Retrieval
from penchant.taste import memory
from penchant.types import EventType

ITEMS = 12


@pytest.fixture(scope="module", params=["recurrent", "lstm", "cnn", "transformer"])
def serving(request, tmp_path_factory):
    """Trained on people who stay in one half of the shop, but for one in three who changes over for good."""
    rng = np.random.default_rng(0)
    person = np.arange(400)[:, None]
    moved = (person % 3 == 0) & (np.arange(12) >= rng.integers(2, 10, (400, 1)))
    halves = rng.integers(0, 6, (400, 12)) + 6 * ((person % 2 == 1) ^ moved)
    text = rng.standard_normal((ITEMS, 16)).astype(np.float32)
    model = train(
        histories_of([row.tolist() for row in halves]),
        text,
        ModelSettings(
            encoder=request.param,
            dim=16,
            layers=1,
            text_dim=8,
            max_epochs=16,
            dropout=0.0,
            discovery=0.0,  # these lists are to show what is remembered
            batch=64,
            lr=0.01,
            threads=1,
        ),
        n_items=ITEMS,
    )
    folder = tmp_path_factory.mktemp("snapshots") / "one"
    save_snapshot(model, folder, id_table_hash="x", id_table_length=ITEMS, log_position=0)
    return load_serving(folder, text)


@pytest.fixture
def house(serving):
    house = House(np.zeros((ITEMS, 2), dtype=np.float32))
    house.tracker.swap(serving, "s1")
    house.model = serving
    return house


def same(model, one, other):
    np.testing.assert_allclose(one.encoder, other.encoder, atol=1e-5)
    np.testing.assert_allclose(model.h(one, 0.0), model.h(other, 0.0), atol=1e-5)
    assert one.events == other.events
    np.testing.assert_array_equal(np.sort(items_of(one.memory)), np.sort(items_of(other.memory)))


def test_followed_equals_read_anew_even_with_late_events(house):
    rng = np.random.default_rng(1)
    kinds = [
        EventType.VIEW,
        EventType.PURCHASE,
        EventType.CLICK,
        EventType.RATING,
        EventType.REMOVE_FROM_CART,
    ]
    for number in range(60):
        at = number * DAY - (40 * DAY if number % 9 == 8 else 0)
        kind = kinds[rng.integers(len(kinds))]
        house.does(
            "p", f"i{rng.integers(ITEMS)}", kind, at=at, value=4.0 if kind is EventType.RATING else None
        )
        house.tracker.read("p")
    followed = house.tracker.read("p")
    house.tracker.forget("p")
    fresh = house.tracker.read("p")
    same(house.model, followed.state, fresh.state)
    at = 61 * DAY
    one, other = (house.model.without_each([read.pasts], at)[0] for read in (followed, fresh))
    np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_array_equal(followed.record, fresh.record)
    assert len(fresh.record) > 1


def test_what_was_done_moves_the_list_to_its_half(house):
    for n in range(4):
        house.does("p", f"i{n}", at=n * DAY)
    assert {int(item[1:]) // 6 for item in house.list("p", 4, 4 * DAY)} == {0}
    for n in range(6, 11):
        house.does("p", f"i{n}", at=n * DAY)
    assert {int(item[1:]) // 6 for item in house.list("p", 4, 11 * DAY)} == {1}


def test_reasons_are_of_the_same_half_and_have_shares(house):
    past = [f"i{n}" for n in (0, 1, 6)]
    for day, item in enumerate(past):
        house.does("p", item, at=day * DAY)
    shown = house.recommender.recommend("p", 2, "home", 10 * DAY, exclude=past).items
    assert {one.reason.kind for one in shown} == {"because-of"}
    named = [(one.item_id, item) for one in shown for item in one.reason.items]
    assert named
    assert np.mean([int(a[1:]) // 6 == int(b[1:]) // 6 for a, b in named]) > 0.7
    assert all(0 <= one.reason.share <= 1 for one in shown)


def test_contributions_are_what_removal_takes_away(house):
    for n in (0, 1, 7, 8):
        house.does("p", f"i{n}", at=n * DAY)
    reading = house.tracker.read("p")
    never_bought = 10
    mine = contributions(reading, 9 * DAY, np.array([never_bought]))[0][0]

    def scored(events) -> float:
        """Beside what lifts all new items alike."""
        model, state = house.model, house.model.encode(events)
        repeats, events = house.model._scorer.repeats, np.array([state.events])
        (lift,) = repeats.lift([state.memory], np.array([False]), events)
        return model.scores(state, 9 * DAY)[never_bought] - lift

    events = list(reading.window)
    drops = [scored(events) - scored(events[:gone] + events[gone + 1 :]) for gone in range(len(events))]
    np.testing.assert_allclose(mine, drops, atol=1e-4)


def test_the_item_on_the_page_is_looked_at_as_in_the_log(house, monkeypatch):
    house.does("p", "i3", at=DAY)
    given, scores = [], house.model.scores_each
    monkeypatch.setattr(
        house.model, "scores_each", lambda people, now: given.extend(people) or scores(people, now)
    )
    house.recommender.recommend("p", 2, "home", 2 * DAY, context_item="i5")
    ((state, _, record, _),) = given
    house.does("p", "i5", EventType.VIEW, at=2 * DAY - 1)
    after = house.tracker.read("p")
    np.testing.assert_array_equal(record, after.record)
    assert (state.events, len(record)) == (after.state.events, 2)


def test_what_is_remembered_is_scored_as_such_and_nothing_else(house):
    house.does("p", "i3", at=DAY)
    state = house.tracker.read("p").state
    scores = house.model.scores(state, 2 * DAY)
    linear = house.model.vectors() @ house.model.h(state, 2 * DAY) + house.model.biases(2 * DAY)
    lift = np.median(scores - linear)  # the same for all that is new
    assert np.flatnonzero(np.abs(scores - linear - lift) > 1e-4).tolist() == [3]
    assert np.flatnonzero(house.model.remembered(state, np.arange(ITEMS))).tolist() == [3]


def test_a_new_item_is_scored_after_growing(house):
    text = np.random.default_rng(2).standard_normal((ITEMS + 1, 16)).astype(np.float32)
    assert house.tracker.grow(text) == 1
    house.does("p", "i3", at=DAY)
    reading = house.tracker.read("p")
    assert len(reading.model.scores(reading.state, DAY)) == ITEMS + 1


@pytest.mark.parametrize("make", [int8_rows, float16_rows])
def test_lists_by_a_packed_form_are_those_of_all_scores(house, make, monkeypatch):
    monkeypatch.setattr(follow, "FEW", 0)
    monkeypatch.setattr(follow, "MORE", -2)
    retrieval, rng, found = Retrieval(lambda _: make, run=lambda work: work()), np.random.default_rng(3), []
    best = retrieval.best
    monkeypatch.setattr(retrieval, "best", lambda *asked: found.append(best(*asked)) or found[-1])
    for number in range(20):
        house.does("p", f"i{rng.integers(ITEMS)}", at=number * DAY)
        for page in (None, "i5"):
            lists = []
            for house.recommender.personal._retrieval in (None, retrieval):
                house.recommender.personal.latest.forget("p")
                shown = house.recommender.recommend("p", 3, "home", (number + 1) * DAY, context_item=page)
                lists.append({one.item_id: one.score for one in shown.items})
            assert list(lists[0]) == list(lists[1])
            assert lists[0] == pytest.approx(lists[1], abs=1e-5)
    assert sum(one is not None for one in found) > 20


def test_who_rested_comes_back_as_who_is_read_anew(house, monkeypatch):
    monkeypatch.setattr(memory, "HOT", 1)
    house.tracker = house.recommender._tracker = house.made_tracker()
    house.tracker.swap(house.model, "s1")
    for number in range(30):
        house.does("p", f"i{number % 5}", at=number * DAY)
        house.does("q", f"i{number % 3}", at=number * DAY)
        if number % 7 == 5:
            house.tracker.read("p")
            house.tracker.read("q")
    assert len(house.tracker) == 2
    rested = house.tracker.read("p")
    house.tracker.forget("p")
    fresh = house.tracker.read("p")
    same(house.model, rested.state, fresh.state)
    rows = np.arange(ITEMS)
    for one, other in zip(
        contributions(rested, 31 * DAY, rows), contributions(fresh, 31 * DAY, rows), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-4)
