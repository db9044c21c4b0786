"""An event and then the list of somebody who is not in memory: in the loop, in the thread, beside a warm one.

    python bench/cold_lists.py --pairs 200

Makes a simulated shop of 2,000 items with a small model and answers from it in this process, as the door
does it (``serve/gathered.py``), without HTTP. Lists of people in memory and events keep the loop busy. Beside
that, in turn: an event and then the list of a person who was not asked for yet, made in the loop (``loop``,
as the server does it for a short past) and in the thread (``thread``); and of one who was (``warm``). Writes
bench/results/cold-lists.json.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from penchant.app import work
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.serve.gathered import AtOnce, Gathered
from penchant.serve.http import EVENT_SECONDS, EVENTS_AT_ONCE, LISTS_AT_ONCE, PATIENCE
from penchant.serve.services import ListWanted
from penchant.testing.fakes import FakeTextEncoder
from penchant.testing.simulated import SimulatedSettings, SimulatedShop, event_records, item_records
from servers import copy_of, items_of

COMPANY = 4
"""Who else asks at the same time."""
RESULT = Path(__file__).parent / "results" / "cold-lists.json"
SETTINGS = """
[train]
max_epochs = 2
patience = 1
threads = 1
[learn]
on = false
"""


def world_of(people, events):
    return SimulatedShop(
        SimulatedSettings(people=people, items=2_000, interests=20, events=events, shock=None)
    )


def people_of(world):
    return sorted({event.user_id for event in event_records(world, world.draw())})


def silent(*_): ...


def make(folder, people, events):
    """A shop with a model of two epochs; how good its lists are does not matter here."""
    world = world_of(people, events)
    init_shop(folder, more=SETTINGS)
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        shop.items.upsert(list(item_records(world)))
        shop.intake().accept(list(map(as_record, event_records(world, world.draw()))))
        shop.assign_ids()
        given = work.material(shop, silent)
        work.keep_model(shop, work.train_model(shop, given, silent), given, {})
    return folder


def as_record(event):
    return {
        "user_id": event.user_id, "type": event.type.value, "timestamp": event.timestamp,
        "item_id": event.item_id, "sequence": event.sequence,
    }  # fmt: skip


def gathered(serving):
    """Events, and lists in both ways."""
    now = AtOnce(partial(serving.take_in_each, wait=False), lambda _: True, EVENT_SECONDS, 200, PATIENCE)
    listed = partial(serving.recommend_each, wait=False)
    known, tracker = serving.shop.pseudonymizer.pseudonym, serving.recommender.tracker
    ways = {
        "loop": serving.at_hand,
        "thread": lambda wanted: tracker.holds(known(wanted.user_id)),
    }
    return Gathered(serving.take_in_each, EVENTS_AT_ONCE, len, now), {
        # A machine that is busy with other things may not change the way in the middle.
        name: Gathered(
            serving.recommend_each, LISTS_AT_ONCE, at_once=AtOnce(listed, at_hand, 1e9, LISTS_AT_ONCE)
        )
        for name, at_hand in ways.items()
    }


def clicked(user, item):
    return [{"user_id": user, "item_id": item, "type": "view", "timestamp": time.time()}]


async def company(events, lists, people, items, pause):
    chance = random.Random()
    while True:
        user = chance.choice(people)
        if chance.random() < 0.5:
            await lists.ask(ListWanted(user, 20))
        else:
            await events.ask(clicked(user, chance.choice(items)))
        await asyncio.sleep(2 * pause * chance.random())


async def measure(serving, chosen, people, items):
    events, lists = gathered(serving)
    chance = random.Random(0)
    chance.shuffle(people)
    warm, cold = people[: chosen.warm], people[chosen.warm :][: 2 * chosen.pairs]
    for user in warm:
        await lists["loop"].ask(ListWanted(user, 20))
    others = [
        asyncio.create_task(company(events, lists["loop"], warm, items, COMPANY / chosen.rate))
        for _ in range(COMPANY if chosen.rate else 0)
    ]
    times = {"loop": [], "thread": [], "warm": []}

    async def pair(name, way, user):
        begun, worked = time.perf_counter(), time.process_time()
        await events.ask(clicked(user, chance.choice(items)))
        await lists[way].ask(ListWanted(user, 20))
        times[name].append((time.perf_counter() - begun, time.process_time() - worked))

    for one, other in zip(cold[::2], cold[1::2], strict=True):
        await pair("loop", "loop", one)
        await pair("thread", "thread", other)
        await pair("warm", "loop", chance.choice(warm))
    for task in others:
        task.cancel()
    return {name: told(1e3 * np.array(taken)) for name, taken in times.items()}


def told(taken):
    """Of times (n, 2): on the clock, and of the processor, which means little where others ask too."""
    clock, processor = taken.T
    return {
        "p50_ms": round(float(np.median(clock)), 2),
        "p99_ms": round(float(np.quantile(clock, 0.99)), 2),
        "processor_p50_ms": round(float(np.median(processor)), 2),
        "processor_p99_ms": round(float(np.quantile(processor, 0.99)), 2),
        "n": len(clock),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--warm", type=int, default=100, help="people in memory")
    parser.add_argument(
        "--rate", type=float, default=150.0, help="requests a second beside the pairs, 0 for none"
    )
    parser.add_argument("--shop", type=Path, help="one that --keep left, in place of a new one")
    parser.add_argument("--keep", type=Path, help="where to leave the shop that is made")
    parser.add_argument("--result", type=Path, default=RESULT)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        made = chosen.shop or make(chosen.keep or Path(room) / "made", 2_000, 24_000)
        items, people = items_of(made, 2_000), people_of(world_of(2_000, 24_000))
        copy_of(made, Path(room) / "copy")
        serving = Serving(Shop(Path(room) / "copy", writer=True, encoder=FakeTextEncoder()))
        try:
            found = asyncio.run(measure(serving, chosen, people, items))
        finally:
            serving.close()
    found |= {"rate": chosen.rate, "load_average": round(os.getloadavg()[0], 1)}
    for name in ("loop", "thread"):
        found[f"{name}_to_warm"] = {
            part: round(found[name][part] / found["warm"][part], 2) for part in ("p50_ms", "processor_p50_ms")
        }
    chosen.result.parent.mkdir(exist_ok=True)
    chosen.result.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
