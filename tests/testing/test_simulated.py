from dataclasses import fields, replace

import numpy as np
import pytest
from simulated_shops import SMALL, at, drawn, mixture_at, moved, shop_of

from penchant.errors import InvalidInput
from penchant.testing.simulated import Shock, SimulatedSettings, SimulatedShop
from penchant.types import EventType

STILL = SMALL.still()


def same(one, other) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name), equal_nan=field.name == "values")
        for field in fields(one)
    )


def test_a_seed_gives_one_shop_and_another_seed_another() -> None:
    again = SimulatedShop(SMALL)
    assert same(again.draw(), drawn())
    assert same(again.draw(), drawn())
    assert np.array_equal(again.goods.text_vectors, shop_of().goods.text_vectors)
    other = replace(SMALL, seed=1)
    assert not np.array_equal(drawn(other).items, drawn().items)
    assert not np.array_equal(shop_of(other).goods.own, shop_of().goods.own)


def test_the_shop_is_frozen() -> None:
    """What was tuned on this shop was tuned on these figures: whoever changes them starts anew."""
    shop = shop_of(SimulatedSettings())
    assert shop.sharpness == pytest.approx(2.3628, abs=0.001)
    assert shop.goods.titles[0] == "Rough modern small detective story"
    shares = shop.taste.mixture(np.array([0]), np.array([at(shop, 0.9)]))[0, [0, 16, 17]]
    assert shares == pytest.approx([0.1542, 0.1476, 0.4646], abs=0.0005)
    assert drawn(shop.settings).items[:5].tolist() == [1516, 979, 307, 979, 1412]


def test_histories_are_what_models_expect() -> None:
    histories, person = drawn(), drawn().person_of_event()
    assert (histories.people, histories.events) == (SMALL.people, SMALL.events)
    assert histories.lengths().min() >= 1
    assert histories.lengths().max() > 5 * np.median(histories.lengths())
    steps, same_person = np.diff(histories.times), np.diff(person) == 0
    assert (steps[same_person] >= 0).all()
    assert np.array_equal(np.diff(histories.baskets) == 0, same_person & (steps == 0))
    assert histories.times.min() >= SMALL.start
    assert histories.times.max() < shop_of().taste.edges[-1]


def test_what_is_taken_follows_the_probabilities() -> None:
    """The log loss of the truth is its entropy, and nothing but the truth has that."""
    shop, histories = shop_of(replace(SMALL, basket=1.0)), drawn(replace(SMALL, basket=1.0))
    truth = shop.probabilities(histories.person_of_event(), histories.times).astype(np.float64)
    assert np.allclose(truth.sum(axis=1), 1, atol=1e-5)
    logs = np.log(np.maximum(truth, 1e-300))
    loss = -logs[np.arange(len(truth)), histories.items]
    beyond = loss + (truth * logs).sum(axis=1)
    assert abs(beyond.mean()) < 4 * beyond.std() / np.sqrt(len(beyond))
    stranger = -logs[np.arange(len(truth)), np.roll(histories.items, 500)]
    assert stranger.mean() > loss.mean() + 1


def test_new_items_arrive_and_are_not_taken_before() -> None:
    shop, histories = shop_of(), drawn()
    arrivals = shop.goods.arrivals
    late = arrivals > SMALL.start
    assert late.sum() == round(SMALL.new_items * SMALL.items)
    assert (np.diff(arrivals) >= 0).all()
    assert (histories.times >= arrivals[histories.items]).all()
    taken = late[histories.items]
    assert 0.01 < taken.mean() < SMALL.new_items
    halfway = shop.probabilities(np.arange(50), at(shop, 0.5))
    awake = shop.goods.interests != shop.taste.returning_interest
    assert np.array_equal(halfway.max(axis=0)[awake] > 0, arrivals[awake] <= at(shop, 0.5))
    assert not shop_of(STILL).goods.arrivals.max() > SMALL.start


def test_a_new_item_is_taken_by_the_people_who_want_it() -> None:
    shop, histories = shop_of(), drawn()
    person, places, shuffled = histories.person_of_event(), [], []
    rng = np.random.default_rng(0)
    for event in np.flatnonzero(shop.goods.arrivals[histories.items] > SMALL.start)[:200]:
        wanting = shop.wanting(int(histories.items[event]), float(histories.times[event]))
        places.append((wanting < wanting[person[event]]).mean())
        shuffled.append((wanting < wanting[rng.integers(SMALL.people)]).mean())
    assert np.mean(places) > 0.85
    assert np.mean(shuffled) < 0.6


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_shock_changes_those_who_change_and_nobody_else(share: float) -> None:
    calm, shaken = replace(SMALL, shock=None), replace(SMALL, shock=Shock(at=0.6, people=share))
    shop, histories, before = shop_of(shaken), drawn(shaken), drawn(calm)
    changed = shop.taste.changed
    assert changed.sum() == round(share * SMALL.people)
    assert shop.taste.shock == at(shop, 0.6)
    other = histories.items != before.items
    after = histories.times >= shop.taste.shock
    touched = changed[histories.person_of_event()] & after
    assert not other[~touched].any()
    assert other[touched].mean() > 0.8
    assert np.array_equal(mixture_at(shop, 0.59), mixture_at(shop_of(calm), 0.59))
    assert np.array_equal(mixture_at(shop, 0.61)[~changed], mixture_at(shop_of(calm), 0.61)[~changed])
    assert moved(shop, 0.599, 0.6)[changed].mean() > 0.5
    people = np.arange(SMALL.people)
    old, new = (shop.taste.wish(people, np.full(SMALL.people, at(shop, when))) for when in (0.599, 0.6))
    alike = (old * new).sum(axis=1)
    assert abs(alike[changed].mean()) < 0.15
    assert alike[~changed].min(initial=1.0) > 0.99


def test_without_a_shock_nobody_changes() -> None:
    taste = shop_of(STILL).taste
    assert not taste.changed.any()
    assert taste.shock == np.inf


def test_an_interest_sleeps_and_returns() -> None:
    shop, histories = shop_of(), drawn()
    taste = shop.taste
    theirs = shop.goods.interests[histories.items] == taste.returning_interest
    mine = np.isin(histories.person_of_event(), taste.returning)
    (first, second), edges = taste.awake, taste.edges
    assert (first, second) == ((edges[0], edges[1]), (edges[9], edges[10]))
    asleep = (histories.times >= first[1]) & (histories.times < second[0])
    assert len(taste.returning) == SMALL.returning * SMALL.people
    assert not theirs[asleep | ~mine].any()
    for begin, end in taste.awake:
        awake = (histories.times >= begin) & (histories.times < end) & mine
        assert 0.35 < theirs[awake].mean() < 0.65
    without = shop_of(STILL)
    assert (len(without.taste.returning), without.taste.returning_interest) == (0, -1)


def test_who_returns_is_not_shaken_unless_everybody_is() -> None:
    assert not shop_of().taste.changed[shop_of().taste.returning].any()


def test_a_fashion_lifts_one_interest_and_passes() -> None:
    plain, shop = shop_of(replace(SMALL, fashion=0.0)), shop_of()
    kind, (begin, end) = shop.taste.fashion_interest, shop.taste.fashion
    height = mixture_at(shop, 0.4)[:, kind] - mixture_at(plain, 0.4)[:, kind]
    assert 0.15 < height.mean() <= SMALL.fashion
    for share in (0.1, 0.29, 0.51, 0.9):
        assert np.array_equal(mixture_at(shop, share), mixture_at(plain, share))
    kinds, times = shop.goods.interests[drawn().items], drawn().times
    during = (times > begin) & (times < end)
    assert (kinds == kind)[during].mean() > (kinds == kind)[~during].mean() + 0.05
    assert plain.taste.fashion_interest == -1


def test_tastes_drift_as_far_as_the_settings_say() -> None:
    far = [moved(shop_of(replace(STILL, drift=drift)), 0.0, 1.0).mean() for drift in (0.0, 0.3, 1.0)]
    assert far[0] == 0
    assert 0.15 < far[1] < 0.3
    assert far[2] > 0.6
    drifting = shop_of(replace(STILL, drift=1.0))
    people = np.arange(SMALL.people)
    wishes = [drifting.taste.wish(people, np.full(SMALL.people, at(drifting, s))) for s in (0.0, 0.1, 1.0)]
    assert (wishes[0] * wishes[1]).sum(axis=1).min() > 0.9
    assert abs((wishes[0] * wishes[2]).sum(axis=1).mean()) < 0.1


def test_a_season_comes_again_after_a_year() -> None:
    shop = shop_of(replace(STILL, season=0.5, days=365.0))
    assert moved(shop, 0.0, 1.0).max() < 1e-6
    assert moved(shop, 0.0, 0.5).mean() > 0.05


def test_a_still_shop_never_changes() -> None:
    shop = shop_of(STILL)
    assert max(moved(shop, 0.0, share).max() for share in (0.3, 0.4, 0.7, 1.0)) == 0
    people = np.arange(20)
    assert np.array_equal(*(shop.probabilities(people, at(shop, share)) for share in (0.0, 0.99)))


def test_who_pauses_stays_away() -> None:
    """Visits that are as many as they were leave a longer gap."""

    def longest(settings: SimulatedSettings) -> float:
        histories = drawn(settings)
        gaps = np.diff(histories.times) * (np.diff(histories.person_of_event()) == 0)
        busy = np.flatnonzero(histories.lengths() > 60)
        return float(
            np.median([gaps[histories.offsets[p] :][: histories.lengths()[p] - 1].max() for p in busy])
        )

    assert longest(replace(STILL, pauses=1.0)) > 1.5 * longest(STILL)


def test_visits_that_only_look_are_clicks_of_their_own() -> None:
    histories = drawn(replace(SMALL, clicks=0.3))
    clicked = histories.types == EventType.CLICK.code
    assert 0.25 < clicked.mean() < 0.35
    assert (clicked | (histories.types == EventType.PURCHASE.code)).all()
    assert len(np.unique(histories.baskets[clicked])) == clicked.sum()
    assert len(np.unique(histories.baskets)) < histories.events - 0.1 * (~clicked).sum()


def test_nothing_is_taken_twice_where_repeats_are_off() -> None:
    def repeated(settings: SimulatedSettings) -> float:
        histories = drawn(settings)
        pairs = histories.person_of_event() * SMALL.items + histories.items
        return 1 - len(np.unique(pairs)) / len(pairs)

    few = replace(SMALL, people=1_000)
    assert repeated(few) > 0.2
    assert repeated(replace(few, repeats=False)) < 0.01


def test_a_text_tells_the_interest() -> None:
    goods = shop_of().goods
    half = np.arange(SMALL.items) % 2 == 0

    def right(vectors: np.ndarray) -> float:
        centres = [vectors[half & (goods.interests == kind)].mean(axis=0) for kind in range(SMALL.interests)]
        return float(((vectors[~half] @ np.stack(centres).T).argmax(axis=1) == goods.interests[~half]).mean())

    assert right(goods.text_vectors) > 0.9
    assert right(np.random.default_rng(0).permutation(goods.text_vectors)) < 0.25
    assert np.allclose(np.linalg.norm(goods.text_vectors, axis=1), 1, atol=1e-5)


def test_a_text_tells_what_an_item_is_like_and_a_price_its_level() -> None:
    shop = shop_of(SimulatedSettings(people=50, events=500))
    goods = shop.goods
    kinds = np.eye(shop.settings.interests)[goods.interests]
    known = np.concatenate([goods.text_vectors, kinds], axis=1)
    half = np.arange(len(known)) % 2 == 0
    found = known[~half] @ np.linalg.lstsq(known[half], goods.own[half], rcond=None)[0]
    agreement = [np.corrcoef(found[:, d], goods.own[~half, d])[0, 1] for d in range(goods.own.shape[1])]
    assert min(agreement) > 0.5
    mine = goods.interests == 0
    assert np.corrcoef(np.log(goods.prices[mine]), goods.own[mine, 0])[0, 1] > 0.95


def test_words_tell_the_kind_and_the_strongest_trait() -> None:
    goods = shop_of().goods
    assert len(set(goods.categories)) == SMALL.interests
    first = [title.split()[0] for title in goods.titles]
    luxury = np.array([word == "Luxury" for word in first])
    assert luxury.sum() > 5
    assert (goods.own[luxury, 0] > 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"interests": 5},
        {"items": 99},
        {"people": 0},
        {"blocks": 2},
        {"basket": 0.5},
        {"drift": 1.5},
        {"returning": -0.1},
        {"new_items": 0.6},
        {"shock": Shock(people=1.1)},
        {"shock": Shock(at=-1)},
        {"days": 0.0},
        {"days": float("nan")},
    ],
)
def test_a_shop_that_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        replace(SMALL, **wrong)


def test_a_person_whom_the_shop_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidInput, match="0 to 599"):
        shop_of().probabilities([0, 600], SMALL.start)
    with pytest.raises(InvalidInput, match="one time"):
        shop_of().probabilities([0, 1], [SMALL.start] * 3)
