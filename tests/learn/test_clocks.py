"""Clocks that are fast: what is stamped with a time still to come is not learned before it."""

from pathlib import Path

import msgspec
import pytest
from tests.learn.tiny_shop import TRAINED, add, events, learned

from penchant.app import work
from penchant.app.online import Online
from penchant.app.shop import Shop
from penchant.learn.progress import PROGRESS, read_progress
from penchant.model.snapshot import read_manifest

HOUR = 3_600.0
NOW = events()[TRAINED - 1].timestamp + 60.0
"""Just after what the first model was trained on."""


def opened(folder: Path, now: float = NOW) -> Shop:
    return Shop(folder, writer=True, clock=lambda: now)


def ahead(folder: Path, hours: float) -> None:
    """Something that a clock which is that fast says."""
    with opened(folder) as shop:
        add(shop, [msgspec.structs.replace(events()[0], timestamp=NOW + hours * HOUR)])


def trained(folder: Path) -> None:
    """One more training from scratch, at once."""
    with opened(folder) as shop:
        given = work.material(shop, lambda what, share: None)
        work.keep_model(shop, work.train_model(shop, given, lambda at: None), given, {})


def test_what_is_still_to_come_is_learned_when_it_has_come_and_once(folder: Path) -> None:
    ahead(folder, 20)
    trained(folder)
    with opened(folder) as shop:
        manifest = learned(read_manifest(shop.shelf.path(shop.shelf.current())))
        assert (manifest.events, manifest.seen) == (TRAINED, TRAINED + 1)
        assert manifest.to <= NOW
    with opened(folder, NOW + 21 * HOUR) as shop:
        times = work.material(shop, lambda what, share: None).data.histories.times
        assert (len(times), int((times >= manifest.to).sum())) == (TRAINED + 1, 1)


@pytest.mark.parametrize("hours", [0.0, 20.0])
def test_one_fast_clock_does_not_keep_all_others_from_teaching(folder: Path, hours: float) -> None:
    ahead(folder, hours)
    trained(folder)
    with opened(folder, NOW + HOUR) as shop:
        later = enumerate(events()[TRAINED : TRAINED + 300])
        add(shop, [msgspec.structs.replace(event, timestamp=NOW + 10 * n) for n, event in later])
        Online(shop).look()
    assert read_progress(folder / PROGRESS).learned > 20
