"""Memory and time of taste states: ``python bench/states.py --shop demo-shop [--people 100000]``.

Reads the states of 500 people of the shop through its tracker, each as long as their history makes it, and
copies them until there are as many as asked for. Writes bench/results/states.json.
"""

import argparse
import copy
import json
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from penchant.app.engine import Engine
from penchant.app.shop import Shop
from penchant.types import Event, EventType, Logged, Pseudonym

RESULT = Path(__file__).parent / "results" / "states.json"
SAMPLE, CLICKS = 500, 20_000


def resident():
    """Bytes of memory of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def measured(tracker, log, people):
    found = [Pseudonym(person) for person in islice(log.people(), SAMPLE)]
    start = time.perf_counter()
    read = sum(tracker.read(person) is not None for person in found)
    reading = (time.perf_counter() - start) / len(found)
    kept = [taste for person in found if (taste := tracker._tastes.get(person)) is not None]
    for person in found:
        tracker.forget(person)
    before = resident()
    for number, taste in zip(range(people), cycle(kept), strict=False):
        tracker._tastes.put(Pseudonym(f"copy-{number}"), copy.deepcopy(taste))
    per_state = (resident() - before) / people
    return {
        "people": len(tracker),
        "events each, mean": float(np.mean([taste.events for taste in kept])),
        "read from the log, ms": round(1e3 * reading, 2),
        "states read": read,
        "bytes a state": round(per_state),
        "gigabytes in all": round(per_state * people / 1e9, 3),
        **clicks(tracker, log, people, max(taste.last[0] for taste in kept)),
    }


def clicks(tracker, log, people, newest):
    """Microseconds of one more event of somebody whose newest events are not in memory, only the state."""
    position = log.end()
    rng, times = np.random.default_rng(0), []
    items = [logged.event.item_id for logged in log.follow(0, 1000)]
    for number in range(CLICKS):
        person = f"copy-{rng.integers(people)}"
        event = Event(
            user_id=person,
            item_id=items[number % len(items)],
            type=EventType.VIEW,
            timestamp=newest + 1 + number,
            event_id=f"e{number}",
        )
        start = time.perf_counter()
        tracker.on_event(Logged(position=position + 1 + number, event=event))
        times.append(1e6 * (time.perf_counter() - start))
    return {
        "event p50, us": round(float(np.median(times)), 1),
        "event p99, us": round(float(np.quantile(times, 0.99)), 1),
        "states at the end": len(tracker),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument("--people", type=int, default=100_000)
    options = parser.parse_args()
    with Shop(options.shop, writer=False) as shop:
        engine = Engine(shop)
        tracker = engine.recommender.tracker
        if tracker is None:
            raise SystemExit("the shop has no model: train it first")
        if options.people > tracker._tastes.capacity:
            raise SystemExit(f"[serve] states of the shop holds {tracker._tastes.capacity} people at most")
        result = measured(tracker, shop.log, options.people)
        engine.close()
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
