"""How many lists and events a second does a server take, and how long does who asks wait?

    python bench/serving.py --shop myshop           # any shop with a model; users and items are read from it
    python bench/serving.py --events events.parquet --items items.parquet --train-seconds 120

Runs the real server as a process of its own on a copy of the shop, and drives it from outside with ``wrk``
(Debian's package of that name), on the same machine: its share of the processor is in the figures. Once
the states of nearly all are in memory, so many seconds each and the median of so many rounds of:

* ``lists, N at once``: ``GET /v1/users/ID/recommendations?n=20`` of 2,000 people, each asked differently
  than before (``exclude`` names an item that nobody has), so that all items are scored again;
* ``kept lists``: the same question again, where nothing has changed since;
* ``event, then list``: a view of somebody, and that person's list; both are counted;
* ``single events, 64 at once``: ``POST /v1/events`` with one new view each, durable when answered, of as many
  other people, who ask for nothing: after a minute of batches everybody's past would be hundreds of events
  that lists have to read first;
* ``batches of 500, 4 at once``: the same with 500 each;
* ``overload``: lists by 400 at once, who ask again at once; ``refused`` are told 429, ``failed`` anything
  else from 400 up.

With ``--processes 1 2 3`` a server of each number of processes, in turn in every round, on a copy of its own.

Writes a table and bench/results/serving.json, or serving-processes.json.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from servers import PENCHANT, Server, copy_of, items_of, key_of, on_core
from tables import RESULTS

PEOPLE = 2_000
REST = 5.0
"""Seconds after an overload: what it left is answered first."""
RANDOM = "function init(args) math.randomseed(os.time()) end\nlocal n = 0\n"
LISTS = """
function request()
  n = n + 1
  local who = users[math.random(#users)]
  return wrk.format("GET", "/v1/users/" .. who .. "/recommendations?n=20&exclude=no" .. n)
end
"""
KEPT = LISTS.replace('&exclude=no" .. n', '"')
IN_TURN = """
function request()
  n = n + 1
  if n % 2 == 1 then
    who = users[math.random(#users)]
    local id = string.format("t%d-%d-%d", os.time(), n, math.random(1000000000))
    return wrk.format("POST", "/v1/events", nil, string.format(
      '{"events":[{"user_id":"%s","item_id":"%s","type":"view","timestamp":%d,"event_id":"%s"}]}',
      who, items[math.random(#items)], os.time(), id))
  end
  return wrk.format("GET", "/v1/users/" .. who .. "/recommendations?n=20")
end
"""
EVENTS = """
function request()
  local t = {}
  for k = 1, many do
    n = n + 1
    local id = string.format("b%d-%d-%d", os.time(), n, math.random(1000000000))
    t[k] = string.format('{"user_id":"%s","item_id":"%s","type":"view","timestamp":%d,"event_id":"%s"}',
      users[math.random(#users)], items[math.random(#items)], os.time(), id)
  end
  return wrk.format("POST", "/v1/events", nil, '{"events":[' .. table.concat(t, ",") .. ']}')
end
"""
OF_OTHERS = EVENTS.replace("users[math.random(#users)]", "others[math.random(#others)]")
COUNTED = """
refused = 0
function setup(thread) only = thread end
function response(status) if status == 429 then refused = refused + 1 end end
function done(summary, latency, requests)
  io.write(string.format("COUNTED %d %d %d %d %f %f %f\\n", summary.requests, summary.errors.status,
    only:get("refused"), summary.duration, latency:percentile(50), latency:percentile(99), latency.max))
end
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shop", type=Path)
    parser.add_argument("--events", type=Path, help="with --items: a shop is made of them")
    parser.add_argument("--items", type=Path)
    parser.add_argument("--train-seconds", type=float, default=120.0)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="+", default=[1])
    asked = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory() as place:
        shop = asked.shop or made(Path(place) / "made", asked)
        for processes in asked.processes:
            counted = copy_of(shop, Path(place) / str(processes))
        found = {"shop": counted, "seconds": asked.seconds, "rounds": asked.rounds}
        found["rows"], found["memory_mib"] = driven(Path(place), asked)
    RESULTS.mkdir(exist_ok=True)
    name = "serving.json" if asked.processes == [1] else "serving-processes.json"
    (RESULTS / name).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    Console().print(table_of(found))


def made(folder: Path, asked: argparse.Namespace) -> Path:
    """A shop of the files, with a model."""
    penchant = [PENCHANT, "init", "--shop", str(folder)]
    subprocess.run(penchant, check=True)
    with (folder / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write(f"\n[train]\ntime_budget = {asked.train_seconds:.1f}\n")
    with suppress(subprocess.CalledProcessError):  # 3: some rows were refused, all else is in.
        subprocess.run([PENCHANT, "import", "--shop", str(folder), asked.items, asked.events], check=True)
    subprocess.run([PENCHANT, "train", "--shop", str(folder)], check=True)
    return folder


def driven(place: Path, asked: argparse.Namespace) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """What wrk saw, the median of the rounds, and the memory of all processes of each server."""
    servers = {number: Server(place / str(number), "--processes", str(number)) for number in asked.processes}
    try:
        drives = {number: driver(place / str(number), server) for number, server in servers.items()}
        for number, server in servers.items():
            server.wait_for(number)
            # People of the load, each with some history, and every state in memory.
            drives[number].run("first", EVENTS.replace("many", "200"), 2, 10)
            drives[number].run("warm", LISTS, 4, 20)
        rounds = [
            {number: one_round(drive, asked.seconds) for number, drive in drives.items()}
            for _ in range(asked.rounds)
        ]
        memory = {str(number): server.memory_mib() for number, server in servers.items()}
    finally:
        for server in servers.values():
            server.stop()
    return {
        name + (f", {number} processes" if number > 1 else ""): {
            key: median(one[number][name][key] for one in rounds) for key in row
        }
        for number in asked.processes
        for name, row in rounds[0][number].items()
    }, memory


def driver(folder: Path, server: Server) -> "Driver":
    """Of a server, with the users and items that it asks about."""
    users, others = ([f"{name}{number}" for number in range(PEOPLE)] for name in ("load", "other"))
    given = f"users = {lua(users)}\nothers = {lua(others)}\nitems = {lua(items_of(folder, 3_000))}\n{RANDOM}"
    return Driver(folder, server.port, key_of(folder), given)


def one_round(drive: "Driver", seconds: int) -> dict[str, dict[str, float]]:
    """All parts, one after the other."""
    parts = {
        "lists, 1 at once": (LISTS, 1, seconds),
        "lists, 4 at once": (LISTS, 4, seconds),
        "lists, 16 at once": (LISTS, 16, seconds),
        "kept lists, 1 at once": (KEPT, 1, seconds),
        "kept lists, 16 at once": (KEPT, 16, seconds),
        "event, then list, 16 at once": (IN_TURN, 16, seconds),
        "single events, 64 at once": (OF_OTHERS.replace("many", "1"), 64, seconds),
        "batches of 500, 4 at once": (OF_OTHERS.replace("many", "500"), 4, seconds),
        "overload": (LISTS, 400, seconds),
    }
    found = {name: drive.run(name, *part) for name, part in parts.items()}
    found["batches of 500, 4 at once"]["events_per_s"] = 500 * found["batches of 500, 4 at once"]["per_s"]
    time.sleep(REST)
    return found


class Driver:
    """Runs wrk with one script after the other against one server."""

    def __init__(self, place: Path, port: int, key: str, given: str, core: int = -1) -> None:
        self._place = place
        self._core = core
        self._url = f"http://127.0.0.1:{port}"
        self._header = f"Authorization: Bearer {key}"
        self._given = given

    def run(self, name: str, script: str, at_once: int, seconds: int) -> dict[str, float]:
        """Answered requests a second, latencies in ms, and the refused ones."""
        path = self._place / "load.lua"
        path.write_text(self._given + script + COUNTED, encoding="utf-8")
        wrk = ["wrk", "-t1", f"-c{at_once}", f"-d{seconds}", "--timeout", "30", "-H", self._header]
        said = subprocess.run(
            [*on_core(self._core), *wrk, "-s", str(path), self._url],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        counted = re.search(r"COUNTED (\d+) (\d+) (\d+) (\d+) (\S+) (\S+) (\S+)", said)
        if counted is None:
            raise SystemExit(f"wrk, {name}: {said}")
        requests, wrong, refused, micros, *latencies = map(float, counted.groups())
        p50, p99, most = (round(one / 1e3, 2) for one in latencies)
        answered, failed = (requests - wrong) / (micros / 1e6), wrong - refused
        print(
            f"{name}: {answered:.0f}/s, p99 {p99} ms, refused {refused:.0f}, failed {failed:.0f}", flush=True
        )
        return {
            "per_s": round(answered, 1), "p50_ms": p50, "p99_ms": p99, "max_ms": most,
            "refused": refused, "failed": failed,
        }  # fmt: skip


def lua(texts: list[str]) -> str:
    """A table of texts that are safe in a path."""
    return "{" + ",".join(json.dumps(text) for text in texts if re.fullmatch(r"[\w.-]+", text)) + "}"


def table_of(found: dict) -> Table:
    table = Table(title=f"{found['shop']['items']:,} items, {found['shop']['events']:,} events")
    for column in ("", "answered a second", "p50 ms", "p99 ms", "refused", "failed"):
        table.add_column(column, justify="left" if not column else "right")
    for name, row in found["rows"].items():
        table.add_row(name, f"{row['per_s']:,.0f}", *(f"{row[key]:,.1f}" for key in ("p50_ms", "p99_ms")),
                      *(f"{row[key]:,.0f}" for key in ("refused", "failed")))  # fmt: skip
    return table


if __name__ == "__main__":
    main()
