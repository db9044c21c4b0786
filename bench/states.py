"""Size and time of taste states: ``python bench/states.py [--shop demo-shop] [--people 100000]``.

Steps through the histories of 200 people of the grocery with a model of the default settings: bytes of each
state at rest, processor time of each event, of a history read at once, of behaviour and of the scores of all
items. The model has had a second of training: neither sizes nor times depend on the weights.

With ``--shop`` the states of 500 people of the shop too, through its tracker, each as long as their history
makes it, copied until there are as many as asked for: memory of the process, and time of an event with the
tracker around. Writes bench/results/states.json.
"""

import argparse
import copy
import json
import tempfile
import time
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
from penchant.types import Event, EventType, Logged, Pseudonym

RESULT = Path(__file__).parent / "results" / "states.json"
SAMPLE, CLICKS, PEOPLE, ROUNDS = 500, 20_000, 200, 5


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
    sizes = [model.at_rest(state).nbytes for state in states]
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


def of_a_shop(folder, people):
    with Shop(folder, writer=False) as shop:
        engine = Engine(shop)
        tracker = engine.recommender.tracker
        if tracker is None:
            raise SystemExit("the shop has no model: train it first")
        if people > tracker._tastes.capacity:
            raise SystemExit(f"[serve] states of the shop holds {tracker._tastes.capacity} people at most")
        result = measured(tracker, shop.log, people)
        engine.close()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", type=Path)
    parser.add_argument("--people", type=int, default=100_000)
    options = parser.parse_args()
    result = {"grocery": of_the_grocery()}
    if options.shop is not None:
        result |= of_a_shop(options.shop, options.people)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
