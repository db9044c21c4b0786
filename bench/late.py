"""What an event costs that comes late: ``python bench/late.py``.

People with histories of several lengths in one shop (random events on 2,000 items; the model of the default
settings has had a second of training: times do not depend on its weights). Milliseconds from an event to the
state that holds it, median of ROUNDS: an event in order, one that belongs before a few that came already, and
one that is older than all that is kept in memory, for which the person's log is read again. Prints the
result and writes bench/results/late.json.
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np

from penchant.app import work
from penchant.app.engine import Engine
from penchant.app.shop import Shop, init_shop
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Event, EventType, Item

RESULT = Path(__file__).parent / "results" / "late.json"
LENGTHS = (20, 100, 500, 2_000, 10_000)
ITEMS, ROUNDS, BEGIN, MINUTE = 2_000, 30, 1_700_000_000.0, 60.0
KINDS = (EventType.VIEW, EventType.CLICK, EventType.CART, EventType.PURCHASE)
TRAINING = "[train]\nthreads = 1\ntime_budget = 1.0\nmax_epochs = 1\n[learn]\non = false\n"


def event(person, n, at, rng):
    return Event(
        user_id=person, item_id=f"i{rng.integers(ITEMS)}", type=KINDS[rng.integers(len(KINDS))],
        timestamp=at, event_id=f"{person}-{n}", session_id=f"s{n // 7}",
    )  # fmt: skip


def make(folder, rng):
    """A shop with a model; people are named by the length of their history."""
    init_shop(folder, more=TRAINING)
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        shop.items.upsert([Item(item_id=f"i{n}", title=f"thing {n}") for n in range(ITEMS)])
        for length in LENGTHS:
            shop.log.append([event(f"p{length}", n, BEGIN + n * MINUTE, rng) for n in range(length)])
        shop.assign_ids()
        given = work.material(shop, lambda *_: None)
        work.keep_model(shop, work.train_model(shop, given, lambda _: None), given, {})


def took(shop, engine, person, event):
    """Milliseconds until the state holds one more event, its writing aside."""
    shop.log.append([event])
    tracker = engine.recommender.tracker
    begun = time.perf_counter()
    engine.catch_up()
    assert tracker.read(person) is not None
    return 1e3 * (time.perf_counter() - begun)


def of_person(shop, engine, length, rng):
    person, newest = f"p{length}", BEGIN + length * MINUTE
    engine.recommender.tracker.read(person)
    found = {"in order": [], "within the newest": [], "older than all in memory": []}
    number = length
    for round_ in range(ROUNDS):
        now = newest + round_ * 10 * MINUTE
        for back, times in zip((0.0, -2.5 * MINUTE, -1e6), found.values(), strict=True):
            for ahead in range(4):  # so that some lie after it, whatever went before
                number += 1
                took(shop, engine, person, event(person, number, now + ahead * MINUTE, rng))
            number += 1
            at = max(BEGIN + 1, now + 3 * MINUTE + back + (1.0 if not back else 0.0))
            times.append(took(shop, engine, person, event(person, number, at, rng)))
            now += 3 * MINUTE + 2
    return {name: round(float(np.median(times)), 2) for name, times in found.items()}


def main():
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as at:
        make(folder := Path(at) / "shop", rng)
        with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
            engine = Engine(shop)
            result = {str(length): of_person(shop, engine, length, rng) for length in LENGTHS}
            engine.close()
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
