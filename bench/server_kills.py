"""Kills of a server under load: is an acknowledged event lost, or one that was sent again doubled?

    .venv/bin/python bench/server_kills.py --kills 300

Clients send events to a real `penchant serve`, each with its `event_id`, and again until it is
acknowledged. The process is killed (SIGKILL) at a random moment and started again on the same folder, so
many times (``forked.py``). In the end the log is held against what the clients were told.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from forked import ForkedServer
from penchant.app.shop import Shop, init_shop
from servers import free_port

RESULT = Path(__file__).parent / "results" / "server-kills.json"
CLIENTS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = killed(Path(place) / "shop", asked.kills, asked.seed, tell=print)
    asked.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for name, value in found.items():
        print(f"{name.replace('_', ' '):>24}  {value}")
    if found["acknowledged_lost"] or found["doubled"] or found["invented"]:
        sys.exit("the log is not what the clients were told")


@dataclass
class Truth:
    """What the clients sent and were told."""

    sent: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    again: int = 0
    answers: Counter = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Client(threading.Thread):
    """Sends requests of a few events, each until it is acknowledged."""

    def __init__(self, name: str, port: int, token: str, truth: Truth, seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self.port, self.token, self.truth = port, token, truth
        self.random = random.Random(f"{seed}-{name}")
        self.stop = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            events = [self.event(number + n) for n in range(self.random.randint(1, 8))]
            number += len(events)
            with self.truth.lock:
                self.truth.sent.update(event["event_id"] for event in events)
            while not self.send(events):
                with self.truth.lock:
                    self.truth.again += 1
                time.sleep(0.05)

    def event(self, number: int) -> dict[str, object]:
        return {
            "user_id": f"u{self.random.randrange(500)}", "item_id": f"i{self.random.randrange(300)}",
            "type": "view", "timestamp": time.time(), "event_id": f"{self.name}-{number}",
        }  # fmt: skip

    def send(self, events: list[dict[str, object]]) -> bool:
        """Whether the server said that it took them."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        status: object = "no answer"
        try:
            connection.request("POST", "/v1/events", json.dumps({"events": events}), headers)
            reply = connection.getresponse()
            body = json.loads(reply.read())
            status = reply.status
        except (OSError, HTTPException, ValueError):
            body = {}
        finally:
            connection.close()
        with self.truth.lock:
            self.truth.answers[str(status)] += 1
            if status == 200:
                assert not body["rejected"], body
                self.truth.told.update(str(event["event_id"]) for event in events)
        return status == 200


def killed(folder: Path, kills: int, seed: int, tell=lambda _: None) -> dict[str, object]:
    """What became of the shop after so many kills."""
    init_shop(folder)
    with Shop(folder, writer=True) as shop:
        token = shop.keys.create(["events"], time.time())
    draw, truth, begun, port = random.Random(seed), Truth(), time.monotonic(), free_port()
    clients = [Client(f"c{n}", port, token, truth, seed) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    for kill in range(kills):
        server = ForkedServer(folder, port, "--no-learn")
        # From its first moments on, with everything under way.
        time.sleep(draw.uniform(0.0, 0.6))
        server.kill()
        if kill % 25 == 24:
            tell(f"{kill + 1} kills, {len(truth.told):,} events acknowledged, {truth.again:,} sent again")
    server = ForkedServer(folder, port, "--no-learn")
    for client in clients:
        client.stop.set()
    for client in clients:
        client.join(60)
    server.kill()
    return verdict(folder, truth) | {"kills": kills, "seconds": round(time.monotonic() - begun)}


def verdict(folder: Path, truth: Truth) -> dict[str, object]:
    with Shop(folder, writer=True) as shop:
        found = Counter(str(entry.event.event_id) for entry in shop.log.follow(0, 10**9))
        whole = shop.database.read("PRAGMA integrity_check") == [("ok",)]
    return {
        "acknowledged": len(truth.told),
        "acknowledged_lost": len(truth.told - found.keys()),
        "doubled": sum(times > 1 for times in found.values()),
        "invented": len(found.keys() - truth.sent),
        "requests_sent_again": truth.again,
        "answers": dict(truth.answers),
        "pages_whole": whole,
    }


if __name__ == "__main__":
    main()
