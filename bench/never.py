"""What may not be shown is in no list, whatever changes meanwhile: over HTTP, many connections at once.

    python bench/never.py --requests 20000
    python bench/never.py --direct --shops 20 --requests 50000 --rate 100000 --churn 5 --connections 2

Serves a small simulated shop with a model as a process of its own. Clients ask for lists and send events at
a modest rate. With ``--direct`` the threads of clients are in the process of the shop and ask what stands
behind the HTTP door, which takes a fraction of the time. Meanwhile items are sold out, taken out of the
catalogue and come back, rules of the house exclude brands and give them an age limit, people turn adult or
are no longer known to be, opt out and in, never want to see an item, and are erased. Each list is held
against all that had been acknowledged before it was asked for and that nobody began to take back before it
was there. With ``--shops`` that many simulated shops follow each other. Writes bench/results/never.json, or
never-direct.json.
"""

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from penchant import cli
from penchant.app import work
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.catalog.feeds import items_of_records
from penchant.recommend.rules.document import document_of
from penchant.serve.http import list_reply
from penchant.serve.services import ListWanted
from penchant.testing.fakes import FakeTextEncoder
from penchant.testing.simulated import SimulatedSettings, SimulatedShop, event_records, item_records
from penchant.types import EventType
from servers import Client, free_port, is_ready

RESULTS = Path(__file__).parent / "results"
SETTINGS = """
[train]
dim = 8
layers = 1
text_dim = 8
max_epochs = 2
patience = 1
threads = 1
[learn]
on = false
[exploration]
share = 0.2
method = "uniform"
"""
BRANDS, SIZE, ADULT = 12, 12, 18
OWN = frozenset({"because-of", "bought-again", "looked-at", "about-you"})
"""Reasons that only somebody who is recognised has."""

Key = tuple[str, ...]
"""What is forbidden: an item to all, or something to one person."""


@dataclass
class Forbidden:
    """What holds: acknowledged, and nobody has begun to take it back. Each key has a number of its own
    each time, so that one that was gone in between is told from one that was not."""

    _held: dict[Key, int] = field(default_factory=dict)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *keys: Key) -> None:
        """They were acknowledged."""
        with self._lock:
            for key in keys:
                self._count += 1
                self._held.setdefault(key, self._count)

    def drop(self, *keys: Key) -> None:
        """Taking them back is about to begin."""
        with self._lock:
            for key in keys:
                self._held.pop(key, None)

    def now(self) -> dict[Key, int]:
        with self._lock:
            return dict(self._held)

    def throughout(self, before: dict[Key, int]) -> set[Key]:
        """Those of ``before`` that hold still and held all the time."""
        with self._lock:
            return {key for key, number in before.items() if self._held.get(key) == number}


class Direct:
    """What a client asks over HTTP, asked of the shop behind the door."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def ask(self, method: str, path: str, body: dict | None = None) -> bytes:
        serving, asked, body = self._serving, urllib.parse.urlsplit(path), body or {}
        match method, asked.path.split("/")[2:]:
            case "GET", ["users", user, "recommendations"]:
                query = urllib.parse.parse_qs(asked.query)
                wanted = ListWanted(user, int(query["n"][0]), "home", None, tuple(query["exclude"]))
                (shown,) = serving.recommend_each([wanted])
                return msgspec.json.encode(list_reply(shown, user))
            case "POST", ["events"]:
                (taken,) = serving.take_in_each([body["events"]])
                if taken.rejected:
                    raise SystemExit(f"an event was refused: {taken.rejected[0]}")
            case "PUT", ["items"]:
                serving.upsert_items(body["items"])
            case "DELETE", ["items"]:
                serving.delete_items(body["item_ids"])
            case "PUT", ["rules"]:
                serving.rules.save_rules(json.dumps(body["document"]).encode(), "bench", "", None)
            case "PUT", ["users", user, "consent"]:
                serving.set_consent(user, body["profiling"])
            case "PUT", ["users", user, "attributes"]:
                serving.set_attributes(user, body)
            case "PATCH", ["users", user, "taste"]:
                serving.correct_taste(user, body)
            case "DELETE", ["users", user]:
                serving.erase(user)
            case _:
                raise SystemExit(f"nothing stands behind {method} {path}")
        return b""

    def close(self) -> None: ...


Door = Client | Direct


@dataclass
class World:
    """A served shop as its clients know it; ``brand_of`` each item. ``client`` makes one more."""

    client: Callable[[], Door]
    people: list[str]
    brand_of: dict[str, str]
    seed: int = 0
    forbidden: Forbidden = field(default_factory=Forbidden)
    wrong: Counter = field(default_factory=Counter)
    changes: Counter = field(default_factory=Counter)
    seen: Counter = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    alone: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    """Of a person: who clicks and who changes the person take turns, so that it is known which was last."""
    broken: list[str] = field(default_factory=list)


def faults(world: World, user: str, held: set[Key], excluded: set[str], items: list[dict]) -> list[str]:
    """What of a list may not be there, by kind."""
    found: list[str] = []
    for item in items:
        name = item["item_id"]
        brand = world.brand_of[name]
        found += [kind for kind in ("sold out", "deleted") if (kind, name) in held]
        found += ["excluded by a rule"] * (("brand", brand) in held)
        found += ["age limit"] * ({("limited", brand), ("not adult", user)} <= held)
        found += ["never wanted"] * (("wish", user, name) in held)
        found += ["excluded by the request"] * (name in excluded)
        found += ["not recognised"] * (("stranger", user) in held and item["reason"]["kind"] in OWN)
    found += ["twice"] * (len({item["item_id"] for item in items}) < len(items))
    return found


def ask(world: World, client: Door, draw: random.Random) -> None:
    """One list, held against what was known before it was asked for."""
    user = draw.choice(world.people)
    excluded = set(draw.sample(sorted(world.brand_of), 2))
    query = "".join(f"&exclude={name}" for name in excluded)
    before = world.forbidden.now()
    begun = time.perf_counter()
    raw = client.ask("GET", f"/v1/users/{user}/recommendations?n={SIZE}&placement=home{query}")
    took = time.perf_counter() - begun
    held = world.forbidden.throughout(before)
    items = json.loads(raw)["items"]
    found = faults(world, user, held, excluded, items)
    with world.lock:
        world.took.append(took)
        world.wrong.update(found)
        world.seen["items"] += len(items)
        world.seen["facts held against lists"] += len(held)
        world.seen["lists of who is not recognised"] += ("stranger", user) in held
        world.seen["personal lists"] += any(item["reason"]["kind"] in OWN for item in items)


def click(world: World, client: Door, draw: random.Random) -> None:
    """An event; who was erased is known again from then on."""
    user, item = draw.choice(world.people), draw.choice(sorted(world.brand_of))
    with world.alone[user]:
        if ("opted out", user) not in world.forbidden.now():
            world.forbidden.drop(("stranger", user))
        event = {"user_id": user, "item_id": item, "type": "view", "timestamp": time.time()}
        client.ask("POST", "/v1/events", {"events": [event]})


def shopper(world: World, client: Door, seed: int, requests: int, pause: float) -> None:
    draw, due = random.Random(seed), time.perf_counter()
    for _ in range(requests):
        (click if draw.random() < 0.2 else ask)(world, client, draw)
        due = max(due + 2 * pause * draw.random(), time.perf_counter() - 1.0)
        time.sleep(max(0.0, due - time.perf_counter()))


def change_catalogue(world: World, client: Door, draw: random.Random) -> None:
    """An item is sold out, comes back, or leaves the catalogue."""
    name = draw.choice(sorted(world.brand_of))
    what = draw.choice(("sold out", "deleted", "there"))
    if what == "deleted":
        client.ask("DELETE", "/v1/items", {"item_ids": [name]})
    else:
        if what == "there":
            world.forbidden.drop(("sold out", name), ("deleted", name))
        else:
            world.forbidden.drop(("deleted", name))
        item = {"item_id": name, "title": name, "brand": world.brand_of[name], "available": what == "there"}
        client.ask("PUT", "/v1/items", {"items": [item]})
    if what != "there":
        world.forbidden.add((what, name))
    world.changes[f"item {what}"] += 1


def change_rules(world: World, client: Door, draw: random.Random) -> None:
    """Other brands are excluded or have an age limit."""
    brands = draw.sample(sorted(set(world.brand_of.values())), 4)
    rules = [("brand", brand) for brand in brands[:2]] + [("limited", brand) for brand in brands[2:]]
    held = [key for key in world.forbidden.now() if key[0] in ("brand", "limited")]
    world.forbidden.drop(*(key for key in held if key not in rules))
    rows = [
        {"rule": f'"{kind} {brand}"', "brand": f'"{brand}"'}
        | ({"action": '"exclude"'} if kind == "brand" else {"action": '"age"', "amount": str(ADULT)})
        for kind, brand in rules
    ]
    client.ask("PUT", "/v1/rules", {"document": json.loads(document_of(rows))})
    world.forbidden.add(*rules)
    world.changes["rules"] += 1


def change_person(world: World, client: Door, draw: random.Random) -> None:
    user = draw.choice(world.people)
    with world.alone[user]:
        change_one(world, client, draw, user)
    world.changes["person"] += 1


def change_one(world: World, client: Door, draw: random.Random, user: str) -> None:
    """Consent, age, a wish, or an erasure. Who opted out has no age and no wishes."""
    home, forbidden = f"/v1/users/{user}", world.forbidden
    opted_out = ("opted out", user) in forbidden.now()
    wishes = [key for key in forbidden.now() if key[:2] == ("wish", user)]
    match draw.choice(("out", "in", "adult", "child", "wish", "erase")):
        case "out":
            forbidden.drop(*wishes)
            client.ask("PUT", f"{home}/consent", {"profiling": False})
            forbidden.add(("opted out", user), ("stranger", user), ("not adult", user))
        case "in":
            forbidden.drop(("opted out", user), ("stranger", user), ("not adult", user))
            client.ask("PUT", f"{home}/consent", {"profiling": True})
        case "adult":
            if not opted_out:
                forbidden.drop(("not adult", user))
            client.ask("PUT", f"{home}/attributes", {"birth_year": "1970"})
        case "child":
            client.ask("PUT", f"{home}/attributes", {"birth_year": "2020"})
            forbidden.add(("not adult", user))
        case "wish":
            name = draw.choice(sorted(world.brand_of))
            body = {"corrections": [{"kind": "item", "name": name, "weight": "never"}]}
            client.ask("PATCH", f"{home}/taste", body)
            if not opted_out:
                forbidden.add(("wish", user, name))
        case _:
            forbidden.drop(*wishes, ("opted out", user))
            client.ask("DELETE", home)
            forbidden.add(("stranger", user), ("not adult", user))
            world.changes["erased"] += 1


def churner(world: World, client: Door, seed: int, stop: threading.Event, pause: float) -> None:
    """One alone changes things, so that it is known which change was last."""
    draw = random.Random(seed)
    while not stop.wait(pause):
        draw.choice((change_catalogue, change_catalogue, change_rules, change_person, change_person))(
            world, client, draw
        )


def guarded(world: World, stop: threading.Event, work_of, *arguments) -> None:
    client = world.client()
    try:
        work_of(world, client, *arguments)
    except BaseException as error:
        world.broken.append(f"{type(error).__name__}: {error}")
        stop.set()
        raise
    finally:
        client.close()


def churned(world: World, requests: int, connections: int, rate: float, churn: float) -> "Churned":
    """What lists held under ``churn`` changes a second, at ``rate`` requests a second."""
    stop, begun, seed = threading.Event(), time.monotonic(), 1_000 * world.seed
    changes = threading.Thread(target=guarded, args=(world, stop, churner, seed, stop, 1 / churn))
    clients = [
        threading.Thread(
            target=guarded,
            args=(world, stop, shopper, seed + 1 + n, requests // connections, connections / rate),
        )
        for n in range(connections)
    ]
    for thread in (changes, *clients):
        thread.start()
    for thread in clients:
        thread.join()
    stop.set()
    changes.join()
    if world.broken:
        raise SystemExit(world.broken[0])
    return Churned(world, time.monotonic() - begun)


@dataclass(frozen=True)
class Churned:
    """What clients of a world saw in so many seconds."""

    world: World
    seconds: float


def summary(found: list[Churned], requests: int, connections: int) -> dict:
    """The sums, as they are written to JSON."""

    def total(counts: Callable[[World], Counter]) -> dict[str, int]:
        sums = Counter()
        for one in found:
            sums.update(counts(one.world))
        return dict(sums)

    took = 1e3 * np.array([one for part in found for one in part.world.took])
    wrong = total(lambda world: world.wrong)
    return {
        "violations": sum(wrong.values()),
        "by_kind": wrong,
        "shops": len(found),
        "requests": requests,
        "lists": len(took),
        "connections": connections,
        "per_second": round(requests / sum(one.seconds for one in found), 1),
        "list_ms": {name: round(float(np.quantile(took, q)), 1) for name, q in (("p50", 0.5), ("p99", 0.99))},
        "changes": total(lambda world: world.changes),
        "seen": total(lambda world: world.seen),
    }


@dataclass(frozen=True)
class Made:
    """A shop with a small model, not yet served, and a key to it."""

    folder: Path
    seed: int
    token: str
    people: list[str]
    brand_of: dict[str, str]

    def world(self, client: Callable[[], Door]) -> World:
        world = World(client, self.people, self.brand_of, self.seed)
        world.forbidden.add(*(("not adult", user) for user in self.people))  # Nobody's age is known.
        return world


def make(folder: Path, seed: int) -> Made:
    """Import a small simulated shop and train its model."""
    simulated = SimulatedShop(
        SimulatedSettings(people=200, items=120, interests=6, events=2_500, shock=None, seed=seed)
    )
    events = list(event_records(simulated, simulated.draw()))
    items = [
        {"item_id": item.item_id, "title": item.item_id, "brand": f"b{n % BRANDS}", "available": True}
        for n, item in enumerate(item_records(simulated))
    ]
    init_shop(folder, more=SETTINGS)
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        records = [
            {
                "user_id": one.user_id, "item_id": one.item_id, "timestamp": one.timestamp,
                "type": one.type.value, "sequence": one.sequence,
            }
            for one in events
            if one.type != EventType.SEARCH
        ]  # fmt: skip
        taken = shop.intake().accept(records)
        if taken.rejected:
            raise SystemExit(f"the simulated shop was refused: {taken.rejected[0]}")
        shop.assign_ids()
        shop.catalog.upsert(items_of_records(items, shop.settings).items)
        given = work.material(shop, silent)
        work.keep_model(shop, work.train_model(shop, given, lambda _: None), given, {})
        token = shop.keys.create(["admin"], shop.clock())
    people = sorted({one.user_id for one in events})
    return Made(folder, seed, token, people, {item["item_id"]: item["brand"] for item in items})


def silent(_what: str, _share: float) -> None: ...


def serve(folder: str, port: int) -> None:
    """``penchant serve``, with a text encoder that needs no download."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    Shop.encoder = FakeTextEncoder()  # type: ignore[method-assign,assignment]
    sys.exit(cli.main(["serve", "--shop", folder, "--port", str(port)]))


@contextmanager
def served(made: Made) -> Generator[World]:
    """By a process of its own, over HTTP."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(str(made.folder), port), daemon=True
    )
    process.start()
    while not is_ready(port):
        if not process.is_alive():
            raise SystemExit("the server does not start")
        time.sleep(0.2)
    headers = {"authorization": f"Bearer {made.token}", "content-type": "application/json"}
    try:
        yield made.world(lambda: Client(port, dict(headers)))
    finally:
        process.terminate()
        process.join(30)


@contextmanager
def opened(made: Made) -> Generator[World]:
    """By this process, without a door."""
    serving = Serving(Shop(made.folder, writer=True, encoder=FakeTextEncoder()))
    try:
        serving.warm()
        yield made.world(lambda: Direct(serving))
    finally:
        serving.close()


def run(
    requests: int, connections: int, rate: float, churn: float, *, direct: bool = False, shops: int = 1
) -> Generator[dict]:
    """``requests`` to each of ``shops`` shops, one after the other: after each the sums so far."""
    found: list[Churned] = []
    for seed in range(shops):
        with tempfile.TemporaryDirectory() as room:
            made = make(Path(room) / "shop", seed)
            with (opened if direct else served)(made) as world:
                found.append(churned(world, requests, connections, rate, churn))
        yield summary(found, len(found) * requests, connections)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--requests", type=int, default=20_000, help="to each shop")
    parser.add_argument("--shops", type=int, default=1)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--churn", type=float, default=20.0, help="changes a second")
    parser.add_argument("--direct", action="store_true", help="in this process, without HTTP")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    out = asked.out or RESULTS / ("never-direct.json" if asked.direct else "never.json")
    how = {"direct": asked.direct, "shops": asked.shops}
    for found in run(asked.requests, asked.connections, asked.rate, asked.churn, **how):
        out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(found, indent=2), flush=True)
        if found["violations"]:
            sys.exit("lists held what may not be shown")


if __name__ == "__main__":
    main()
