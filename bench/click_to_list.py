"""From a click to the changed list, over HTTP, one client: how long does it take?

    python bench/click_to_list.py --shop demo-shop              # a shop that `penchant demo` made
    python bench/click_to_list.py --make SHOP --train-seconds 60  # makes one first, if there is none

Runs the real server as a process of its own on a copy of the shop, so that the made-up clicks stay out of
it. One keep-alive connection; each person clicks an item of the list last shown, and gets the list again:

* ``api``: ``POST /v1/events`` (durable when answered), then ``GET /v1/users/ID/recommendations``;
* ``console``: one post, answered with the list, as the console's page does it.

The time is from sending the click to having read the changed list. Writes bench/results/click-to-list.json.
"""

import argparse
import json
import os
import platform
import random
import re
import subprocess
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from floors import flush_ms
from penchant.adapters.grocery import write_grocery
from servers import PENCHANT, Client, Server, copy_of, key_of, timed

RESULT = Path(__file__).parent / "results" / "click-to-list.json"
SIZE, BARS = 20, {"p50": 15.0, "p99": 50.0}
KINDS = ("click", "click", "click", "click", "view", "view", "cart", "purchase")
"""What a made-up person does with an item of a list; the console knows the last three."""


@dataclass
class Times:
    """Milliseconds by what took them, and how many lists changed."""

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    changed: int = 0

    def table(self):
        parts = {
            name: {
                "p50_ms": round(float(np.median(taken)), 2),
                "p90_ms": round(float(np.quantile(taken, 0.9)), 2),
                "p99_ms": round(float(np.quantile(taken, 0.99)), 2),
                "max_ms": round(max(taken), 2),
                "n": len(taken),
            }
            for name, taken in self.ms.items()
        }
        return {"changed": round(self.changed / len(self.ms["click to list"]), 4), "parts": parts}


def shop_of(chosen):
    """The folder of a shop with a model; made where ``--make`` names a new one."""
    if chosen.shop is not None:
        return chosen.shop
    shop = chosen.make
    if not (shop / "snapshots").exists():
        subprocess.run([PENCHANT, "init", "--shop", shop], check=True)
        with (shop / "shop.toml").open("a") as settings:
            settings.write(f"\n[train]\ntime_budget = {chosen.train_seconds:.1f}\n")
        files = write_grocery(shop / "source")
        subprocess.run([PENCHANT, "import", "--shop", shop, files.items, files.events], check=True)
        subprocess.run([PENCHANT, "train", "--shop", shop], check=True)
    return shop


def people_of(shop, count):
    """Shop's own ids of people, by chance but always the same."""
    events = shop / "source" / "events.parquet"
    if not events.exists():
        raise SystemExit(
            f"{events.name} is missing in the shop's source folder: it names the people to act as"
        )
    with duckdb.connect() as db:
        rows = db.read_parquet(str(events)).query("e", "SELECT DISTINCT user_id FROM e ORDER BY 1").fetchall()
    return [row[0] for row in random.Random(0).sample(rows, min(count, len(rows)))]


def through_api(server, key, people, clicks):
    """One event, then the list: two requests a click."""
    client, times, chance = Client(server.port, {"authorization": f"Bearer {key}"}), Times(), random.Random(1)
    times.ms["very first list"].append(timed(lambda: shown_to(client, people[0]))[1])
    for person in people[1:]:
        shown, took = timed(lambda person=person: shown_to(client, person))
        times.ms["first list of a person"].append(took)
        for _ in range(clicks):
            place = chance.randrange(len(shown["items"]))
            event = {
                "user_id": person,
                "item_id": shown["items"][place]["item_id"],
                "type": chance.choice(KINDS),
                "timestamp": time.time(),
                "recommendation_id": shown["recommendation_id"],
                "position": place,
            }
            told, post = timed(
                lambda event=event: json.loads(client.ask("POST", "/v1/events", {"events": [event]}))
            )
            if told["accepted"] != 1:
                raise SystemExit(f"the click was not taken in: {told}")
            now, get = timed(lambda person=person: shown_to(client, person))
            if not all(item["reason"]["kind"] for item in now["items"]) or len(now["items"]) != SIZE:
                raise SystemExit("a list without its reasons, or of another length")
            times.ms["click to list"].append(post + get)
            times.ms["  of it POST event"].append(post)
            times.ms["  of it GET list"].append(get)
            times.changed += ids(now) != ids(shown)
            shown = now
    return times


def through_console(server, people, clicks):
    """As the console's page does it: one post that answers with the list."""
    client, times, chance = Client(server.port), Times(), random.Random(2)
    client.ask("GET", f"/console?token={server.token}")
    found = client.ask("GET", "/console/people").decode()
    names = dict.fromkeys(re.findall(r'href="/console/people/([0-9a-f]+)"', found))
    for name in list(names)[:people]:
        page = client.ask("GET", f"/console/people/{name}").decode()
        client.headers["x-csrf-token"] = re.search(r'name="csrf" content="([^"]+)"', page).group(1)
        shown = [item for item in re.findall(r'data-item="([^"]*)"', page) if item]
        named = re.search(r'data-shown="([^"]+)"', page).group(1)
        for _ in range(clicks):
            place = chance.randrange(len(shown))
            body = {"item_id": shown[place], "type": chance.choice(KINDS[4:])}
            body |= {"recommendation_id": named, "position": place}
            reply, took = timed(
                lambda name=name, body=body: json.loads(
                    client.ask("POST", f"/console/people/{name}/events", body)
                )
            )
            times.ms["click to list"].append(took)
            now = [item["item_id"] for item in reply["items"]]
            times.changed += now != shown
            shown, named = now, reply["recommendation_id"]
    return times


def shown_to(client, person):
    return json.loads(client.ask("GET", f"/v1/users/{person}/recommendations?n={SIZE}"))


def ids(shown):
    return [item["item_id"] for item in shown["items"]]


def measure(shop, people, clicks):
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "shop"
        counted = copy_of(shop, copy)
        key = key_of(copy)
        flush = [flush_ms(copy)]
        server = Server(copy)
        try:
            api = through_api(server, key, people_of(shop, people + 1), clicks).table()
            console = through_console(server, people, clicks).table()
        finally:
            server.stop()
        flush.append(flush_ms(copy))
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "disk_flush_ms_before_and_after": flush,
    }
    return {
        "machine": machine, "shop": counted, "people": people, "clicks_each": clicks, "list": SIZE,
        "server_start_s": server.started_s, "bars_ms": BARS, "api": api, "console": console,
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--shop", type=Path, help="a shop of the demo's data with a model")
    which.add_argument("--make", type=Path, help="make one there, or use the one that is there")
    parser.add_argument(
        "--train-seconds", type=float, default=60.0, help="the time does not depend on quality"
    )
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--clicks", type=int, default=20, help="of each person")
    parser.add_argument("--json-file", type=Path, default=RESULT)
    chosen = parser.parse_args()
    found = measure(shop_of(chosen), chosen.people, chosen.clicks)
    for way in ("api", "console"):
        print(f"{way}: {found[way]['changed']:.1%} of lists changed")
        for name, row in found[way]["parts"].items():
            print(f"  {name:24}" + "".join(f"{key[:-3]:>5} {row[key]:8.2f} ms" for key in list(row)[:4]))
    chosen.json_file.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
