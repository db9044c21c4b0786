"""Each input finds the pattern that is planted in it, and nothing where it is switched off."""

from dataclasses import replace

import numpy as np
import pytest

from penchant.errors import SettingsError
from penchant.model.histories import Histories, histories_of
from penchant.model.settings import INPUTS, ModelSettings
from penchant.model.tokens import DAY
from penchant.model.training import train


def without(settings: ModelSettings, *names: str) -> ModelSettings:
    return replace(settings, inputs="+".join(name for name in INPUTS if name not in names))


def found(data: Histories, settings: ModelSettings, n_items: int, **given) -> float:
    return train(data, None, settings, n_items=n_items, **given).report["validation"]


def timed(rng, item_of) -> Histories:
    """Everybody comes at odd times; what they buy is drawn from the four items that ``item_of`` times."""
    data = histories_of([[0] * 8 for _ in range(150)])
    steps = rng.uniform(0.2, 6.0, data.events) * DAY
    times = np.concatenate([np.cumsum(part) for part in np.split(steps, data.offsets[1:-1])])
    items = 4 * item_of(times) + rng.integers(0, 4, data.events)
    return replace(data, times=times, items=items.astype(np.int32))


def test_what_is_bought_on_which_weekday(rng, small) -> None:
    data = timed(rng, lambda times: (times // DAY).astype(int) % 7)
    assert found(data, small, 28) > 0.45
    assert found(data, without(small, "clock"), 28) < 0.3


def test_what_is_bought_at_which_hour(rng, small) -> None:
    data = timed(rng, lambda times: (times // 14_400).astype(int) % 6)
    assert found(data, small, 24) > 0.45
    assert found(data, without(small, "clock"), 24) < 0.3


def test_what_is_bought_after_a_long_pause(rng, small) -> None:
    """Two events each: what is remembered of one says nothing of the pause after it."""
    long = rng.random(500) < 0.5
    first = rng.uniform(0, 400, 500)
    times = np.stack([first, first + np.where(long, 20, 0.5) * rng.uniform(0.8, 1.2, 500)], 1).ravel()
    data = histories_of([[0, int(1 + 3 * late + rng.integers(3))] for late in long])
    data = replace(data, times=times * DAY)
    assert found(data, small, 7) > 0.65
    assert found(data, without(small, "clock"), 7) < 0.6


def test_inputs_that_nobody_knows_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"inputs is made of types.*unknown: \['prise'\]"):
        ModelSettings(inputs="text+prise")
