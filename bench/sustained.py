"""Minutes of steady load on a server, three times what it can take after that, and an event's way to a list.

    python bench/sustained.py --shop myshop               # any shop with a model; users and items are made up
    python bench/sustained.py --shop myshop --minutes 8 --lists 300 --events 500

Runs the real server as a process of its own on a copy of the shop, its learner beside it unless it is told
``--no-learn``, and asks it from another process on the same machine (``openloop.py``) at a fixed rate,
whatever becomes of the answers: a request's latency counts from the moment at which it was due. Events are
views of random people, one in a request unless ``--batch`` says otherwise, durable when answered. One after
the other:

* every person is asked for once, and what the server takes at most is measured: the same mixture by 64 who
  ask again at once;
* ``warm``, then ``sustained``: the given rates. Beside them, 10 times a second, somebody about whom nobody
  else asks does something, and once that is acknowledged asks for the list: ``event, then list``;
* ``overload``: the same mixture at three times what the server takes, for 20 s. Told 429 is ``refused``,
  anything else that is no right answer ``failed``;
* ``after``: the given rates again. ``recovery`` is when the p99 of all requests, second by second, is for
  three seconds in a row no higher than in all but a twentieth of the seconds of ``sustained``, without
  anything refused or failed.

The time to make 4 KiB durable is measured in the same folder before, after, and every five seconds meanwhile.
Memory is that of the processes that answer; its slope is by least squares over ``sustained``. Writes a table
and bench/results/sustained.json; bench/serving_docs.py makes docs/serving.md of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from floors import flushes_ms
from loadstats import after_event_bars, in_windows, percentiles, recovered_after, slope_percent
from openloop import EVENT, LIST, Plan
from servers import Server, copy_of, items_of, key_of
from tables import RESULTS

PEOPLE, PROBED, ITEMS = 2_000, 500, 3_000
PHASES = ("warm", "sustained", "overload", "after")
WIDTH, STEADY = 1.0, 3
"""Seconds of a window, and windows in a row that must be normal."""
PLOTTED, NEVER = 5.0, 3.6e6
"""Seconds of a point in the picture; ms that stand for ever."""
FLUSH_EVERY = 5.0
FLUSHES = 100
ROUTES = {"lists": LIST, "events": EVENT}


@dataclass
class Watched:
    """What was seen from outside while the load ran; moments of the monotonic clock."""

    server: Server
    folder: Path
    at: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    flush: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        flushed = 0.0
        while not self._stop.wait(WIDTH):
            now = time.monotonic()
            self.at.append(now)
            self.memory.append(self.server.resident_mib())
            if now - flushed >= FLUSH_EVERY:
                flushed = now
                self.flush += flushes_ms(self.folder, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--warm", type=float, default=30.0, help="seconds")
    parser.add_argument("--overload-seconds", type=float, default=20.0)
    parser.add_argument("--lists", type=float, default=300.0, help="a second")
    parser.add_argument("--events", type=float, default=500.0, help="a second")
    parser.add_argument("--batch", type=int, default=1, help="events of a request")
    parser.add_argument("--poisson", action="store_true", help="at random moments, else evenly spaced")
    parser.add_argument("--probes", type=float, default=10.0, help="a second")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--no-learn", action="store_true")
    parser.add_argument("--json-file", type=Path, default=RESULTS / "sustained.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = {"shop": copy_of(asked.shop, Path(place) / "shop"), **measured(Path(place), asked)}
    asked.json_file.parent.mkdir(exist_ok=True)
    asked.json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found)


def measured(place: Path, asked: argparse.Namespace) -> dict:
    """One run, told as figures."""
    shop, more = place / "shop", ["--no-learn"] if asked.no_learn else []
    plan_of = planned(shop, asked)
    before = flushes_ms(place, FLUSHES)
    server = Server(shop, "--processes", str(asked.processes), *more)
    try:
        server.wait_for(asked.processes)
        plan_of(server.port).write(place / "plan.json")
        watched = Watched(server, place)
        try:
            begun = driven(place)
        finally:
            watched.stop()
    finally:
        server.stop()
    flush = [before, watched.flush, flushes_ms(place, FLUSHES)]
    with np.load(place / "load.npz", allow_pickle=False) as file:
        load = dict(file)
    return {
        "machine": {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)},
        "asked": {name: value for name, value in vars(asked).items() if not isinstance(value, Path)},
        "flush_ms": dict(
            zip(
                ("before", "during", "after"), (round(float(np.median(one)), 3) for one in flush), strict=True
            )
        ),
        **told(load, phases_of(asked)),
        **after_event(load, flush[0] + flush[2]),
        "memory": memory_of(watched, begun, phases_of(asked)),
    }


def phases_of(asked: argparse.Namespace) -> list[tuple[str, float, float, float]]:
    lengths = (asked.warm, 60 * asked.minutes, asked.overload_seconds, 30.0)
    return [(name, each, asked.lists, asked.events) for name, each in zip(PHASES, lengths, strict=True)]


def planned(shop: Path, asked: argparse.Namespace):
    """A plan, once the port is known."""
    key, items = key_of(shop), items_of(shop, ITEMS)

    def plan(port: int) -> Plan:
        return Plan(
            port=port, key=key, items=items, phases=phases_of(asked),
            users=[f"load{number:04d}" for number in range(PEOPLE)],
            probed=[f"probe{number:04d}" for number in range(PROBED)],
            probes=asked.probes, batch=asked.batch, poisson=asked.poisson,
            core=max(os.sched_getaffinity(0)),
        )  # fmt: skip

    return plan


def driven(place: Path) -> float:
    """Run the load to its end; the moment of the monotonic clock at which it began."""
    command = [sys.executable, str(Path(__file__).with_name("openloop.py")), "plan.json", "load.npz"]
    done = subprocess.run(command, cwd=place, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[1])


def told(load: dict[str, np.ndarray], phases: list[tuple[str, float, float, float]]) -> dict:
    """Latencies by phase and route, how late the load itself was, and when all was normal again."""
    ms, lag = 1e3 * load["taken"], 1e3 * load["lag"]
    found, start = {}, 0.0
    for number, (name, seconds, _, _) in enumerate(phases):
        rows = load["phase"] == number
        found[name] = {
            route: of_route(ms, load["status"], rows & (load["kind"] == kind), seconds)
            for route, kind in ROUTES.items()
        } | {"lag": percentiles(lag[rows]), "seconds": seconds, "from_s": start}
        start += seconds
    return {
        "saturation_per_s": round(float(load["answers"]), 1),
        "load": {"busy": round(float(load["busy"]), 3), "connections": int(load["connections"])},
        "phases": found,
        "recovery": recovery(load, found),
        "series": series(load, start),
    }


def of_route(ms: np.ndarray, status: np.ndarray, rows: np.ndarray, seconds: float) -> dict:
    right, refused = rows & (status == 200), int((rows & (status == 429)).sum())
    return percentiles(ms[right]) | {
        "asked_per_s": round(int(rows.sum()) / seconds, 1),
        "per_s": round(int(right.sum()) / seconds, 1),
        "refused": refused,
        "failed": int(rows.sum() - right.sum()) - refused,
        "server_errors": int((rows & (status >= 500)).sum()),
        "wrong": by_status(status[rows]),
    }


def by_status(status: np.ndarray) -> dict[str, int]:
    """How many of each status but 200; 0 for a connection that broke or no answer, -1 for a wrong answer.

    >>> by_status(np.array([200, 429, 0, 429]))
    {'0': 1, '429': 2}
    """
    found, counts = np.unique(status[status != 200], return_counts=True)
    return {str(one): int(count) for one, count in zip(found, counts, strict=True)}


def recovery(load: dict[str, np.ndarray], found: dict) -> dict:
    """Seconds after the overload until all is as before it."""
    due, ms, wrong = load["due"], 1e3 * load["taken"], load["status"] != 200
    steady = found["sustained"]
    of_steady = load["phase"] == PHASES.index("sustained")
    _, usual = in_windows(due[of_steady] - steady["from_s"], _slow(ms[of_steady]), WIDTH, steady["seconds"])
    normal = float(np.nanquantile(usual, 0.95))
    rows = load["phase"] == PHASES.index("after")
    at, seconds = due[rows] - found["after"]["from_s"], found["after"]["seconds"]
    _, p99 = in_windows(at, _slow(ms[rows]), WIDTH, seconds)
    bad = np.histogram(at[wrong[rows]], bins=len(p99), range=(0, len(p99) * WIDTH))[0] > 0
    return {"normal_p99_ms": round(normal, 2), "seconds": recovered_after(p99, bad, normal, WIDTH, STEADY)}


def _slow(ms: np.ndarray) -> np.ndarray:
    """What was never answered took longer than anything."""
    return np.where(np.isnan(ms), NEVER, ms)


def series(load: dict[str, np.ndarray], end: float) -> dict:
    """For the picture: latencies of right answers in windows over the whole run."""
    found, ms = {"width_s": PLOTTED}, 1e3 * load["taken"]
    for route, kind in ROUTES.items():
        rows = (load["kind"] == kind) & (load["status"] == 200)
        p50, p99 = in_windows(load["due"][rows], ms[rows], PLOTTED, end)
        found[route] = {
            name: [None if np.isnan(one) else round(float(one), 2) for one in values]
            for name, values in (("p50_ms", p50), ("p99_ms", p99))
        }
    return found


def after_event(load: dict[str, np.ndarray], flush: list[float]) -> dict:
    """From the event to the changed list, with what the issue allows on this machine."""
    whole = 1e3 * load["listed"]
    right = whole[~np.isnan(whole)]
    posted = 1e3 * load["posted"][~np.isnan(whole)]
    return {
        "event_then_list": percentiles(right) | {
            "failed": len(whole) - len(right),
            "wrong": by_status(load["probed"]),
            "changed": round(float(load["changed"]), 4),
            "of it the event": percentiles(posted),
            "flush_ms": round(float(np.median(flush)), 3),
            "at_most": after_event_bars(float(np.median(flush))),
        }
    }  # fmt: skip


def memory_of(watched: Watched, begun: float, phases: list[tuple[str, float, float, float]]) -> dict:
    warm, steady = phases[0][1], phases[1][1]
    seen = [
        (at - begun, mib)
        for at, mib in zip(watched.at, watched.memory, strict=True)
        if warm <= at - begun <= warm + steady
    ]
    at, mib = [one for one, _ in seen], [one for _, one in seen]
    return {
        "first_mib": round(mib[0], 1), "last_mib": round(mib[-1], 1), "samples": len(seen),
        "slope_percent_a_minute": slope_percent(at, mib),
        "second_half_percent_a_minute": slope_percent(at[len(at) // 2 :], mib[len(mib) // 2 :]),
        "series": {"seconds": [round(one, 1) for one in at[:: int(PLOTTED)]],
                   "mib": [round(one, 1) for one in mib[:: int(PLOTTED)]]},
    }  # fmt: skip


def show(found: dict) -> None:
    table = Table(title=f"{found['shop']['items']:,} items, {found['shop']['events']:,} events")
    for column in ("", "asked/s", "right/s", "p50 ms", "p99 ms", "max ms", "refused", "failed", "5xx"):
        table.add_column(column, justify="left" if not column else "right")
    for name, phase in found["phases"].items():
        for route in ROUTES:
            row = phase[route]
            table.add_row(
                f"{name}, {route}",
                *(f"{row[key]:,.0f}" for key in ("asked_per_s", "per_s")),
                *(f"{row[key]:,.2f}" for key in ("p50_ms", "p99_ms", "max_ms")),
                *(f"{row[key]:,}" for key in ("refused", "failed", "server_errors")),
            )
    console = Console(width=120)
    console.print(table)
    lag = {name: phase["lag"]["p99_ms"] for name, phase in found["phases"].items()}
    console.print(
        f"load late by, p99 ms: {lag}; busy {found['load']['busy']:.0%} of its core", highlight=False
    )
    console.print(f"event, then list: {found['event_then_list']}", highlight=False)
    memory = {name: value for name, value in found["memory"].items() if name != "series"}
    console.print(
        f"saturation {found['saturation_per_s']:,.0f}/s; recovery {found['recovery']}; memory {memory}"
    )


if __name__ == "__main__":
    main()
