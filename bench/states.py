"""Size and time of taste states: ``python bench/states.py [--shop demo-shop] [--only-shop]``.

Steps through the histories of 200 people of the grocery with a model of the default settings: bytes of each
state at rest, processor time of each event, of a history read at once, of behaviour and of the scores of all
items. The model has had a second of training: neither sizes nor times depend on the weights.

With ``--shop`` the states of 500 people of the shop too, through its tracker: what those at rest take of the
process's memory, name and all, in 32 and in 16 bits a number, copied until there are as many as asked for;
how much their lists differ; how long a list's reading takes of who rested and of who is read anew; and an
event with the tracker around. Writes bench/results/states.json.
"""

import argparse
import gc
import json
import tempfile
import time
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from data import grocery
from penchant.app.engine import Engine
from penchant.app.shop import Shop
from penchant.model.records import Records
from penchant.model.saving import save_snapshot
from penchant.model.serving import load_serving
from penchant.model.settings import ModelSettings
from penchant.model.tokens import Token
from penchant.model.training import train
from penchant.recommend.candidates import top_k
from penchant.taste.memory import WAITING
from penchant.taste.rest import Resting
from penchant.types import Event, EventType, Logged, Pseudonym

RESULT = Path(__file__).parent / "results" / "states.json"
PRECISIONS, KEPT = ("float16", "float32"), []
SAMPLE, PEOPLE, ROUNDS = 500, 200, 5


def resident():
    """Bytes of memory of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def serving_model(histories, n_items, folder):
    """A model of the default settings; its item table is as long as the shop's."""
    settings = ModelSettings(threads=1, time_budget_s=1.0, max_epochs=1, validation=200)
    few = histories.keep(histories.person_of_event() < 100)
    model = train(few, None, settings, n_items=n_items)
    save_snapshot(model, folder, id_table_hash="", id_table_length=n_items, log_position=0)
    return load_serving(folder, None)


def history(histories, person):
    rows = range(histories.offsets[person], histories.offsets[person + 1])
    return [Token(int(histories.items[i]), int(histories.types[i]), float(histories.times[i])) for i in rows]


def spent(work):
    """What came of it, and microseconds of processor time of this thread."""
    start = time.thread_time_ns()
    done = work()
    return done, (time.thread_time_ns() - start) / 1e3


def stepped(model, tokens):
    """State after each token alone, and what each took."""
    state, times = model.initial(), []
    for token in tokens:
        state, took = spent(lambda token=token, state=state: model.step(state, token))
        times.append(took)
    return state, times


def of_the_grocery():
    """Sizes of states, microseconds of processor time."""
    data = grocery()
    histories, texts = data.histories, data.texts
    with tempfile.TemporaryDirectory() as folder:
        model = serving_model(histories, len(texts), Path(folder) / "one")
    people = np.random.default_rng(0).choice(histories.people, PEOPLE, replace=False).tolist()
    tokens = [history(histories, person) for person in people]
    states = [model.encode(one) for one in tokens]
    sizes = [replace(state, trace=None).nbytes for state in states]
    events, asked = [], []
    for _ in range(ROUNDS):
        times = [stepped(model, one)[1] for one in tokens[:20]]
        events.append(np.concatenate(times))
        asked.append([spent(lambda state=state: model.h(state, state.last))[1] for state in states])
    whole = [spent(lambda one=one: model.encode(one))[1] for one in tokens]
    records = Records.of_moments(histories, np.array(people), histories.offsets[np.array(people) + 1])
    scores = [
        spent(lambda n=n, state=state: model.scores(state, states[0].last, records.of(n)))[1]
        for n, state in enumerate(states)
    ]
    p50, p99 = (float(np.median([np.quantile(one, q) for one in events])) for q in (0.5, 0.99))
    return {
        "bytes at rest: least, median, most": [min(sizes), float(np.median(sizes)), max(sizes)],
        "entries of the repeat memory": model.manifest.settings["memory"],
        "step p50, us of processor time": round(p50, 1),
        "step p99, us of processor time": round(p99, 1),
        "behaviour p50, us": round(float(np.median(asked)), 1),
        "a whole history p50, us": round(float(np.median(whole))),
        "events of a history, median": float(np.median([len(one) for one in tokens])),
        "scores of all items p50, us": round(float(np.median(scores))),
        "entries of a record, median": float(np.median(np.diff(records.offsets))),
        "items": len(texts),
    }


def measured(tracker, log, people):
    """What the tracker of a shop keeps, and how long it takes."""
    found = [Pseudonym(person) for person in islice(log.people(), SAMPLE)]
    readings = {person: tracker.read(person) for person in found}
    hot = tracker._people._recents
    found = [person for person in found if readings[person] is not None and hot.get(person) is not None]
    recents = [hot.get(person) for person in found]
    return {
        "people asked for": len(found),
        "events each, mean": float(np.mean([one.passed + len(one.window) for one in recents])),
        **{precision: at_rest(tracker.model, recents, people, precision) for precision in PRECISIONS},
        "lists of half precision": agreement(tracker.model, [readings[person] for person in found], recents),
        **returns(tracker, found, recents),
        **clicks(tracker, log, found),
    }


def at_rest(model, recents, people, precision):
    """Memory of so many people at rest, in this process."""
    recents = [one for one in recents if one.passed] or recents
    gc.collect()
    before, rest = resident(), Resting(people, precision)
    for number, one in zip(range(people), cycle(recents), strict=False):
        rest.lay(Pseudonym(f"{number:032x}"), model, one.base, max(one.passed, 1), one.seen)
    taken = resident() - before
    KEPT.append(rest)  # What it frees would be counted for the next.
    return {
        "people": people,
        "bytes a person": round(taken / people),
        "MiB in all": round(taken / 2**20),
        "numbers": len(model.numbers(model.initial())),
    }


def agreement(model, readings, recents):
    """Top tens of states that rested in half precision against those that did not."""
    same, alike = [], 0
    for reading, one in zip(readings, recents, strict=True):
        halved = replace(one.base, encoder=one.base.encoder.astype(np.float16).astype(np.float32))
        state = halved
        for token in reading.window:
            state = model.step(state, token)
        now = reading.state.last + 3600.0
        tops = [
            top_k(scores, np.ones(len(scores), bool), 10).tolist()
            for scores in (
                model.scores(s, now, reading.record, reading.about) for s in (reading.state, state)
            )
        ]
        same.append(len(set(tops[0]) & set(tops[1])) / 10)
        alike += tops[0] == tops[1]
    return {"share of the top 10": float(np.mean(same)), "lists the same in order": alike / len(same)}


def returns(tracker, found, recents):
    """Milliseconds of reading people who rested, and of reading them anew."""
    times = {"a rested person's reading p50, ms": [], "a reading anew p50, ms": []}
    for rested in (True, False) * 2:
        for person, one in zip(found, recents, strict=True):
            tracker.forget(person)
            if rested:
                tracker._people._rest.lay(person, tracker.model, one.base, one.passed, one.seen)
            start = time.perf_counter()
            tracker.read(person)
            times[list(times)[not rested]].append(1e3 * (time.perf_counter() - start))
    return {name: round(float(np.median(one)), 2) for name, one in times.items()}


def clicks(tracker, log, found):
    """Microseconds of one more event of somebody in memory; it moves the state when that is asked for."""
    position, times = log.end(), []
    newest = max(tracker._people._tastes.get(person).last[0] for person in found)
    items = [logged.event.item_id for logged in log.follow(0, 1000)]
    for number in range(WAITING * len(found)):
        event = Event(
            user_id=found[number % len(found)],
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
    }


def of_a_shop(folder, people):
    with Shop(folder, writer=False) as shop:
        engine = Engine(shop)
        tracker = engine.recommender.tracker
        if tracker is None:
            raise SystemExit("the shop has no model: train it first")
        result = measured(tracker, shop.log, people)
        engine.close()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", type=Path)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--only-shop", action="store_true", help="the grocery's figures stay as they are")
    options = parser.parse_args()
    before = json.loads(RESULT.read_text(encoding="utf-8"))["grocery"] if options.only_shop else None
    result = {"grocery": before or of_the_grocery()}
    if options.shop is not None:
        result["shop"] = of_a_shop(options.shop, options.people)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
