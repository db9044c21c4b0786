"""How fast do events come in, beside the store alone and the disk alone?

    python bench/ingest.py --shop myshop                   # any shop

The same made-up events (views of its items by 5,000 people, each with its ``event_id``) on a copy of the shop
each time, one way after the other, the median of the rounds:

* ``store, 500 a commit``, ``store, 2,000 a commit``: checked and with pseudonyms beforehand, straight to the
  log, durable after each commit; a server puts what waits into one commit, of four clients at most 2,000;
* ``HTTP, batches of 500``: by four at once, durable when answered; sent by this process, bodies made before;
* ``HTTP, single events``: by 64 at once, a tenth of the events;
* ``import, parquet`` and ``import, JSON lines``: ``penchant import FILE``, from its start to its end: the
  whole log is cleaned too. ``less one event``: the same less the time of a file of one event;
* ``disk``: the bytes of a batch of 500 appended to a file and made durable, one after the other.

``to store`` is the ratio to the faster one of the two rates of the store. Writes a table and
bench/results/ingest.json; bench/serving_docs.py makes docs/serving.md of it.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uvloop
from rich.console import Console
from rich.table import Table

from connections import Pool
from floors import flush_ms
from openloop import closed_loop
from penchant.app.shop import Shop
from penchant.types import Event, EventType
from servers import ENVIRONMENT, PENCHANT, Server, copy_of, items_of, key_of
from tables import RESULTS

PEOPLE, ITEMS, BATCH, GROUP, SINGLE = 5_000, 3_000, 500, 2_000, 10
"""``GROUP`` events of a commit at most when four clients send ``BATCH``; one in ``SINGLE`` is sent alone."""
STORE = ("store, 500 a commit", "store, 2,000 a commit")


@dataclass(frozen=True)
class Given:
    """The events in every form that is sent, and the shop that they go to."""

    shop: Path
    place: Path
    records: list[dict[str, object]]

    def fresh(self, name: str) -> Path:
        """A copy of the shop, at rest; the one before it is gone."""
        folder = self.place / "copy"
        if folder.exists():
            shutil.rmtree(folder)
        copy_of(self.shop, folder)
        print(name, end=" ", flush=True)
        return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json-file", type=Path, default=RESULTS / "ingest.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        counted = copy_of(asked.shop, Path(place) / "copy")
        given = Given(asked.shop, Path(place), records_of(items_of(asked.shop, ITEMS), asked.events))
        files_of(given)
        rounds = [one_round(given, number) for number in range(asked.rounds)]
    rates = {name: round(median(one[name] for one in rounds), 1) for name in rounds[0]}
    found = {"shop": counted, "events": asked.events, "rounds": asked.rounds, "per_s": rates}
    found |= {"to_store": to_store(rates), "machine": {"load": round(os.getloadavg()[0], 2)}}
    asked.json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found)


def records_of(items: list[str], count: int) -> list[dict[str, object]]:
    """As a client sends them; in the order of their times."""
    draw, now = np.random.default_rng(0), int(time.time()) - count
    who, what = draw.integers(PEOPLE, size=count).tolist(), draw.integers(len(items), size=count).tolist()
    return [
        {
            "user_id": f"load{who[n]:04d}", "item_id": items[what[n]], "type": "view",
            "timestamp": now + n, "event_id": f"ingest-{n}",
        }
        for n in range(count)
    ]  # fmt: skip


def files_of(given: Given) -> None:
    """What ``penchant import`` reads: all events in two forms, and one alone."""
    pq.write_table(pa.Table.from_pylist(given.records), given.place / "events.parquet")
    lines = [json.dumps(record) for record in given.records]
    (given.place / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (given.place / "one.jsonl").write_text(lines[0], encoding="utf-8")


def one_round(given: Given, number: int) -> dict[str, float]:
    """Events a second of each way, another one first each time."""
    ways: list[Callable[[Given], dict[str, float]]] = [by_store, by_http, by_import]
    first, found = number % len(ways), dict[str, float]()
    for way in ways[first:] + ways[:first]:
        found |= way(given)
    size = len(body_of(given.records[:BATCH]))
    found["disk"] = BATCH / flush_ms(given.place, 100, size) * 1e3
    print({name: round(rate) for name, rate in found.items()}, flush=True)
    return {name: found[name] for name in sorted(found, key=ORDER.index)}


def by_store(given: Given) -> dict[str, float]:
    found = dict[str, float]()
    for name, size in zip(STORE, (BATCH, GROUP), strict=True):
        with Shop(given.fresh(name), writer=True) as shop:
            events = [
                Event(
                    user_id=shop.pseudonymizer.pseudonym(str(record["user_id"])), type=EventType.VIEW,
                    item_id=str(record["item_id"]), timestamp=float(str(record["timestamp"])),
                    event_id=str(record["event_id"]),
                )
                for record in given.records
            ]  # fmt: skip
            begun = time.perf_counter()
            accepted = sum(
                shop.log.append(events[start : start + size]).accepted
                for start in range(0, len(events), size)
            )
            found[name] = accepted / (time.perf_counter() - begun)
        assert accepted == len(events), f"{accepted} of {len(events)}"
    return found


def by_http(given: Given) -> dict[str, float]:
    """Batches on one copy, single events on another one."""
    return {
        "HTTP, batches of 500": sent(given, "HTTP, batches of 500", given.records, BATCH, 4),
        "HTTP, single events": sent(
            given, "HTTP, single events", given.records[: len(given.records) // SINGLE], 1, 64
        ),
    }


def sent(given: Given, name: str, records: list[dict[str, object]], size: int, at_once: int) -> float:
    """Events a second that a server took from so many at once."""
    folder = given.fresh(name)
    head = f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key_of(folder)}\r\n"
    requests = list[bytes]()
    for start in range(0, len(records), size):
        body = body_of(records[start : start + size])
        requests.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    server = Server(folder, "--no-learn")
    try:

        async def send() -> tuple[list[tuple[int, bytes]], float]:
            pool = Pool(server.port, at_once)
            begun = time.perf_counter()
            replies = await closed_loop(pool, requests, at_once)
            took = time.perf_counter() - begun
            pool.close()
            return replies, took

        replies, took = uvloop.run(send())
    finally:
        server.stop()
    accepted = sum(json.loads(body)["accepted"] for status, body in replies if status == 200)
    assert accepted == len(records), f"{accepted} of {len(records)} were taken"
    return accepted / took


def body_of(records: list[dict[str, object]]) -> bytes:
    return json.dumps({"events": records}).encode()


def by_import(given: Given) -> dict[str, float]:
    count, least = len(given.records), imported(given, "one.jsonl")
    found = dict[str, float]()
    for form, name in FORMS.items():
        took = imported(given, name)
        found[f"import, {form}"] = count / took
        found[f"import, {form}, less one event"] = count / max(took - least, 1e-3)
    return found


def imported(given: Given, name: str) -> float:
    """Seconds of the command."""
    folder = given.fresh(f"import {name}")
    command = [PENCHANT, "import", "--shop", str(folder), str(given.place / name)]
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    return time.perf_counter() - begun


FORMS = {"parquet": "events.parquet", "JSON lines": "events.jsonl"}
ORDER = [
    *STORE, "HTTP, batches of 500", "HTTP, single events",
    *(f"import, {form}{less}" for form in FORMS for less in ("", ", less one event")), "disk",
]  # fmt: skip


def to_store(rates: dict[str, float]) -> dict[str, float]:
    """Each rate as a share of the faster one of the store's.

    >>> to_store({"store, 500 a commit": 100.0, "store, 2,000 a commit": 200.0, "disk": 300.0})["disk"]
    1.5
    """
    best = max(rates[name] for name in STORE)
    return {name: round(rate / best, 3) for name, rate in rates.items()}


def show(found: dict) -> None:
    table = Table(title=f"{found['events']:,} events into {found['shop']['events']:,}")
    for column in ("", "events a second", "to store"):
        table.add_column(column, justify="left" if not column else "right")
    for name, rate in found["per_s"].items():
        table.add_row(name, f"{rate:,.0f}", f"{found['to_store'][name]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
