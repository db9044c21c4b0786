"""Which detector, and how it does: ``python bench/drift.py [--quick]``.

First the prequential quality alone, through many detectors at once: false alarms in 100,000 events of a shop
with heavy-tailed people, visits and the cycles of day and week, and how many events pass before a fall of the
quality is noticed. Then the whole watch with the detector that was chosen: all streams, several shops, and
the simulated shop whose people change their taste.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from penchant.adapters.river_drift import make_detector
from penchant.learn.drift import DriftSettings, DriftWatch, Seen
from penchant.learn.drift.kinds import KINDS
from penchant.learn.drift.stream import Stream
from penchant.testing.drifting import Drifting, drifting
from penchant.types import EventType

RESULT = Path(__file__).parent / "results" / "drift.json"
IN_TIME = 2_000
AT, EVENTS = 40_000, 52_000
NEVER = EVENTS - AT
"""A change that is not noticed by then counts as that late."""
FALLS = [(hits, factor) for hits in (0.25, 0.5) for factor in (0.5, 0.6, 0.7, 0.8, 0.9)]
BLOCKS = (50, 100, 200)
PAGE = {0.25: (8, 10, 12, 14), 0.35: (6, 7, 7.5, 8, 10), 0.5: (5, 6, 7, 8)}
SCORED = {
    f"page-hinkley {delta:g} {threshold:g}": partial(
        make_detector, name="page-hinkley", delta=delta, threshold=threshold
    )
    for delta, thresholds in PAGE.items()
    for threshold in thresholds
}
SCORED |= {
    f"adwin {delta:g}": partial(make_detector, name="adwin", delta=delta) for delta in (0.3, 0.05, 0.002)
}
SCORED |= {f"kswin {alpha:g}": partial(make_detector, name="kswin", alpha=alpha) for alpha in (1e-2, 1e-4)}
RAW = {
    f"adwin {delta:g}": partial(make_detector, name="adwin", delta=delta, clock=32, min_window_length=5)
    for delta in (2e-3, 1e-5, 1e-9, 1e-15)
}
RAW |= {
    f"page-hinkley 0.005 {threshold}": partial(
        make_detector, name="page-hinkley", delta=0.005, threshold=threshold, min_instances=30
    )
    for threshold in (25, 50, 100)
}
"""What one would do first: give the detector each event's quality as it is."""


class Panel:
    """Many detectors on the same numbers. It never alarms itself, so that none disturbs the others."""

    def __init__(self, makers, tell):
        self._makers, self._tell = makers, tell
        self.reset()

    def reset(self):
        self._all = {name: make(1) for name, make in self._makers.items()}

    def update(self, value):
        self._tell([name for name, one in self._all.items() if one.update(value)])
        return False


def panel(makers, tell):
    return lambda _: Panel(makers, tell)


class Trial:
    """One shop through everything; ``alarms`` has positions by input and detector."""

    def __init__(self, blocks):
        self.alarms, self._now = defaultdict(list), 0
        self._raw = Panel(RAW, partial(self._told, "events"))
        self._streams = [
            # Detectors are not made anew of what is kept: alarms at old numbers would be told again.
            Stream(
                KINDS[0],
                panel(SCORED, partial(self._told, f"blocks of {block}")),
                DriftSettings(block=block, warm_blocks=3_000 // block, keep=10**6),
            )
            for block in blocks
        ]

    def run(self, shop, seed):
        for seen in drifting(shop, np.random.default_rng(seed)):
            if seen.quality is not None:
                self._now = seen.position
                self._raw.update(seen.quality)
                for stream in self._streams:
                    stream.add(seen.time, seen.position, seen.person, seen.quality)
        return self.alarms

    def _told(self, source, names):
        for name in names:
            self.alarms[source, name].append(self._now)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs, nothing is written")
    parser.add_argument("--part", choices=("detectors", "watch", "simulated", "all"), default="all")
    options = parser.parse_args()
    shops = 1 if options.quick else 10
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    for name, part in {"detectors": detectors, "watch": watch, "simulated": simulated}.items():
        if options.part in {name, "all"}:
            begin = time.process_time()
            result[name] = part(shops)
            print(f"{name}: {time.process_time() - begin:.0f} s of processor time", flush=True)
            if not options.quick:
                RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def detectors(shops):
    """Rows of input and detector: false alarms in 100,000 events, and delays by hits and factor."""
    base = Drifting(events=200_000, waves=0.3)
    still = [Trial(BLOCKS).run(base, seed) for seed in range(shops)]
    found = {}
    for hits, factor in FALLS:
        shop = replace(base, events=EVENTS, at=AT, hits=hits, quality=factor)
        found[hits, factor] = [Trial(BLOCKS).run(shop, 1_000 + seed) for seed in range(shops)]
    sources = [("events", name) for name in RAW]
    sources += [(f"blocks of {block}", name) for block in BLOCKS for name in SCORED]
    rows = []
    for source in sources:
        false = sum(len(alarms[source]) for alarms in still) / (2 * shops)
        row = {"input": source[0], "detector": source[1], "false_per_100k": round(false, 2), "delays": {}}
        for (hits, factor), runs in found.items():
            row["delays"][f"{hits:g} x {factor:g}"] = delay([alarms[source] for alarms in runs])
        rows.append(row)
        falls = [f"{row['delays'][f'{hits:g} x {factor:g}']['median']:>6}" for hits, factor in FALLS]
        print(f"{source[0]:>14} {source[1]:24} {false:8.2f} ", *falls, flush=True)
    return rows


def delay(runs):
    """Median of the events from the change to the first alarm, and the share of runs in time."""
    late = [min((at - AT for at in alarms if at > AT), default=NEVER) for alarms in runs]
    return {
        "median": round(statistics.median(late)),
        "in_time": sum(one <= IN_TIME for one in late) / len(late),
    }


STILL = {
    "still": Drifting(events=100_000),
    "cycles": Drifting(events=100_000, waves=0.3),
    "half are hits": Drifting(events=100_000, hits=0.5, waves=0.3),
    "20,000 a day": Drifting(events=400_000, per_day=20_000.0, waves=0.3),
    "300 a day": Drifting(events=50_000, per_day=300.0, people=400, waves=0.3),
    "trend of +50%": Drifting(events=100_000, waves=0.2, trend=0.5),
}
LATE = {"at": 100_000, "events": 120_000}
"""Purchases and searches are few: their level is known later."""
CHANGES = {
    "quality x 0.5": ({"quality": 0.5}, "quality", ""),
    "quality x 0.7": ({"quality": 0.7}, "quality", ""),
    "quality x 0.8": ({"quality": 0.8}, "quality", ""),
    "category 7 x 3": ({"category": 3.0}, "category", "category 7"),
    "category 7 x 2": ({"category": 2.0}, "category", "category 7"),
    "category 7 x 3 (purchases)": ({"category": 3.0, **LATE}, "purchase-category", "category 7"),
    "purchases x 2": ({"purchases": 2.0}, "event-type", "purchase"),
    "prices x 1.3": ({"price": 1.3}, "price", ""),
    "new items x 2": ({"new": 2.0}, "new-items", "new"),
    "a new word in 15% of searches": ({"word": 0.15, **LATE}, "search-words", "lantern"),
}


def watch(shops):
    """All streams: false alarms by shop; delay, and was the right thing named, by change."""
    result = {"false": {}, "changes": {}}
    for name, shop in STILL.items():
        alarms, events = [], 0
        for seed in range(2 * shops if shop.events <= 100_000 else max(1, shops // 2)):
            alarms += DriftWatch(make_detector).see_all(drifting(shop, np.random.default_rng(seed)))
            events += shop.events
        rate = 100_000 * len(alarms) / events
        told = [alarm.what for alarm in alarms]
        result["false"][name] = {
            "events": events,
            "alarms": len(alarms),
            "per_100k": round(rate, 3),
            "what": told,
        }
        print(
            f"{name:32} {events:>9} events {len(alarms):>3} alarms {rate:.3f} in 100,000", *told, sep="\n    "
        )
    for name, (change, stream, moved) in CHANGES.items():
        shop = Drifting(**{"waves": 0.3, "events": EVENTS, "at": AT, **change})
        runs = [
            DriftWatch(make_detector).see_all(drifting(shop, np.random.default_rng(2_000 + seed)))
            for seed in range(shops)
        ]
        result["changes"][name] = found = changed(runs, shop, stream, moved)
        print(f"{name:32} {found}", flush=True)
    return result


def changed(runs, shop, stream, moved):
    """Delay of the first alarm of one stream and of any; how often it came, and named what moved."""
    first = [next((a for a in run if a.position > shop.at and a.stream == stream), None) for run in runs]
    never = shop.events - shop.at
    late = [alarm.position - shop.at if alarm else never for alarm in first]
    any_late = [
        min((a.position - shop.at for a in run if a.position > shop.at), default=never) for run in runs
    ]
    told = [alarm for alarm in first if alarm]
    return {
        "median": round(statistics.median(late)),
        "in_time": sum(one <= IN_TIME for one in late) / len(late),
        "noticed": len(told) / len(runs),
        "any_stream": round(statistics.median(any_late)),
        "named": sum(alarm.name == moved for alarm in told) / max(1, len(told)),
        "before": sum(a.position <= shop.at for run in runs for a in run),
        "example": told[0].what if told else "",
        "estimated": round(statistics.median(alarm.events for alarm in told)) if told else 0,
    }


def simulated(shops):
    """The simulated shop: a model knows everybody's taste until some change it, then only the old one."""
    from penchant.testing.simulated import Shock, SimulatedSettings

    base = SimulatedSettings(people=2_000, items=500, events=100_000)
    result = {}
    for name, settings in {
        "nothing changes": base.still(),
        "drift, season, fashion, new items": replace(base, shock=None),
        "all change": replace(base.still(), shock=Shock(people=1.0)),
        "all change, amid the rest": replace(base, shock=Shock(people=1.0)),
        "half change, amid the rest": replace(base, shock=Shock(people=0.5)),
        "a fifth change, amid the rest": replace(base, shock=Shock(people=0.2)),
    }.items():
        result[name] = [of_simulated(replace(settings, seed=seed)) for seed in range(max(1, shops // 3))]
        print(name, *result[name], sep="\n    ", flush=True)
    return result


def of_simulated(settings):
    """Alarms of one simulated shop, with events after the shock."""
    from penchant.testing.simulated import SimulatedShop

    shop = SimulatedShop(settings)
    events = simulated_events(shop)
    alarms = DriftWatch(make_detector).see_all(events)
    shock = settings.start + settings.seconds * settings.shock.at if settings.shock else np.inf
    at = sum(seen.time < shock for seen in events)
    before = [seen.quality for seen in events[at - 5_000 : at]]
    after = [seen.quality for seen in events[at : at + 5_000]]
    return {
        "before": round(float(np.mean(before)), 3),
        "after": round(float(np.mean(after)), 3) if after else None,
        "alarms": [(alarm.position - at, alarm.stream.value, alarm.what) for alarm in alarms],
    }


def simulated_events(shop):
    histories, settings = shop.draw(), shop.settings
    order = np.argsort(histories.times, kind="stable")
    people, items, times = histories.person_of_event()[order], histories.items[order], histories.times[order]
    shock = settings.start + settings.seconds * settings.shock.at - 1 if settings.shock else np.inf
    gains = np.empty(len(order))
    for rows in np.array_split(np.arange(len(order)), 50):
        scores = shop.probabilities(people[rows], np.minimum(times[rows], shock))
        own = scores[np.arange(len(rows)), items[rows]]
        rank = (scores > own[:, None]).sum(axis=1)
        gains[rows] = np.where(rank < 10, 1 / np.log2(rank + 2.0), 0.0)
    month = 30 * 86_400.0
    goods = shop.goods
    return [
        Seen(
            position=at + 1, time=float(times[at]), person=f"{people[at]:032x}", type=EventType.PURCHASE,
            category=goods.categories[items[at]].split(" > ")[0], price=float(goods.prices[items[at]]),
            new=bool(settings.start < goods.arrivals[items[at]] > times[at] - month),
            quality=float(gains[at]),
        )
        for at in range(len(order))
    ]  # fmt: skip


if __name__ == "__main__":
    main()
