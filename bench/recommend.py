"""Milliseconds of each stage of a list: real SQLite stores, the serving form of a model, made-up people.

    python bench/recommend.py [--items 92331] [--requests 300] [--json-file F]

One thread. The model is not trained long: work per request does not depend on what it learned.
"""

import argparse
import json
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

from penchant.adapters.sqlite.attributes import SqliteAttributes
from penchant.adapters.sqlite.catalog import SqliteIdTable, SqliteItems
from penchant.adapters.sqlite.corrections import SqliteCorrections
from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.impressions import SqliteImpressions
from penchant.adapters.sqlite.log import SqliteLog
from penchant.adapters.sqlite.people import SqliteConsent
from penchant.adapters.sqlite.vectors import SqliteVectors
from penchant.catalog.catalog import Catalog
from penchant.events.attributes import ConsentedAttributes
from penchant.model.histories import histories_of
from penchant.model.saving import save_snapshot
from penchant.model.serving import load_serving
from penchant.model.settings import ModelSettings
from penchant.model.training import train
from penchant.recommend.candidates import top_k
from penchant.recommend.filters import SeenFilter, on_sale
from penchant.recommend.impressions import ImpressionWriter
from penchant.recommend.pipeline import Recommender
from penchant.recommend.popularity import Popularity
from penchant.recommend.reasons import personal_reasons
from penchant.recommend.repeats import RepeatRates
from penchant.recommend.search import Search
from penchant.recommend.similar import SimilarItems
from penchant.settings import RecommendSettings
from penchant.taste.profile import taste_profile
from penchant.taste.tokens import TokenMaker
from penchant.taste.tracker import TasteTracker
from penchant.testing.planted import WordEncoder
from penchant.types import Event, EventType, Item, Logged, Pseudonym

PEOPLE, PURCHASES, DAY = 50, 600, 86_400.0


class Watch:
    """Times by name."""

    def __init__(self):
        self.times = {}

    def time(self, name, action):
        start = time.perf_counter()
        result = action()
        self.times.setdefault(name, []).append(1e3 * (time.perf_counter() - start))
        return result

    def table(self):
        return {
            name: {
                "p50_ms": round(float(np.median(t)), 3),
                "p99_ms": round(float(np.quantile(t, 0.99)), 3),
                "n": len(t),
            }
            for name, t in self.times.items()
        }


def stock(count):
    words = ["milk", "bread", "polish", "cheese", "soap", "beans", "juice", "paper"]
    return [
        Item(
            item_id=f"i{n}",
            title=f"{words[n % 8]} {words[n // 8 % 8]} {n % 9_000}",
            category=f"d{n % 30} > c{n % 300} > t{n % 2_300}",
            brand=f"b{n % 5}",
            price=float(1 + n % 20),
        )
        for n in range(count)
    ]


def serving(folder, items, text):
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, items, 20).tolist() for _ in range(64)]
    settings = ModelSettings(max_epochs=1, threads=1, negatives=64)
    model = train(histories_of(rows), text, settings, n_items=items)
    save_snapshot(model, folder, id_table_hash="", id_table_length=items, log_position=0)
    return load_serving(folder, text)


def history(log, items):
    """A year of purchases, a third of them of a person's usual things."""
    rng = np.random.default_rng(1)
    for person in range(PEOPLE):
        usual = rng.integers(0, items, 60)
        bought = np.where(
            rng.random(PURCHASES) < 0.33, rng.choice(usual, PURCHASES), rng.integers(0, items, PURCHASES)
        )
        log.append(
            [
                Event(
                    user_id=f"p{person}",
                    item_id=f"i{row}",
                    type=EventType.PURCHASE,
                    timestamp=n * 365 * DAY / PURCHASES,
                    event_id=f"{person}-{n}",
                )
                for n, row in enumerate(bought)
            ]
        )


def run(count, requests, folder):
    watch, now = Watch(), 366 * DAY
    database = Database(folder / "shop.db", writer=True)
    ids, consent = SqliteIdTable(database), SqliteConsent(database)
    catalog = Catalog(SqliteItems(database, ids), ids, WordEncoder(), SqliteVectors(folder / "vectors.db"))
    catalog.upsert(stock(count), embed=False)
    text = catalog.text_vectors()
    model = watch.time("load model", lambda: serving(folder / "one", count, text))
    log = SqliteLog(database)
    history(log, count)
    attributes_of = ConsentedAttributes(SqliteAttributes(database), consent).attributes_of
    tracker = TasteTracker(model, log, TokenMaker(ids), consent, attributes_of, snapshot="one")
    popularity, corrections = Popularity(7.0), SqliteCorrections(database)
    popularity.rebuild(log.columns(), ids)
    seen = SeenFilter(RecommendSettings(), RepeatRates(0.3, {}))
    writer = ImpressionWriter(SqliteImpressions(database, log)).start()
    recommender = Recommender(
        catalog=catalog,
        tracker=tracker,
        popularity=popularity,
        seen=seen,
        corrections=corrections,
        consent=consent,
        sink=writer,
        new_id=lambda: uuid.uuid4().hex,
    )
    search, similar = Search(catalog, lambda _: tracker), SimilarItems(catalog, lambda: tracker)
    search.search("milk", 1, now)
    for n in range(PEOPLE):
        watch.time("read a person's year from the log", lambda n=n: tracker.read(Pseudonym(f"p{n}")))
    rng = np.random.default_rng(2)
    for n in range(requests):
        person = Pseudonym(f"p{n % PEOPLE}")
        event = Event(
            user_id=person,
            item_id=f"i{rng.integers(count)}",
            type=EventType.CLICK,
            timestamp=now + n,
            event_id=f"click-{n}",
        )
        position = watch.time("write event (durable)", lambda event=event: log.append([event]).positions[0])
        watch.time(
            "step state", lambda event=event, position=position: tracker.on_event(Logged(position, event))
        )
        watch.time(
            "WHOLE LIST of 20 with reasons",
            lambda person=person, n=n: recommender.recommend(person, 20, "home", now + n),
        )
        watch.time("list for a stranger", lambda n=n: recommender.recommend(None, 20, "home", now + n))
        stages(watch, catalog, tracker, seen, person=person, now=now + n)
        if n % 10 == 0:
            watch.time("similar", lambda event=event: similar.similar(event.item_id, 20))
            watch.time("search", lambda: search.search("cheese b3", 20, now))
            watch.time(
                "profile",
                lambda person=person: taste_profile(log.of_user(person), catalog.view(), now),
            )
            watch.time(
                "upsert one item", lambda n=n: catalog.upsert([Item(item_id=f"i{n}", title=f"new {n}")])
            )
            watch.time("first search after it", lambda: search.search("cheese b3", 20, now))
    writer.close()
    database.close()
    return watch.table()


def stages(watch, catalog, tracker, seen, *, person, now):
    view = watch.time("  view of the catalogue", catalog.view)
    reading = watch.time("  read state", lambda: tracker.read(person))
    allowed = watch.time(
        "  filters", lambda: on_sale(view, ()) & seen.unseen(view, reading.bought, reading.viewed)
    )
    scores = watch.time(
        "  scores of all items",
        lambda: reading.model.scores(reading.state, now, reading.record, reading.about),
    )
    rows = watch.time("  top 20", lambda: top_k(scores, allowed[: len(scores)], 20))
    watch.time("  reasons", lambda: personal_reasons(reading, now, rows, lambda row: view.ids[row]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=92_331)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json-file", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = run(chosen.items, chosen.requests, Path(folder))
    for name, row in table.items():
        print(f"{name:36} p50 {row['p50_ms']:9.3f} ms   p99 {row['p99_ms']:9.3f} ms   n {row['n']}")
    if chosen.json_file:
        chosen.json_file.write_text(json.dumps({"items": chosen.items, "stages": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
