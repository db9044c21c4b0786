"""How long until what happened is in the weights that serve, and what does learning cost those who wait?

    python bench/freshness.py                     # 200 events a second, 60 s a phase
    python bench/freshness.py --rate 50 --seconds 30

A simulated shop of 3,000 people and 2,000 items is trained on its first 60,000 events. Then the real server
runs on it, and the rest of the log comes in over HTTP while another client asks for lists, one after another:

* ``quiet``: nothing comes in; * ``events``: events come in, no learner; * ``learning``: events come in, the
learner beside the server publishes what it learns, and makes a new snapshot with a new encoder in between.

Fresh is from the acknowledgement of a batch to the first ``/readyz`` that says it is learned and served
(asked twice a second). Writes bench/results/freshness.json.
"""

import argparse
import json
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from penchant.testing.simulated import SimulatedSettings, SimulatedShop, event_records, item_records
from servers import PENCHANT, Client, Server, key_of, timed

RESULT = Path(__file__).parent / "results" / "freshness.json"
TRAINED, BATCH, POLL = 60_000, 20, 0.5
SETTINGS = """
[train]
time_budget = {seconds}
threads = 1
[learn]
on = {on}
events = {events}
"""


@dataclass
class Phase:
    """What was seen while one server ran. Times in seconds since its beginning, latencies in ms.

    ``sent`` holds moment and number of events so far; ``begun_at`` is the log position before the first.
    ``learned`` holds what ``/readyz`` said.
    """

    lists: list[tuple[float, float]] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    sent: list[tuple[float, int]] = field(default_factory=list)
    learned: list[tuple[float, int, str]] = field(default_factory=list)
    late: float = 0.0
    begun_at: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rate", type=float, default=200.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each phase")
    parser.add_argument("--train-seconds", type=float, default=60.0)
    parser.add_argument("--pass-after", type=int, default=4_000, help="events after which a pass is made")
    asked = parser.parse_args()
    shop = SimulatedShop(SimulatedSettings(people=3_000, items=2_000, interests=20, events=100_000))
    events = [
        {name: value for name, value in msgspec.to_builtins(event).items() if value is not None}
        for event in event_records(shop, shop.draw())
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "shop"
        made(folder, shop, events[:TRAINED], asked)
        found = {"rate": asked.rate, "seconds": asked.seconds, "phases": {}}
        rest = events[TRAINED:]
        for name, rate, learner in (
            ("quiet", 0.0, False),
            ("events", asked.rate, False),
            ("learning", asked.rate, True),
        ):
            set_up(folder, asked, learner)
            count = int(rate * asked.seconds)
            phase = run(folder, rest[:count], rate, asked.seconds, learner)
            rest = rest[count:]
            found["phases"][name] = told(phase, asked.seconds)
            print(name, json.dumps(found["phases"][name]), flush=True)
    quiet = found["phases"]["quiet"]["list_p99_ms"]
    found["p99_to_quiet"] = {k: round(v["list_p99_ms"] / quiet, 2) for k, v in found["phases"].items()}
    print(json.dumps(found["p99_to_quiet"]))
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def made(folder: Path, shop: SimulatedShop, events: list[dict], asked: argparse.Namespace) -> None:
    """A shop with a first model."""
    folder.mkdir()
    (folder / "items.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, item_records(shop))))
    (folder / "events.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, events)))
    penchant("init", folder)
    set_up(folder, asked, learner=False)
    penchant("import", folder, folder / "items.jsonl", "--table", "items")
    penchant("import", folder, folder / "events.jsonl")
    penchant("train", folder)


def set_up(folder: Path, asked: argparse.Namespace, learner: bool) -> None:
    """Settings for the next server."""
    path = folder / "shop.toml"
    head = path.read_text(encoding="utf-8").split("[train]")[0].rstrip()
    more = SETTINGS.format(
        seconds=asked.train_seconds, on=str(learner).lower(), events=asked.pass_after if learner else 10**9
    )
    path.write_text(head + "\n" + more, encoding="utf-8")


def penchant(verb: str, folder: Path, *more: object) -> str:
    command = [PENCHANT, verb, "--shop", str(folder), *map(str, more)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run(folder: Path, events: list[dict], rate: float, seconds: float, learner: bool) -> Phase:
    """One server, its events, its lists, and what it says of itself."""
    key = key_of(folder)
    server, phase, over = Server(folder), Phase(), threading.Event()
    headers = {"authorization": f"Bearer {key}"}
    try:
        time.sleep(8.0 if learner else 1.0)  # The learner reads the log first.
        probe = Client(server.port, dict(headers))
        phase.begun_at = json.loads(probe.ask("GET", "/readyz"))["log_position"]
        begun = time.perf_counter()
        threads = [
            threading.Thread(target=ask, args=(Client(server.port, dict(headers)), phase, begun, over)),
            threading.Thread(target=watch, args=(Client(server.port, dict(headers)), phase, begun, over)),
        ]
        for thread in threads:
            thread.start()
        send(Client(server.port, dict(headers)), events, rate, phase, begun)
        left = begun + seconds - time.perf_counter()
        time.sleep(max(0.0, left))
        if learner:
            wait_for(phase, 90.0)
        over.set()
        for thread in threads:
            thread.join()
    finally:
        server.stop()
    return phase


def send(client: Client, events: list[dict], rate: float, phase: Phase, begun: float) -> None:
    """Batches at their moments; ``late`` is how far it fell behind."""
    for start in range(0, len(events), BATCH):
        due = begun + start / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        phase.late = max(phase.late, time.perf_counter() - due)
        reply, took = timed(
            lambda start=start: json.loads(
                client.ask("POST", "/v1/events", {"events": events[start : start + BATCH]})
            )
        )
        if reply["accepted"] != len(events[start : start + BATCH]):
            raise SystemExit(f"not all were taken in: {reply}")
        phase.posts.append(took)
        phase.sent.append((time.perf_counter() - begun, start + BATCH))


def ask(client: Client, phase: Phase, begun: float, over: threading.Event) -> None:
    """Lists of one person after the other, 20 a second at most."""
    chance = np.random.default_rng(3)
    while not over.is_set():
        person = f"p{chance.integers(3_000):06d}"
        took = timed(lambda person=person: client.ask("GET", f"/v1/users/{person}/recommendations?n=20"))[1]
        phase.lists.append((time.perf_counter() - begun, took))
        time.sleep(max(0.0, 0.05 - took / 1e3))


def watch(client: Client, phase: Phase, begun: float, over: threading.Event) -> None:
    """What the server says it has learned."""
    while not over.is_set():
        said = json.loads(client.ask("GET", "/readyz"))
        phase.learned.append((time.perf_counter() - begun, said["learned_position"], said["snapshot"]))
        time.sleep(POLL)


def wait_for(phase: Phase, most: float) -> None:
    """Until all that was sent is learned, or ``most`` seconds."""
    last, end = time.perf_counter() + most, phase.begun_at + phase.sent[-1][1]
    while time.perf_counter() < last and phase.learned[-1][1] < end:
        time.sleep(POLL)


def told(phase: Phase, seconds: float) -> dict:
    """Latencies while events came, and how fresh what serves was."""
    lists = np.array([took for at, took in phase.lists if at <= seconds])
    found: dict = {
        "lists": len(lists),
        "list_p50_ms": round(float(np.median(lists)), 2),
        "list_p99_ms": round(float(np.quantile(lists, 0.99)), 2),
        "list_max_ms": round(float(lists.max()), 2),
    }
    if phase.posts:
        found["post_p99_ms"] = round(float(np.quantile(phase.posts, 0.99)), 2)
        found["fell_behind_s"] = round(phase.late, 2)
    fresh = [
        next((seen - at for seen, position, _ in phase.learned if position >= phase.begun_at + end), np.inf)
        for at, end in phase.sent
    ]
    if any(name != phase.learned[0][2] for *_, name in phase.learned) or np.isfinite(fresh).any():
        found["fresh_p50_s"], found["fresh_max_s"] = (
            round(float(np.median(fresh)), 1),
            round(float(max(fresh)), 1),
        )
        found["snapshots_served"] = len({name for *_, name in phase.learned})
    return found


if __name__ == "__main__":
    main()
