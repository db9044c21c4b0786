"""What the shop promises: room above popularity, and an oracle that is neither perfect nor blind."""

from dataclasses import replace

import numpy as np
import pytest
from simulated_shops import SMALL, at, drawn, shop_of

from penchant.evaluate.baselines.popularity import Popular
from penchant.evaluate.protocols import Split, pick, time_split
from penchant.evaluate.ranked import rank_questions
from penchant.evaluate.recommender import Contexts, Recommender, Training
from penchant.metrics import relevance_metrics, tie_order
from penchant.testing.simulated import Oracle, Shock, SimulatedSettings, expected_ndcg, still_wanted

MEDIUM = replace(SMALL, people=2_000, items=1_000, interests=12, events=40_000)


def asked(settings: SimulatedSettings, most: int = 1_000) -> Split:
    """Some of the baskets of the last fifth of the time."""
    split = time_split(drawn(settings), at(shop_of(settings), 0.8))
    chosen = np.zeros(len(split.questions), dtype=bool)
    chosen[np.random.default_rng(0).permutation(len(chosen))[:most]] = True
    return replace(split, questions=pick(split.questions, chosen))


def ndcg(model: Recommender, settings: SimulatedSettings) -> float:
    split = asked(settings)
    model.fit(Training(split.train, shop_of(settings).table(), split.target, split.full))
    ranked = rank_questions(model, split, 10, tie_order(settings.items))
    found = relevance_metrics(ranked.ranks, split.questions.owner, len(split.questions), [10])
    return float(np.nanmean(found["ndcg@10"]))


@pytest.mark.parametrize(
    "settings",
    [
        SMALL,
        MEDIUM,
        SimulatedSettings(),
        replace(SMALL, seed=1),
        SMALL.still(),
        replace(SMALL, drift=0.0),
        replace(SMALL, drift=1.0),
        replace(SMALL, season=0.0),
        replace(SMALL, season=1.0),
        replace(SMALL, new_items=0.0),
        replace(SMALL, new_items=0.4),
        replace(SMALL, fashion=0.0),
        replace(SMALL, fashion=0.5),
        replace(SMALL, shock=None),
        replace(SMALL, shock=Shock(people=1.0)),
        replace(SMALL, returning=0.0),
        replace(SMALL, returning=0.4),
        replace(SMALL, pauses=1.0),
        replace(SMALL, basket=1.0),
        replace(SMALL, basket=3.0),
        replace(SMALL, clicks=0.5),
        replace(SMALL, people=1_000, repeats=False),
    ],
    ids=lambda settings: (
        "-".join(
            f"{name}={value}"
            for name in settings.__slots__
            if (value := getattr(settings, name)) != getattr(SMALL, name)
        )
        or "small"
    ),
)
def test_the_oracle_is_good_and_popularity_is_not(settings: SimulatedSettings) -> None:
    oracle = ndcg(Oracle(shop_of(settings)), settings)
    assert 0.2 <= oracle <= 0.5
    assert ndcg(Popular(), settings) <= oracle / 4


def test_what_is_expected_of_the_oracle_is_what_it_gets() -> None:
    settings = replace(SMALL, basket=1.0)
    contexts = asked(settings).questions.contexts
    truth = shop_of(settings).probabilities(contexts.people, contexts.times)
    expected = expected_ndcg(truth, truth)
    found = ndcg(Oracle(shop_of(settings)), settings)
    assert abs(found - expected.mean()) < 4 * 0.45 / np.sqrt(len(expected))


def test_nobody_knows_more_than_the_oracle() -> None:
    """Not even who knows everybody's taste at another time, or somebody else's now."""
    shop, people = shop_of(), np.arange(SMALL.people)
    truth = shop.probabilities(people, at(shop, 0.95))
    best = expected_ndcg(truth, truth)
    for other in (shop.probabilities(people, at(shop, 0.05)), np.roll(truth, 1, axis=0)):
        theirs = expected_ndcg(truth, other)
        assert (theirs <= best + 1e-9).all()
        assert theirs.mean() < 0.8 * best.mean()


def test_where_nothing_is_taken_twice_the_oracle_leaves_out_what_was_taken() -> None:
    settings = replace(SMALL, people=1_000, repeats=False)
    histories = drawn(settings)
    ends = histories.offsets[1:] - 1
    contexts = Contexts(np.arange(settings.people), ends, histories.times[ends])
    truth = shop_of(settings).probabilities(contexts.people, contexts.times)
    left = still_wanted(truth, histories, contexts)
    for person in range(20):
        taken = np.unique(histories.items[histories.offsets[person] : ends[person]])
        assert (left[person, taken] == 0).all()
        assert np.isclose(left[person].sum(), 1, atol=1e-5)
    assert expected_ndcg(left, left).mean() > 1.2 * expected_ndcg(left, truth).mean()
    _, scores = next(Oracle(shop_of(settings)).score_blocks(histories, contexts, 50))
    # A product of fewer rows may add in another order.
    np.testing.assert_allclose(scores, left[:50], rtol=1e-4, atol=1e-8)


def recalled(histories, contexts: Contexts, vectors: np.ndarray) -> np.ndarray:
    """Scores by what a person took in the text's terms: the simplest learner there is."""
    ends = zip(contexts.people, contexts.ends, strict=True)
    liked = np.stack(
        [vectors[histories.items[histories.offsets[p] : end][-20:]].sum(axis=0) for p, end in ends]
    )
    return (liked @ vectors.T).astype(np.float32)


def test_a_simple_learner_finds_the_taste_and_nothing_where_it_is_destroyed() -> None:
    shop, split = shop_of(), asked(SMALL)
    contexts, vectors = split.questions.contexts, shop.goods.text_vectors
    truth = shop.probabilities(contexts.people, contexts.times)
    popular = np.bincount(split.train.items, minlength=SMALL.items).astype(np.float32)
    baseline = expected_ndcg(truth, np.tile(popular, (len(truth), 1))).mean()
    assert expected_ndcg(truth, recalled(split.full, contexts, vectors)).mean() > 2 * baseline
    mixed = np.random.default_rng(0).permutation(split.full.items)
    destroyed = replace(split.full, items=mixed)
    assert expected_ndcg(truth, recalled(destroyed, contexts, vectors)).mean() < 1.2 * baseline


def test_a_new_item_can_be_recommended_as_well_as_an_old_one() -> None:
    shop, histories = shop_of(), drawn()
    late = np.flatnonzero(histories.times >= at(shop, 0.5))
    truth = shop.probabilities(histories.person_of_event()[late], histories.times[late])
    mine = truth[np.arange(len(late)), histories.items[late]]
    hit = (truth > mine[:, None]).sum(axis=1) < 10
    new = shop.goods.arrivals[histories.items[late]] > SMALL.start
    assert new.sum() > 200
    assert hit[new].mean() > 0.8 * hit[~new].mean()
