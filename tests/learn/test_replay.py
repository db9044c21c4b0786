from dataclasses import replace

import numpy as np
import pytest

from penchant.errors import SettingsError
from penchant.learn.replay import REPLAYS, ByBlock, herded, make_replay
from penchant.model.histories import histories_of
from penchant.types import EventType

BEHAVIOUR = np.random.default_rng(3).normal(size=(500, 4)).astype(np.float32)


@pytest.fixture
def log():
    return histories_of([list(range(25))] * 20)


@pytest.mark.parametrize("name", sorted(REPLAYS))
@pytest.mark.parametrize("count", [0, 1, 60, 9_999])
def test_distinct_events_that_were_wanted_as_many_as_there_are(log, name, count) -> None:
    kinds = log.types.copy()
    kinds[::5] = EventType.REMOVE_FROM_CART.code
    log = replace(log, types=kinds)
    found = make_replay(name).choose(log, count, np.random.default_rng(0), lambda rows: BEHAVIOUR[rows])
    assert len(np.unique(found)) == len(found) == min(count, 400)
    assert (log.types[found] != EventType.REMOVE_FROM_CART.code).all()


@pytest.mark.parametrize("name", sorted(REPLAYS))
def test_the_draw_goes_by_the_seed(log, name) -> None:
    draws = [
        make_replay(name).choose(log, 30, np.random.default_rng(seed), lambda rows: BEHAVIOUR[rows]).tolist()
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]


def test_blocks_are_alike_however_much_was_bought_in_them() -> None:
    """Ten times as much in the second half; the first has half of what is replayed."""
    early, late = histories_of([[1] * 20]), histories_of([[2] * 200])
    times = np.concatenate([np.linspace(0, 99, 20), np.linspace(101, 200, 200)])
    log = replace(histories_of([early.items.tolist() + late.items.tolist()]), times=times)
    found = ByBlock(2).choose(log, 20, np.random.default_rng(0), lambda rows: BEHAVIOUR[rows])
    assert np.bincount(log.items[found])[1:].tolist() == [10, 10]
    more = ByBlock(2).choose(log, 100, np.random.default_rng(0), lambda rows: BEHAVIOUR[rows])
    assert np.bincount(log.items[more])[1:].tolist() == [20, 80]


def test_herding_stays_nearer_to_the_mean_than_chance() -> None:
    mean, rng = BEHAVIOUR.mean(0), np.random.default_rng(0)
    away = np.linalg.norm(BEHAVIOUR[herded(BEHAVIOUR, 20)].mean(0) - mean)
    chance = [np.linalg.norm(BEHAVIOUR[rng.permutation(500)[:20]].mean(0) - mean) for _ in range(50)]
    assert away < min(chance)


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(SettingsError, match="reservoir"):
        make_replay("resevoir")
