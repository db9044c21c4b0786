"""A simulated shop of a few hundred people, with a model of a few steps that learns on in seconds."""

import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from penchant.app import work
from penchant.app.shop import Shop, init_shop
from penchant.model.snapshot import Manifest, read_manifest
from penchant.testing.fakes import FakeTextEncoder
from penchant.testing.simulated import SimulatedSettings, SimulatedShop, event_records, item_records
from penchant.types import Event

SETTINGS = """
[train]
dim = 8
layers = 1
text_dim = 8
max_epochs = 2
patience = 1
threads = 1
[learn]
events = 150
every = 3600.0
least = 50
"""
TRAINED = 2_500
"""Events that the first model is trained on."""


@cache
def simulated() -> SimulatedShop:
    return SimulatedShop(SimulatedSettings(people=300, items=120, interests=6, events=5_000, shock=None))


@cache
def events() -> list[Event]:
    """All that happens in the shop, in order of time; visits are whole."""
    return list(event_records(simulated(), simulated().draw()))


def add(shop: Shop, some: Sequence[Event]) -> None:
    """Take events in, as the door does."""
    known = [
        msgspec.structs.replace(
            event,
            user_id=shop.pseudonymizer.pseudonym(event.user_id),
            event_id=f"{event.user_id}-{event.timestamp}-{event.sequence}",
        )
        for event in some
    ]
    shop.log.append(known)
    shop.assign_ids()


def make(folder: Path) -> Path:
    """A shop with a first model, trained from scratch."""
    init_shop(folder, more=SETTINGS)
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        shop.items.upsert(list(item_records(simulated())))
        add(shop, events()[:TRAINED])
        given = work.material(shop, lambda what, share: None)
        work.keep_model(shop, work.train_model(shop, given, lambda at: None), given, {})
    return folder


def more(folder: Path, count: int, begin: int = TRAINED) -> None:
    """So many more events come in, of those from ``begin`` on."""
    with Shop(folder, writer=True) as shop:
        add(shop, events()[begin : begin + count])


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something that another thread or process does."""
    last = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < last, "waited too long"
        time.sleep(0.02)


def manifests(folder: Path) -> dict[str, Manifest]:
    """Of every snapshot, whole or not, oldest first."""
    with Shop(folder, writer=False) as shop:
        return {name: read_manifest(shop.shelf.path(name)) for name in shop.shelf.names()}


def learned(manifest: Manifest):
    assert manifest.learned is not None
    return manifest.learned


def check_chain(folder: Path) -> int:
    """Each snapshot that served begins where its parent ended, and holds what the log holds there.

    Returns how many events were learned on the way.
    """
    from penchant.learn.nightly import checksum_of

    found = manifests(folder)
    with Shop(folder, writer=False, encoder=FakeTextEncoder()) as shop:
        histories = work.material(shop, lambda what, share: None).data.histories
        served = [promotion.name for promotion in shop.shelf.history()]
        assert all(manifest is not None for manifest in shop.shelf.manifests().values()), "broken ones"
        assert not [
            path for path in shop.shelf._folder.iterdir() if not path.name.startswith((".", "2", "p"))
        ]
    assert len(set(served)) == len(served), "promoted twice"
    total = 0
    for before, name in pairwise(served):
        parent, own = found[before], found[name]
        assert own.parent == before
        assert learned(own).since == learned(parent).to, "a gap or an overlap"
        assert own.log_position > parent.log_position
        assert checksum_of(histories, learned(own).since, learned(own).to) == (
            learned(own).events,
            learned(own).checksum,
        )
        total += learned(own).events
    last, first = learned(found[served[-1]]), learned(found[served[0]])
    assert total == np.sum((histories.times >= first.to) & (histories.times < last.to)), "not each once"
    return total
