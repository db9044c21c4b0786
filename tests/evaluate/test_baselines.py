"""Baselines against brute force; and none looks into the future."""

from collections import Counter

import numpy as np
import pytest
from evaluation_worlds import BUY, DAY, VIEW, shop, training, world
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.evaluate.baselines import (
    ItemKnn,
    LastTouched,
    PersonalFrequency,
    Popular,
    RecentlyPopular,
    baselines,
)
from penchant.evaluate.baselines.popularity import tie_prior
from penchant.evaluate.protocols import time_split
from penchant.evaluate.recommender import Contexts, Recommender
from penchant.model.histories import Histories

ITEMS = 30


def ask(model: Recommender, histories: Histories, contexts: Contexts, block: int = 5) -> np.ndarray:
    return np.concatenate([scores.copy() for _, scores in model.score_blocks(histories, contexts, block)])


def bought(histories: Histories, person: int, end: int) -> list[int]:
    span = slice(histories.offsets[person], end)
    return histories.items[span][(histories.types[span] == BUY) & (histories.items[span] >= 0)].tolist()


@pytest.mark.parametrize("model", baselines(), ids=lambda model: model.name)
@pytest.mark.parametrize("seed", range(4))
def test_nothing_after_the_moment_changes_a_score(model: Recommender, seed: int) -> None:
    histories = shop(seed)
    split = time_split(histories)
    model.fit(training(split.train, ITEMS, histories))
    contexts = split.questions.contexts
    whole = ask(model, histories, contexts)
    for row in range(0, len(contexts), 3):
        person, end, moment = contexts.people[row], contexts.ends[row], contexts.times[row]
        index = np.arange(histories.events)
        known = (histories.times < moment) | ((histories.person_of_event() == person) & (index < end))
        past = histories.keep(known)
        one = Contexts(np.array([person]), np.array([known[:end].sum()]), np.array([moment]))
        assert np.array_equal(ask(model, past, one)[0], whole[row])


@pytest.mark.parametrize("model", baselines(), ids=lambda model: model.name)
def test_order_and_size_of_blocks_do_not_matter(model: Recommender) -> None:
    histories = shop(3)
    split = time_split(histories)
    model.fit(training(split.train, ITEMS, histories))
    contexts = split.questions.contexts
    order = np.random.default_rng(0).permutation(len(contexts))
    straight = ask(model, histories, contexts, block=4)
    assert np.allclose(straight[order], ask(model, histories, contexts.take(order), block=7), atol=1e-4)


@pytest.mark.parametrize("model", baselines(), ids=lambda model: model.name)
def test_fitting_again_forgets(model: Recommender) -> None:
    contexts = time_split(shop(1)).questions.contexts
    model.fit(training(shop(2), ITEMS))
    model.fit(training(shop(1), ITEMS))
    again = ask(model, shop(1), contexts)
    fresh = type(model)()
    fresh.fit(training(shop(1), ITEMS))
    assert np.array_equal(again, ask(fresh, shop(1), contexts))


def test_popular_counts_purchases_of_the_training_part() -> None:
    histories = shop(5)
    split = time_split(histories)
    model = Popular()
    model.fit(training(split.train, ITEMS))
    counts = Counter(split.train.items[split.train.types == BUY].tolist())
    row = ask(model, histories, split.questions.contexts)[-1]
    assert row.tolist() == [counts[item] for item in range(ITEMS)]


@settings(max_examples=20)
@given(seed=st.integers(0, 500))
def test_recent_popularity_counts_the_days_before_each_moment(seed: int) -> None:
    histories = shop(seed)
    split = time_split(histories)
    model = RecentlyPopular(days=7)
    model.fit(training(split.train, ITEMS))
    contexts = split.questions.contexts
    scores = ask(model, histories, contexts)
    for row, moment in enumerate(contexts.times):
        window = (histories.times < moment) & (histories.times >= moment - 7 * DAY) & (histories.types == BUY)
        counts = np.bincount(histories.items[window & (histories.items >= 0)], minlength=ITEMS)
        assert np.floor(scores[row]).tolist() == counts.tolist()


@settings(max_examples=20)
@given(seed=st.integers(0, 500))
def test_personal_frequency_counts_what_the_person_took_so_far(seed: int) -> None:
    histories = shop(seed)
    split = time_split(histories)
    model = PersonalFrequency()
    model.fit(training(split.train, ITEMS))
    contexts = split.questions.contexts
    scores = ask(model, histories, contexts)
    for row in range(len(contexts)):
        counts = Counter(bought(histories, contexts.people[row], contexts.ends[row]))
        assert np.floor(scores[row]).tolist() == [counts[item] for item in range(ITEMS)]


def test_what_a_person_never_took_is_ordered_by_popularity() -> None:
    histories = world([(0, 0, 4, BUY, 0), (1, 0, 2, BUY, 1), (1, 1, 2, BUY, 2), (1, 2, 3, BUY, 3)])
    model = PersonalFrequency()
    model.fit(training(histories, 5))
    row = ask(model, histories, Contexts(np.array([0]), np.array([1]), np.array([DAY])))[0]
    assert np.argsort(-row, kind="stable").tolist() == [4, 2, 3, 0, 1]


def test_tie_prior_keeps_order_and_stays_below_one_next_to_large_counts() -> None:
    counts = np.random.default_rng(0).integers(0, 3_000, 5_000)
    prior = tie_prior(counts)
    assert prior.max() < 1
    order = np.argsort(counts, kind="stable")
    at_500 = (np.float32(500) + prior)[order]
    assert (np.diff(at_500) >= 0).all()
    assert len(np.unique(at_500)) == len(np.unique(counts))


@settings(max_examples=15)
@given(seed=st.integers(0, 500))
def test_knn_against_brute_force(seed: int) -> None:
    histories = shop(seed)
    split = time_split(histories)
    model = ItemKnn(k=ITEMS, shrink=2.0)
    model.fit(training(split.train, ITEMS))
    taken = np.zeros((histories.people, ITEMS))
    for person in range(histories.people):
        taken[person, bought(split.train, person, split.train.offsets[person + 1])] = 1
    common = taken.T @ taken
    size = np.sqrt(np.outer(np.diag(common), np.diag(common)))
    cosine = np.divide(common, size, out=np.zeros_like(common), where=size > 0) * common / (common + 2.0)
    cosine[np.diag_indices(ITEMS)] = np.diag(common) > 0
    contexts = split.questions.contexts
    scores = ask(model, histories, contexts)
    for row in range(len(contexts)):
        history = bought(histories, contexts.people[row], contexts.ends[row])
        assert scores[row] == pytest.approx(cosine[history].sum(axis=0), abs=1e-4)


def test_knn_keeps_only_the_nearest() -> None:
    histories = world([(p, i, item, BUY, 0) for p in range(3) for i, item in enumerate([0, 1, 2][: p + 1])])
    model = ItemKnn(k=2, shrink=0.0)
    model.fit(training(histories, 3))
    row = ask(model, histories, Contexts(np.array([0]), np.array([1]), np.array([99 * DAY])))[0]
    assert row[0] == 1
    assert (row[1] > 0, row[2]) == (True, 0)


def company(planted: bool, seed: int = 0) -> Histories:
    """Who takes an even item takes the odd one after it too; or, destroyed, any odd one."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(300):
        for day, pair in enumerate(rng.choice(10, 3, replace=False)):
            other = pair if planted else rng.integers(0, 10)
            rows += [
                (person, 2 * day, 2 * pair, BUY, 2 * day),
                (person, 2 * day + 1, 2 * other + 1, BUY, 2 * day + 1),
            ]
    return world([(int(p), float(d), int(i), k, int(b)) for p, d, i, k, b in rows])


@pytest.mark.parametrize("planted", [True, False])
def test_knn_finds_planted_company_and_nothing_where_there_is_none(planted: bool) -> None:
    model = ItemKnn(k=20)
    model.fit(training(company(planted), 20))
    asked = world([(person, 0.0, 2 * person, BUY, 0) for person in range(10)])
    contexts = Contexts(np.arange(10), np.arange(10) + 1, np.full(10, 99 * DAY))
    scores = ask(model, asked, contexts)[:, 1::2]
    right = (scores.argmax(axis=1) == np.arange(10)).mean()
    assert right == 1.0 if planted else right <= 0.5


def test_last_touched_is_the_newest_of_any_type_first() -> None:
    rows = [(0, 0, 1, BUY, 0), (0, 1, 2, VIEW, 1), (0, 2, 3, BUY, 2), (0, 3, 2, VIEW, 3), (0, 4, 9, BUY, 4)]
    rows += [(1, day, 5, BUY, 10 + day) for day in range(3)]
    histories = world(rows)
    model = LastTouched(last=3)
    model.fit(training(histories, 10))
    contexts = Contexts(np.array([0, 1]), np.array([4, 5]), np.array([4.0, 0.0]))
    ((_, scores),) = model.score_blocks(histories, contexts, 10)
    order = np.argsort(-scores, axis=1, kind="stable")
    assert order[0, :3].tolist() == [2, 3, 5]  # of the last three events; then the most popular one
    assert order[1, 0] == 5
    assert scores[0, 1] < 1  # too long ago
