from dataclasses import replace

import numpy as np
import pytest
from simulated_shops import SMALL, at, drawn, shop_of

from penchant.errors import InvalidInput
from penchant.testing.simulated import (
    Shock,
    event_records,
    expected_ndcg,
    item_id,
    item_records,
    poisoned,
    tracking_error,
    user_id,
)
from penchant.types import EventType

FORM = ("items", "types", "times", "baskets", "queries")


def test_fakes_are_as_many_as_asked_and_push_what_nobody_wants() -> None:
    histories = drawn()
    bad = poisoned(shop_of(), histories, share=0.01, accounts=0.01, items=5)
    fake = np.isin(bad.histories.person_of_event(), bad.accounts)
    assert fake.sum() == round(0.01 * bad.histories.events) == 121
    assert len(bad.accounts) == round(0.01 * bad.histories.people) == 6
    assert bad.histories.lengths()[bad.accounts].min() >= 1
    assert set(bad.histories.items[fake]) == set(bad.items)
    assert len(bad.items) == 5
    assert set(bad.histories.types[fake]) == {EventType.CLICK.code}
    taken = np.bincount(histories.items, minlength=SMALL.items)
    old = shop_of().goods.arrivals <= SMALL.start
    assert old[bad.items].all()
    assert taken[bad.items].max() <= np.sort(taken[old])[4]


def test_fakes_leave_the_others_as_they_were() -> None:
    histories, bad = drawn(), poisoned(shop_of(), drawn()).histories
    for name in FORM:
        assert np.array_equal(getattr(bad, name)[: histories.events], getattr(histories, name)), name
    assert np.array_equal(bad.offsets[: histories.people + 1], histories.offsets)
    assert bad.offsets[-1] == bad.events
    assert (np.diff(bad.baskets) >= 0).all()
    assert len(np.unique(bad.baskets)) == len(np.unique(histories.baskets)) + bad.events - histories.events
    steps = np.diff(bad.times)[histories.events :][np.diff(bad.person_of_event())[histories.events :] == 0]
    assert (steps >= 0).all()
    assert steps.sum() > 10 * 86_400


def test_fakes_follow_their_seed_and_their_type() -> None:
    one, again, other = (poisoned(shop_of(), drawn(), seed=seed).histories for seed in (0, 0, 1))
    assert np.array_equal(one.times, again.times)
    assert not np.array_equal(one.times, other.times)
    buying = poisoned(shop_of(), drawn(), kind=EventType.PURCHASE).histories
    assert set(buying.types) == {EventType.PURCHASE.code}


@pytest.mark.parametrize("wrong", [{"share": 1.0}, {"accounts": -0.1}, {"share": 0.0}, {"accounts": 0.0}])
def test_fakes_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidInput):
        poisoned(shop_of(), drawn(), **wrong)


def test_events_come_in_order_of_time_and_say_what_the_arrays_say() -> None:
    histories = poisoned(shop_of(), drawn(replace(SMALL, clicks=0.2))).histories
    events = list(event_records(shop_of(), histories))
    times = [event.timestamp for event in events]
    assert times == sorted(times)
    back = sorted(events, key=lambda event: (event.user_id, event.timestamp, event.sequence))
    people = histories.person_of_event()
    assert [event.user_id for event in back] == [user_id(person) for person in people]
    assert [event.item_id for event in back] == [item_id(item) for item in histories.items]
    assert [event.type.code for event in back] == histories.types.tolist()
    bought = [event.session_id for event in back if event.type is EventType.PURCHASE]
    assert len(set(bought)) == len(np.unique(histories.baskets[histories.types == EventType.PURCHASE.code]))
    assert all((event.price is None) == (event.type is EventType.CLICK) for event in events)


def test_items_come_when_they_arrive() -> None:
    shop = shop_of()
    everything = list(item_records(shop))
    assert [item.item_id for item in everything] == [item_id(row) for row in range(SMALL.items)]
    assert [item.title for item in everything] == shop.goods.titles
    assert np.allclose([item.price for item in everything], shop.goods.prices)
    early = list(item_records(shop, at(shop, 0.5)))
    assert early == everything[: (shop.goods.arrivals <= at(shop, 0.5)).sum()]
    assert 0 < len(early) < len(everything)


def test_tracking_error_is_nothing_for_the_truth_and_the_known_loss_otherwise() -> None:
    truth = np.random.default_rng(0).dirichlet(np.ones(7), 5).astype(np.float32)
    assert np.allclose(tracking_error(truth, np.log(truth) + 3), 0, atol=1e-6)
    entropy = -(truth * np.log(truth)).sum(axis=1)
    assert np.allclose(tracking_error(truth, np.zeros_like(truth)), np.log(7) - entropy, atol=1e-5)
    blind = np.log(truth)
    blind[:, 0] = -np.inf
    assert np.isinf(tracking_error(truth, blind)).all()
    uncertain = tracking_error(np.eye(7, dtype=np.float32), np.zeros((7, 7), dtype=np.float32))
    assert np.allclose(uncertain, np.log(7))
    with pytest.raises(InvalidInput, match="shape"):
        tracking_error(truth, truth[:3])


def test_who_does_not_notice_a_shock_loses_track_of_those_who_changed_only() -> None:
    settings = replace(SMALL.still(), shock=Shock(at=0.5, people=0.25))
    shop, people = shop_of(settings), np.arange(SMALL.people)
    truth = shop.probabilities(people, at(shop, 0.5))
    error = tracking_error(truth, np.log(shop.probabilities(people, at(shop, 0.49))))
    assert np.array_equal(error > 1e-6, shop.taste.changed)
    assert np.median(error[shop.taste.changed]) > 1


def test_expected_ndcg_against_brute_force() -> None:
    rng = np.random.default_rng(0)
    truth, scores = (
        rng.dirichlet(np.ones(9), 4).astype(np.float32),
        rng.normal(size=(4, 9)).astype(np.float32),
    )
    order = np.argsort(-scores, axis=1)
    by_hand = [
        sum(row[item] / np.log2(rank + 2) for rank, item in enumerate(ranked[:3]))
        for row, ranked in zip(truth, order, strict=True)
    ]
    assert np.allclose(expected_ndcg(truth, scores, 3), by_hand, atol=1e-6)
    assert (expected_ndcg(truth, truth, 20) <= 1).all()
    nothing = np.full_like(scores, -np.inf)
    assert (expected_ndcg(truth, nothing) == 0).all()
