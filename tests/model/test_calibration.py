from dataclasses import replace

import numpy as np
import pytest

from penchant.model.calibration import LEAST, _fitted, _moments, calibrate
from penchant.model.examples import moments
from penchant.model.histories import histories_of
from penchant.model.scoring import Answers, ItemScores, score_blocks
from penchant.model.trend import LIFETIMES, TrendTable
from penchant.model.validation import IDEAL, ndcg

ITEMS, DIM, ASKED = 60, 4, 3 * LEAST
EVEN = np.ones(ASKED)


def planted(rng, asked: int = ASKED, again: float = 0.5):
    """People who remember item 0 and take it ``again`` so often, else a new one that their taste names."""
    vectors = rng.standard_normal((ITEMS, DIM)).astype(np.float32)
    h = rng.standard_normal((asked, DIM)).astype(np.float32)
    scores = h @ vectors[1:].T * 2
    chance = np.exp(scores - scores.max(1, keepdims=True))
    new = [1 + rng.choice(ITEMS - 1, p=row / row.sum()) for row in chance.astype(np.float64)]
    right = np.where(rng.random(asked) < again, 0, new).astype(np.int32)
    questions = moments(np.arange(asked), np.arange(asked), np.full(asked, 9e6))
    held = type(questions)(questions.people, questions.ends, questions.times, np.arange(asked + 1), right)
    known, score = np.zeros(asked, np.int32), np.full(asked, 5.0, np.float32)
    events = np.ones(asked)
    answers = Answers(h, questions.times, events, np.arange(asked + 1), known, score)
    trend = TrendTable.of(histories_of([[0, 1]]))
    return answers, ItemScores(vectors, np.zeros(ITEMS, np.float32), np.zeros(len(LIFETIMES))), trend, held


@pytest.mark.parametrize("sure", [0.5, 1.0, 4.0])
def test_the_personal_part_gets_the_weight_that_the_baskets_show(rng, sure) -> None:
    answers, items, trend, held = planted(rng)
    wrong = ItemScores(items.vectors * sure, items.bias, items.trend)
    assert calibrate(
        answers, wrong, trend, held, discovery=0.05, frequency=EVEN
    ).personal * sure == pytest.approx(2.0, abs=0.5)


def test_baskets_with_few_candidates_are_weighed_as_one_by_one(rng) -> None:
    """There the slope of all, one after the other, is level."""
    answers, items, trend, held = planted(rng)
    baskets = [
        replace(m, new=m.new[:20], parts=m.parts[:20], fresh=m.fresh[:20]) if place % 2 else m
        for place, m in enumerate(_moments(answers, items, trend, held))
    ]
    start = np.concatenate([[1.0, 1.0], items.trend]).astype(np.float32)
    weights = _fitted(baskets, start)

    def slope(point):
        found = 2 * (point - start)
        for m in baskets:
            if m.fresh.any():
                scores = m.parts @ point
                expected = np.exp(scores - np.logaddexp.reduce(scores)) @ m.parts
                found += (m.fresh.sum() * expected - m.parts[m.fresh].sum(0)) / IDEAL[m.fresh.sum()]
        return np.abs(found).max()

    assert slope(start) > 10
    assert slope(weights) < 0.05
    assert (_fitted([m for m in baskets if not m.fresh.any()], start) == start).all()


def test_more_discovery_lifts_new_items_and_none_costs_nothing(rng) -> None:
    answers, items, trend, held = planted(rng)
    levels = [
        calibrate(answers, items, trend, held, discovery=give, frequency=EVEN).novelty
        for give in (0.0, 0.1, 0.4)
    ]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]


@pytest.mark.parametrize(("give", "again"), [(0.03, 0.3), (0.07, 0.3), (0.1, 0.3), (0.2, 0.3), (0.2, 0.8)])
def test_what_may_be_given_up_is_given_up(rng, give, again) -> None:
    """In full where at least half of what is taken is new, in proportion where less is."""
    answers, items, trend, held = planted(rng, 2_000, again)
    often, new = np.ones(len(held)), float((held.items != 0).mean())

    def reached(discovery: float) -> float:
        dials = calibrate(answers, items, trend, held, discovery=discovery, frequency=often)
        return ndcg(score_blocks(answers, items.dialled(dials), trend, 256), held)

    assert reached(give) / reached(0.0) == pytest.approx(1 - give * min(1.0, 2 * new), abs=0.002)


def test_too_few_baskets_leave_the_model_as_it_was_trained(rng) -> None:
    answers, items, trend, held = planted(rng, LEAST - 1)
    dials = calibrate(answers, items, trend, held, discovery=0.05, frequency=np.ones(LEAST))
    assert (dials.personal, dials.steep, dials.novelty) == (1.0, 1.0, 0.0)
    np.testing.assert_array_equal(dials.trend, items.trend)


def test_who_asks_often_counts_often(rng) -> None:
    """Half of the people only come again: where they ask more, new things cost more."""
    answers, items, trend, held = planted(rng)
    again = held.items == 0
    levels = [
        calibrate(answers, items, trend, held, discovery=0.1, frequency=np.where(again, often, 1.0)).novelty
        for often in (0.2, 1.0, 5.0)
    ]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > levels[-1]


def test_what_was_wanted_before_is_no_discovery(rng) -> None:
    """Its score is the same with any discovery, and no dial is fitted on it."""
    answers, items, trend, held = planted(rng)
    bias = items.bias.copy()
    bias[0] = 30.0  # would drown all others
    dials = calibrate(answers, replace(items, bias=bias), trend, held, discovery=0.4, frequency=EVEN)
    assert dials.steep == pytest.approx(1.0, abs=1e-3)
    assert dials.personal == pytest.approx(2.0, abs=0.5)
    lifted = replace(items, novelty=dials.novelty)
    blocks = [next(score_blocks(answers, scores, trend, ASKED))[1] for scores in (items, lifted)]
    assert (blocks[0][:, 0] == blocks[1][:, 0]).all()
    assert (blocks[0][:, 0] == answers.again).all()
    np.testing.assert_allclose(blocks[0][:, 1:] + dials.novelty, blocks[1][:, 1:], atol=1e-5)


def test_who_is_open_to_new_things_gets_more_of_them(rng) -> None:
    """Half of the people come again whatever they did before, the other half never does."""
    answers, items, trend, held = planted(rng, 2_000)
    for curious in (True, False):
        again = held.items == 0
        told = replace(answers, events=np.where(again == curious, 40.0, 2.0))
        dials = calibrate(told, items, trend, held, discovery=0.0, frequency=np.ones(2_000))
        assert (dials.open[1] > 3) if curious else (dials.open[1] < -3)
        block = next(score_blocks(told, items.dialled(dials), trend, 2_000))[1]
        flat = next(score_blocks(answers, items.dialled(dials), trend, 2_000))[1]
        lifted = (block - flat)[:, 1:].mean(1)
        assert lifted[~again].min() > lifted[again].max()
        assert (block[:, 0] == answers.again).all()


def test_openness_says_nothing_where_it_tells_nothing(rng) -> None:
    answers, items, trend, held = planted(rng, 2_000)
    told = replace(answers, events=rng.choice([1.0, 10.0], 2_000))
    dials = calibrate(told, items, trend, held, discovery=0.0, frequency=np.ones(2_000))
    assert abs(dials.open[1]) < 1


def test_new_weights_leave_the_lead_of_what_was_wanted_where_it_was(rng) -> None:
    """What all new items have in common is for ``novelty`` to say, however they were trained."""
    answers, items, trend, held = planted(rng)
    high = replace(items, bias=np.full(ITEMS, 4.0, np.float32), trend=np.ones(len(LIFETIMES), np.float32))
    seen = trend.features(np.arange(1, ITEMS), np.full(ITEMS - 1, 9e6))
    leads = []
    for trained in (items, high):
        dials = calibrate(answers, trained, trend, held, discovery=0.05, frequency=EVEN)
        new = dials.steep * trained.bias[1:] + seen @ dials.trend + dials.novelty
        leads.append(float(new.mean() + answers.openness()[0] @ dials.open))
    assert leads[0] == pytest.approx(leads[1], abs=0.3)
