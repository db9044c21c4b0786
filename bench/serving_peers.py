"""How many lists a second on one core, beside what people would otherwise put behind an address?

    bench/peers/setup.sh                                  # once: the peers' own environment, and Redis
    python bench/serving_peers.py --shop myshop           # any shop with a model

On a copy of the shop 2,000 made-up people get the histories of as many of its people, and every peer the same
catalogue, events and people. Each server runs on one core, ``wrk`` on another one; in every round one after
the other, first another one each time, so many seconds each, and the median of the rounds. 16 ask at once:

* ``lists``: of random people, each list worked out anew: Penchant is asked differently each time, the peers
  keep no lists;
* ``event, then list``: a view of somebody and that person's list in turn, worked out anew; both are counted.

``penchant`` serves without its learner, for no peer learns. ``implicit`` solves the person's vector for each
list, ``rectools`` encodes the sequence (``bench/peers/serve.py``), ``redis`` looks up lists that were
made beforehand and that no event changes: all behind the same small FastAPI app, events in memory, where
Penchant makes each durable before it answers. ``redis alone`` is redis-benchmark with the same look-up,
without HTTP and JSON. ``floor`` is the time of reading the item vectors once. Writes a table and
bench/results/serving-peers.json; bench/serving_docs.py makes docs/serving.md of it.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from floors import reading_ms
from penchant.app.engine import Engine
from penchant.app.shop import Shop
from servers import Server, copy_of, free_port, is_open, items_of, key_of, on_core
from serving import IN_TURN, LISTS, RANDOM, Driver, lua
from tables import RESULTS

HERE = Path(__file__).parent
PEERS_PYTHON = HERE.parent / ".venv-peers" / "bin" / "python"
PEOPLE, LONGEST, AT_ONCE = 2_000, 50, 16
"""People who are asked about, and how many of their newest events they have."""
OURS, RAW = "penchant", "redis alone"
PEERS = ("implicit", "rectools", "redis")
ANSWERING, ASKING = 0, 1
"""Cores of the server and of who asks."""
AFTER_AN_EVENT = 'wrk.headers["Content-Type"] = "application/json"' + IN_TURN.replace(
    'recommendations?n=20")', 'recommendations?n=20&exclude=no" .. n)'
)
"""Several ask at once, and a list may be on its way before the event is in: it is worked out anew all the
same, as it leaves out another item that nobody has."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--json-file", type=Path, default=RESULTS / "serving-peers.json")
    asked = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    left_out = missing(asked.peers)
    with tempfile.TemporaryDirectory() as place:
        found = {"shop": copy_of(asked.shop, Path(place) / "shop"), "left_out": left_out}
        found["floor"] = floor_of(Path(place) / "shop")
        peers = [peer for peer in asked.peers if peer not in left_out]
        found["rows"] = compared(Path(place), peers, asked)
    found |= {"people": PEOPLE, "at_once": AT_ONCE, "seconds": asked.seconds, "rounds": asked.rounds}
    asked.json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found)


def missing(peers: list[str]) -> dict[str, str]:
    """Peers that cannot be measured here, and why."""
    found = dict[str, str]()
    served = PEERS_PYTHON.exists() and not subprocess.run(
        [PEERS_PYTHON, "-c", "import fastapi, implicit, rectools, redis, uvicorn"],
        capture_output=True, check=False,
    ).returncode  # fmt: skip
    for peer in peers:
        if not served:
            found[peer] = "its packages are missing: run bench/peers/setup.sh"
        elif peer == "redis" and shutil.which("redis-server") is None:
            found[peer] = "redis-server is missing: apt-get install redis-server"
    for peer, why in found.items():
        print(f"{peer} is left out: {why}")
    return found


def floor_of(folder: Path) -> dict[str, float]:
    """Bytes of the item vectors that a list is made from, and ms of reading them once on a core."""
    with Shop(folder, writer=False) as shop:
        engine = Engine(shop)
        tracker = engine.recommender.tracker
        if tracker is None:
            raise SystemExit("the shop has no model: train it first")
        vectors = np.array(tracker.model.vectors())
        engine.close()
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {ASKING})
    try:
        took = reading_ms(vectors)
    finally:
        os.sched_setaffinity(0, everywhere)
    return {"bytes": vectors.nbytes, "ms": took, "gib_per_s": round(vectors.nbytes / took / 1e-3 / 2**30, 1)}


def compared(place: Path, peers: list[str], asked: argparse.Namespace) -> dict[str, dict]:
    """Medians of the rounds, by who answered and what was asked."""
    users = peopled(place)
    given = f"users = {lua(users)}\nitems = {lua(items_of(place / 'shop', 3_000))}\n{RANDOM}"
    key = key_of(place / "shop")
    with everybody(place, peers, key, given) as (drives, redis):
        for drive in drives.values():
            drive.run("warm", LISTS, AT_ONCE, 2 * asked.seconds)
        rounds = [one_round(drives, redis, asked.seconds, number) for number in range(asked.rounds)]
    return {
        name: {
            part: {key: median(one[name][part][key] for one in rounds) for key in row}
            for part, row in parts.items()
        }
        for name, parts in rounds[0].items()
    }


def peopled(place: Path) -> list[str]:
    """Names of the made-up people, with their histories in the shop and in the peers' file of everybody's."""
    names = [f"{number:012d}" for number in range(PEOPLE)]  # As redis-benchmark draws them.
    with Shop(place / "shop", writer=True) as shop:
        columns = shop.log.columns()
        columns = columns.keep(columns.item >= 0)
        ids = [str(row[0]) for row in shop.database.read("SELECT item_id FROM items ORDER BY row")]
        row = {item: number for number, item in enumerate(ids)}
        rows = np.array([row.get(item, -1) for item in columns.items])[columns.item]
        columns, rows = columns.keep(rows >= 0), rows[rows >= 0]
        edges = np.append(np.flatnonzero(np.diff(columns.person, prepend=-1)), len(rows))
        chosen = np.random.default_rng(0).choice(len(edges) - 1, PEOPLE, replace=len(edges) <= PEOPLE)
        parts = [np.arange(max(edges[n], edges[n + 1] - LONGEST), edges[n + 1]) for n in chosen]
        for name, part in zip(names, parts, strict=True):
            records = [
                {"user_id": name, "item_id": ids[rows[at]], "type": "view", "timestamp": columns.time[at]}
                for at in part
            ]
            assert shop.intake().accept(records).accepted == len(records)
    lengths = [len(part) for part in parts] + np.diff(edges).tolist()
    np.savez(
        place / "data.npz", asked=PEOPLE, item_ids=ids,
        users=names + [f"p{number}" for number in range(len(edges) - 1)],
        offsets=np.cumsum([0, *lengths]), items=np.concatenate([*(rows[part] for part in parts), rows]),
    )  # fmt: skip
    return names


@contextmanager
def everybody(
    place: Path, peers: list[str], key: str, given: str
) -> Generator[tuple[dict[str, Driver], int]]:
    """Who drives each server, and the port of Redis; all are ended at the end."""
    redis = free_port()
    running = list[Server]()
    store = redis_server(place, redis) if "redis" in peers else None
    try:
        ours = Server(place / "shop", "--no-learn", core=ANSWERING)
        running.append(ours)
        for peer in peers:
            command = [str(PEERS_PYTHON), str(HERE / "peers" / "serve.py"), peer, str(place / "data.npz")]
            more = ["--redis", str(redis)] if peer == "redis" else []
            running.append(Server.of([*command, *more], place / f"{peer}.log", core=ANSWERING))
            print(f"{peer} is up after {running[-1].started_s:.0f} s", flush=True)
        yield (
            {
                name: Driver(place, server.port, key, given, ASKING)
                for name, server in zip((OURS, *peers), running, strict=True)
            },
            redis if store else 0,
        )
    finally:
        for server in running:
            server.stop()
        if store:
            store.terminate()
            store.wait(30)


def redis_server(place: Path, port: int) -> "subprocess.Popen[bytes]":
    """One of our own that keeps nothing on disk."""
    command = [*on_core(ANSWERING), "redis-server", "--port", str(port), "--bind", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--save", "", "--appendonly", "no", "--dir", str(place)], stdout=subprocess.DEVNULL
    )
    while not is_open(port):
        if process.poll() is not None:
            raise SystemExit("redis-server does not start")
    return process


def one_round(drives: dict[str, Driver], redis: int, seconds: int, number: int) -> dict[str, dict]:
    """Each part of each server, another one first each time."""
    names, found = list(drives), dict[str, dict]()
    first = number % len(names)
    for name in names[first:] + names[:first]:
        found[name] = {
            "lists": drives[name].run(f"{name}: lists", LISTS, AT_ONCE, seconds),
            "event, then list": drives[name].run(
                f"{name}: event, then list", AFTER_AN_EVENT, AT_ONCE, seconds
            ),
        }
    if redis:
        found[RAW] = {"lists": looked_up(redis, seconds)}
    return {name: found[name] for name in (*names, RAW) if name in found}


def looked_up(port: int, seconds: int) -> dict[str, float]:
    """The look-up alone, by Redis's own bench."""
    asks = ["-c", str(AT_ONCE), "-n", str(20_000 * seconds), "-r", str(PEOPLE), "--csv"]
    said = subprocess.run(
        [*on_core(ASKING), "redis-benchmark", "-h", "127.0.0.1", "-p", str(port), *asks,
         "zrevrange", "list:__rand_int__", "0", "19", "withscores"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    row = next(csv.DictReader(said[said.index('"test"') :].splitlines()))
    print(f"{RAW}: {row['rps']}/s", flush=True)
    return {
        "per_s": float(row["rps"]), "p50_ms": float(row["p50_latency_ms"]),
        "p99_ms": float(row["p99_latency_ms"]), "max_ms": float(row["max_latency_ms"]),
        "refused": 0.0, "failed": 0.0,
    }  # fmt: skip


def ratio(rows: dict[str, dict], name: str, part: str) -> float:
    """How many times as many Penchant answers.

    >>> ratio({"penchant": {"lists": {"per_s": 900}}, "other": {"lists": {"per_s": 300}}}, "other", "lists")
    3.0
    """
    theirs = rows[name][part]["per_s"]
    return rows[OURS][part]["per_s"] / theirs if theirs else float("inf")


def to_floor(found: dict) -> float:
    """Time of a list as a multiple of the time of reading the item vectors once."""
    return 1e3 / found["rows"][OURS]["lists"]["per_s"] / found["floor"]["ms"]


def show(found: dict) -> None:
    table = Table(title=f"{found['shop']['items']:,} items, {found['people']:,} people, one core each")
    for column in ("", "answered a second", "p50 ms", "p99 ms", "failed", "penchant to it"):
        table.add_column(column, justify="left" if not column else "right")
    for name, parts in found["rows"].items():
        for part, row in parts.items():
            table.add_row(
                f"{name}, {part}", f"{row['per_s']:,.0f}", f"{row['p50_ms']:,.2f}", f"{row['p99_ms']:,.2f}",
                f"{row['failed']:,.0f}", f"{ratio(found['rows'], name, part):.2f}",
            )  # fmt: skip
    Console(width=110).print(table)
    print(f"a list of penchant takes {to_floor(found):,.0f} times the reading of its item vectors")


if __name__ == "__main__":
    main()
