"""What another policy would have earned."""

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.metrics.offpolicy import doubly_robust, ips, snips, weights

REWARDS = np.array([0.1, 0.3, 0.8])
LOGGING, TARGET = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.3, 0.6])
VALUE = float(TARGET @ REWARDS)


def drawn(rng: np.random.Generator, count: int = 1_500):
    shown = rng.choice(3, count, p=LOGGING)
    return shown, (rng.random(count) < REWARDS[shown]).astype(float)


def estimates(seed: int, guess: np.ndarray):
    shown, reward = drawn(np.random.default_rng(seed))
    weight, _ = weights(LOGGING[shown], TARGET[shown])
    model = guess[shown], np.full(len(shown), float(TARGET @ guess))
    return [ips(weight, reward), snips(weight, reward), doubly_robust(weight, reward, model)]


def test_intervals_hold_the_truth_as_often_as_they_say_and_a_good_model_narrows() -> None:
    found = [[one.interval for one in estimates(seed, REWARDS)] for seed in range(600)]
    bounds = np.array(found)
    covered = ((bounds[:, :, 1] <= VALUE) & (bounds[:, :, 2] >= VALUE)).mean(axis=0)
    assert (covered > 0.92).all()
    assert (covered < 0.98).all()
    width = (bounds[:, :, 2] - bounds[:, :, 1]).mean(axis=0)
    assert width[2] < 0.9 * width[1] < width[0]
    assert np.abs(bounds[:, :, 0].mean(axis=0) - VALUE).max() < 0.005


def test_a_bad_model_widens_and_does_not_mislead() -> None:
    values = [estimates(seed, 1.0 - REWARDS)[2].interval.value for seed in range(600)]
    assert np.mean(values) == pytest.approx(VALUE, abs=0.01)


def test_decisions_of_one_person_are_not_independent() -> None:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(100), 20)
    reward = np.repeat(rng.random(100) < 0.5, 20).astype(float)
    alone, together = ips(np.ones(2_000), reward), ips(np.ones(2_000), reward, people)
    assert together.error == pytest.approx(np.sqrt(20) * alone.error, rel=0.05)
    assert ips(np.ones(5), np.ones(5), np.zeros(5, dtype=int)).error == np.inf


def test_clipping_takes_away_what_it_says() -> None:
    shown, reward = drawn(np.random.default_rng(3), 40_000)
    whole, plain = weights(LOGGING[shown], TARGET[shown])
    clipped, overlap = weights(LOGGING[shown], TARGET[shown], clip=2.0)
    assert (plain.clipped, plain.lost) == (0.0, 0.0)
    assert overlap.largest == pytest.approx(6.0)
    assert overlap.clipped == pytest.approx(0.1, abs=0.01)
    assert overlap.lost == pytest.approx(0.4, abs=0.03)
    assert overlap.effective > plain.effective
    missing = ips(whole, reward).interval.value - ips(clipped, reward).interval.value
    assert 0 < missing <= overlap.lost


def test_a_log_of_the_same_policy_is_worth_all_its_decisions() -> None:
    weight, overlap = weights(np.full(50, 0.2), np.full(50, 0.2))
    assert (overlap.effective, overlap.mean) == (50.0, 1.0)
    assert ips(weight, np.ones(50)).interval == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("logged", "wanted", "clip"), [(0.0, 0.5, 9.0), (0.5, 1.5, 9.0), (0.5, np.nan, 9.0), (0.5, 0.5, 0.0)]
)
def test_chances_that_are_none_are_refused(logged: float, wanted: float, clip: float) -> None:
    with pytest.raises(InvalidInput):
        weights(np.array([logged]), np.array([wanted]), clip)


def test_a_policy_that_shows_nothing_of_it_has_no_value() -> None:
    with pytest.raises(InvalidInput, match="nothing can be said"):
        snips(np.zeros(3), np.ones(3))
    with pytest.raises(InvalidInput, match="NaN"):
        ips(np.ones(2), np.array([np.nan, 1.0]))
