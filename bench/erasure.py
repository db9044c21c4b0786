"""Erasing people of a large shop: ``python bench/erasure.py --shop demo-shop [--people 5]``.

On a copy of the shop (which must not be served meanwhile), with another thread that appends events: how long
does an erasure take, and how long does a writer wait meanwhile? Writes bench/results/erasure.json.
"""

import argparse
import json
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from penchant.app.shop import Shop
from penchant.types import Event, EventType, Pseudonym

RESULT = Path(__file__).parent / "results" / "erasure.json"


def appending(log, stop, waits):
    """One event after the other; what goes wrong goes wrong in :func:`erased`."""
    number = 0
    while not stop.is_set():
        event = Event(
            user_id="bench",
            item_id="1",
            type=EventType.VIEW,
            timestamp=time.time(),
            event_id=f"bench-{number}",
        )
        start = time.perf_counter()
        log.append([event])
        waits.append(time.perf_counter() - start)
        number += 1
        time.sleep(0.01)


def erased(folder, people):
    with Shop(folder, writer=True) as shop:
        busiest = [Pseudonym(person) for person, _, _ in shop.log.activity("", people)]
        stop, waits, taken, events = threading.Event(), [], [], []
        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(appending, shop.log, stop, waits)
            try:
                for person in busiest:
                    events.append(len(shop.log.of_user(person)))
                    start = time.perf_counter()
                    shop.rights().erase(person, shop.clock())
                    taken.append(time.perf_counter() - start)
                    if shop.log.of_user(person):
                        raise SystemExit("an erased person has events still")
            finally:
                stop.set()
            writer.result()
    return {
        "people": len(taken),
        "events of each": events,
        "erasure median, s": round(float(np.median(taken)), 3),
        "erasure longest, s": round(max(taken), 3),
        "writer waits p50, ms": round(1e3 * float(np.median(waits)), 2),
        "writer waits longest, s": round(max(waits), 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument("--people", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.shop.parent) as folder:
        copy = Path(folder) / "shop"
        shutil.copytree(options.shop, copy)
        result = erased(copy, options.people)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
