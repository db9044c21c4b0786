"""A reward model judges only people whom it has not seen."""

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.evaluate.rewards import Choices, cross_fitted


class Remembers:
    """Knows the reward of every person that it saw, and says -1 of others."""

    def fit(self, features: np.ndarray, rewards: np.ndarray) -> None:
        self.known = dict(zip(features[:, 0].tolist(), rewards.tolist(), strict=True))

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.array([self.known.get(person, -1.0) for person in features[:, 0].tolist()])


class Says:
    """The feature itself."""

    def fit(self, features: np.ndarray, rewards: np.ndarray) -> None:
        pass

    def predict(self, features: np.ndarray) -> np.ndarray:
        return features[:, 0]


def test_nobody_is_judged_by_a_model_that_saw_them() -> None:
    people = np.repeat(np.arange(20), 3)
    features = people[:, None].astype(float)
    choices = Choices(np.arange(60), features, np.ones(60))
    shown, other = cross_fitted(Remembers, (features, np.ones(60)), choices, people)
    assert (shown == -1).all()
    assert (other == -1).all()


def test_what_the_other_policy_would_show_is_weighed_by_its_chances() -> None:
    choices = Choices(np.array([0, 0, 1]), np.array([[1.0], [3.0], [7.0]]), np.array([0.25, 0.75, 1.0]))
    shown, other = cross_fitted(Says, (np.array([[5.0], [6.0]]), np.zeros(2)), choices, np.array([4, 9]))
    assert shown.tolist() == [5.0, 6.0]
    assert other.tolist() == [2.5, 7.0]


def test_what_cannot_be_judged_is_refused() -> None:
    short = Choices(np.array([0, 1]), np.ones((2, 1)), np.array([1.0, 0.6]))
    with pytest.raises(InvalidInput, match="decision 1"):
        cross_fitted(Says, (np.ones((2, 1)), np.zeros(2)), short, np.array([0, 1]))
    whole = Choices(np.array([0, 1]), np.ones((2, 1)), np.ones(2))
    with pytest.raises(InvalidInput, match="two or more"):
        cross_fitted(Says, (np.ones((2, 1)), np.zeros(2)), whole, np.array([5, 5]))
