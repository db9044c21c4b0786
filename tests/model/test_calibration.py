import numpy as np
import pytest

from penchant.model.calibration import LEAST, calibrate
from penchant.model.examples import moments
from penchant.model.histories import histories_of
from penchant.model.scoring import Answers, ItemScores
from penchant.model.trend import LIFETIMES, TrendTable

ITEMS, DIM, ASKED = 60, 4, 3 * LEAST


def planted(rng, asked: int = ASKED):
    """People who remember item 0 and take it half of the time, else a new one that their taste names."""
    vectors = rng.standard_normal((ITEMS, DIM)).astype(np.float32)
    h = rng.standard_normal((asked, DIM)).astype(np.float32)
    scores = h @ vectors[1:].T * 2
    chance = np.exp(scores - scores.max(1, keepdims=True))
    new = [1 + rng.choice(ITEMS - 1, p=row / row.sum()) for row in chance.astype(np.float64)]
    right = np.where(rng.random(asked) < 0.5, 0, new).astype(np.int32)
    questions = moments(np.arange(asked), np.arange(asked), np.full(asked, 9e6))
    held = type(questions)(questions.people, questions.ends, questions.times, np.arange(asked + 1), right)
    zero = np.zeros(asked, np.int64)
    answers = Answers(h, questions.times, np.arange(asked), zero, np.full(asked, 5.0, np.float32))
    trend = TrendTable.of(histories_of([[0, 1]]))
    return answers, ItemScores(vectors, np.zeros(ITEMS, np.float32), np.zeros(len(LIFETIMES))), trend, held


@pytest.mark.parametrize("sure", [0.5, 1.0, 4.0])
def test_the_personal_part_gets_the_weight_that_the_baskets_show(rng, sure) -> None:
    answers, items, trend, held = planted(rng)
    wrong = ItemScores(items.vectors * sure, items.bias, items.trend)
    assert calibrate(answers, wrong, trend, held, 0.05).personal * sure == pytest.approx(2.0, abs=0.5)


def test_more_discovery_lifts_new_items_and_none_costs_nothing(rng) -> None:
    answers, items, trend, held = planted(rng)
    levels = [calibrate(answers, items, trend, held, give).level for give in (0.0, 0.1, 0.4)]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]


def test_too_few_baskets_leave_the_model_as_it_was_trained(rng) -> None:
    answers, items, trend, held = planted(rng, LEAST - 1)
    dials = calibrate(answers, items, trend, held, 0.05)
    assert (dials.personal, dials.steep, dials.level) == (1.0, 1.0, 0.0)
    np.testing.assert_array_equal(dials.trend, items.trend)
