"""What do 50 changes of the model cost those who ask meanwhile, and is any answer mixed of two?

    python bench/hot_swap.py --shop myshop             # any shop with two snapshots
    python bench/hot_swap.py --shop myshop --swaps 50 --rate 300

Runs the real server as a process of its own on a copy of the shop, asks for lists of made-up people (who
have a history of real items) at a steady rate over connections that stay open (``steady.py``), and lets the
two newest snapshots serve in turn: each is promoted as soon as ``/readyz`` names the one before it.
Counted are

* ``errors``: every answer but 200, and every connection that broke;
* ``fallbacks``: lists that say that they are one;
* ``mixed``: lists with a score that the snapshot they name does not give that item, for that person at that
  moment, or that name neither. Scores are worked out again afterwards under each snapshot alone.

The server runs without its learner, whose small steps between two snapshots have scores of their own.
``told apart`` is the share of lists with no score in common under the other snapshot: those in which the
check can see a mix. Writes a table and bench/results/hot-swap.json.
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from penchant.app.current import CurrentModel
from penchant.app.shop import Shop
from penchant.events.cleaning.run import clean
from penchant.learn.data import fit_to_train, histories_from
from penchant.recommend.trend import ShopTrend
from servers import Server, copy_of
from steady import Load
from tables import RESULTS

PEOPLE, EVENTS = 200, 12
NEAR = 2e-3
"""Scores are the same up to here: what is in fashion is worked out once a minute, by whoever asks first."""
LONGEST = 60.0
"""Seconds for a snapshot to serve."""


class Truth:
    """What each snapshot alone says, worked out from the files of a shop."""

    def __init__(self, shop, names):
        columns = shop.log.columns()
        columns = fit_to_train(columns, clean(columns, shop.settings.cleaning), shop.consent)
        trend = ShopTrend(*histories_from(columns, shop.ids), shop.ids).live
        current = CurrentModel(shop, trend)
        self._shop = shop
        self._alone = {name: current.alone(name) for name in names}

    def scores(self, name, user, now, items):
        """Of ``items`` under the snapshot called ``name``."""
        reading = self._alone[name].read(self._shop.pseudonymizer.pseudonym(user))
        scores = reading.model.scores(reading.state, now, reading.record, reading.about)
        return scores[self._shop.ids.rows(items)]

    def names(self):
        return list(self._alone)


def judged(truth, answer):
    """``errors``, ``fallbacks``, ``mixed`` and ``told apart`` of one answer, and how far scores are off."""
    found = Counter(errors=int(answer.status != 200))
    if found["errors"]:
        return found, 0.0
    said = json.loads(answer.body)
    found["fallbacks"] = int(said["fallback"])
    name = said["snapshot"].partition("+")[0]
    items, scores = [one["item_id"] for one in said["items"]], [one["score"] for one in said["items"]]
    if name not in truth.names() or not items:
        found["mixed"] = int(not said["fallback"])
        return found, 0.0
    off = np.abs(truth.scores(name, answer.user, answer.time, items) - scores)
    found["mixed"] = int((off > NEAR).any())
    for other in truth.names():
        if other != name:
            away = np.abs(truth.scores(other, answer.user, answer.time, items) - scores)
            found["told apart"] = int((away > NEAR).all())
    return found, float(off.max())


def with_history(shop):
    """Made-up people with real items."""
    items = [str(row[0]) for row in shop.database.read("SELECT item_id FROM items ORDER BY row LIMIT 3000")]
    draw, now, users = random.Random(0), shop.clock(), [f"swap{n}" for n in range(PEOPLE)]
    records = [
        {"user_id": user, "item_id": draw.choice(items), "type": draw.choice(["view", "purchase"]),
         "timestamp": now - 86_400 * (1 + draw.random() * 20)}
        for user in users for _ in range(EVENTS)
    ]  # fmt: skip
    assert shop.intake().accept(records).accepted == len(records)
    return users


def swapped(shop, names, swaps, serves):
    """Let ``names`` serve in turn; seconds that each took. ``serves`` gives what serves now."""
    took = []
    for number in range(swaps):
        name, begun = names[number % len(names)], time.monotonic()
        shop.shelf.promote(name, time.time(), "a bench")
        while serves() != name:
            if time.monotonic() - begun > LONGEST:
                raise SystemExit(f"{name} does not serve after {LONGEST:.0f} s")
            time.sleep(0.05)
        took.append(time.monotonic() - begun)
    return took


def measured(place, asked):
    with Shop(place, writer=True) as shop:
        names, users = shop.shelf.names()[-2:], with_history(shop)
        if len(names) < 2:
            raise SystemExit("the shop has one snapshot: train once more")
        key = shop.keys.create(["read"], shop.clock())
        shop.shelf.promote(names[1], shop.clock(), "a bench")
    server = Server(place, "--no-learn")  # What a learner adds between two snapshots would be a third model.
    try:
        load = Load(server.port, key, users, asked.rate, asked.connections)
        begun = time.monotonic()
        with Shop(place, writer=False) as shop:
            took = swapped(shop, names, asked.swaps, lambda: serves(server.port))
        seconds = time.monotonic() - begun
        load.stop()
    finally:
        server.stop()
    with Shop(place, writer=False) as shop:
        return table_row(Truth(shop, names), load, took, seconds)


def serves(port):
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/readyz")
        return json.loads(connection.getresponse().read())["snapshot"]


def table_row(truth, load, took, seconds):
    found, off = Counter(errors=len(load.broken)), [0.0]
    for answer in load.answers:
        counts, far = judged(truth, answer)
        found += counts
        off.append(far)
    ms = np.array([answer.seconds for answer in load.answers]) * 1e3
    return {
        "swaps": len(took), "seconds_a_swap": round(float(np.median(took)), 2),
        "answers": len(load.answers), "per_s": round(len(load.answers) / seconds, 1),
        "errors": found["errors"], "fallbacks": found["fallbacks"], "mixed": found["mixed"],
        "told_apart": round(found["told apart"] / max(len(load.answers), 1), 4),
        "largest_difference": round(max(off), 6),
        "p50_ms": round(float(np.median(ms)), 2), "p99_ms": round(float(np.quantile(ms, 0.99)), 2),
        "max_ms": round(float(ms.max()), 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--out", type=Path, default=RESULTS / "hot-swap.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        counted = copy_of(asked.shop, Path(place) / "shop")
        row = measured(Path(place) / "shop", asked)
    found = {"shop": counted, "asked_per_s": asked.rate, "connections": asked.connections, **row}
    asked.out.parent.mkdir(exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    table = Table(title=f"{counted['items']:,} items, {counted['events']:,} events")
    for name in ("", "value"):
        table.add_column(name)
    for name, value in found.items():
        if name != "shop":
            table.add_row(name.replace("_", " "), f"{value:,}")
    Console().print(table)


if __name__ == "__main__":
    main()
