"""Three processes behind one address: each person's lists, whoever answers, and what a kill leaves."""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.app.commands import WITHOUT_LANGUAGE_MODEL, copy_of, start
from tests.serve import shops

from penchant.app.crew import socket_folder
from penchant.app.shop import Shop
from penchant.cli import main
from penchant.recommend.rules.document import document_of
from penchant.serve.owners import owner_of

PROCESSES = 3
PEOPLE = [f"person{n}" for n in range(12)]


class Server:
    """``penchant serve --processes 3`` of a small shop, every request on a connection of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with Shop(folder, writer=True) as shop:
            self.key = shop.keys.create(["admin"], 0.0)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = (folder / "server.log").open("w+")
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"authorization": f"Bearer {self.key}"},
            timeout=60, limits=httpx.Limits(max_keepalive_connections=0),
        )  # fmt: skip
        self.process = subprocess.Popen(
            [*WITHOUT_LANGUAGE_MODEL, "serve", "--shop", str(folder), "--port", str(self.port), "--no-learn",
             "--processes", str(PROCESSES)],
            stderr=self.log, env={**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        return self.client.request(method, path, **more)  # type: ignore[arg-type]

    def get(self, path: str, **more: object) -> dict[str, object]:
        answer = self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def list_of(self, user: str) -> dict[str, object]:
        return self.get(f"/v1/users/{user}/recommendations?n=4")

    def event(self, user: str, item: str, kind: str = "purchase") -> None:
        record = {"user_id": user, "item_id": item, "type": kind, "timestamp": time.time()}
        answer = self.ask("POST", "/v1/events", json={"events": [record]})
        assert answer.json()["accepted"] == 1, answer.text

    def up(self) -> int:
        try:
            answer = self.ask("GET", "/readyz")
        except httpx.TransportError:
            return 0
        return answer.json()["processes"]["up"]

    def readers(self) -> list[int]:
        """Process ids of those that the first one started."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return sorted(int(child) for thread in threads for child in thread.read_text().split())

    def wait(self, true: Callable[[], bool], seconds: float = 90) -> None:
        last = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < last, (self.folder / "server.log").read_text()[-3_000:]
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-3_000:]
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.client.close()
        self.log.close()


SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shops.make_shop(tmp_path_factory.mktemp("processes") / "shop")


@pytest.fixture(scope="module")
def server(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(copy_of(made, tmp_path_factory.mktemp("served") / "shop"))
    try:
        found.wait(lambda: found.up() == PROCESSES)
        yield found
    finally:
        found.end()


def items_of(shown: dict[str, object]) -> list[str]:
    return [item["item_id"] for item in shown["items"]]  # type: ignore[index,union-attr]


def scores_of(shown: dict[str, object]) -> list[float]:
    return [item["score"] for item in shown["items"]]  # type: ignore[index,union-attr]


def test_every_list_holds_the_effect_of_the_event_before_it_whoever_answers(server: Server) -> None:
    chance = random.Random(3)
    seen = {user: server.list_of(user) for user in PEOPLE}
    assert not any(shown["snapshot"] for shown in seen.values())
    for _ in range(60):
        user = chance.choice(PEOPLE)
        server.event(
            user, chance.choice(["tea", "honey", "coffee", "milk"]), chance.choice(["view", "purchase"])
        )
        shown = server.list_of(user)
        assert shown["snapshot"]
        assert (items_of(shown), scores_of(shown)) != (items_of(seen[user]), scores_of(seen[user]))
        seen[user] = shown
    by_process = [f'penchant_lists_total{{by="model",process="{n}"}}' for n in range(PROCESSES)]
    counted = server.ask("GET", "/metrics").text
    for name in by_process:
        assert name in counted, "every process has made lists of its people"
    made_by = {
        line.split(" ")[0]: float(line.split(" ")[1]) for line in counted.splitlines() if line[0] != "#"
    }
    assert sum(made_by[name] for name in by_process) == 60


def test_what_a_person_decides_holds_at_once_everywhere(server: Server) -> None:
    for user in PEOPLE[:6]:
        server.event(user, "tea")
        assert server.list_of(user)["snapshot"]
        never = {"corrections": [{"kind": "category", "name": "Dairy", "weight": "never"}]}
        assert "milk" in items_of(server.list_of(user))
        assert server.ask("PATCH", f"/v1/users/{user}/taste", json=never).status_code == 200
        assert "milk" not in items_of(server.list_of(user))
        assert server.ask("PUT", f"/v1/users/{user}/consent", json={"profiling": False}).status_code == 200
        assert not server.list_of(user)["snapshot"]
        assert server.ask("PUT", f"/v1/users/{user}/consent", json={"profiling": True}).status_code == 200
        assert server.list_of(user)["snapshot"]
    assert server.up() == PROCESSES, "nobody had to be killed for it"


def test_items_come_and_go_at_once_everywhere(server: Server) -> None:
    for number in range(6):
        item = {"item_id": f"new{number}", "title": "Green tea", "category": "Drinks > Tea", "price": 2.0}
        assert server.ask("PUT", "/v1/items", json={"items": [item]}).json()["changed"] == 1
        for _ in range(3):
            found = server.get("/v1/search?q=green%20tea&n=10")
            assert f"new{number}" in items_of(found)
        assert server.ask("DELETE", "/v1/items", json={"item_ids": [f"new{number}"]}).json()["deleted"] == 1
        for user in PEOPLE[6:9]:
            assert f"new{number}" not in items_of(server.list_of(user))


def test_rules_of_the_house_hold_at_once_everywhere(server: Server, tmp_path: Path) -> None:
    def rules(*items: str) -> bytes:
        rows = [{"rule": f'"no {item}"', "action": '"exclude"', "items": f'"{item}"'} for item in items]
        return document_of(rows)

    for item in ("honey", "coffee", "honey"):
        body = {"document": json.loads(rules(item))}
        assert server.ask("PUT", "/v1/rules", json=body).status_code == 200
        for user in PEOPLE:
            assert item not in items_of(server.list_of(user))
            assert item not in items_of(server.get(f"/v1/search?q={item}&n=10&user_id={user}"))
        for _ in range(6):
            assert item not in items_of(server.get(f"/v1/search?q={item}&n=10"))
    file = tmp_path / "rules.json"
    file.write_bytes(rules("coffee"))
    assert main(["rules", "import", str(file), "--shop", str(server.folder), "--by", "Ann"]) == 0
    server.wait(lambda: not any("coffee" in items_of(server.list_of(user)) for user in PEOPLE), 30)
    assert server.get("/v1/rules")["history"][0]["author"] == "Ann"  # type: ignore[index]
    assert server.ask("PUT", "/v1/rules", json={"document": json.loads(document_of([]))}).status_code == 200
    assert server.up() == PROCESSES, "nobody had to be killed for it"


def test_an_erased_person_is_a_stranger_everywhere(server: Server) -> None:
    for user in PEOPLE[:6]:
        server.event(user, "tea")
        server.list_of(user)
        assert server.ask("DELETE", f"/v1/users/{user}").json()["removed"]["events"] >= 1
        assert not server.list_of(user)["snapshot"]
        held = server.get(f"/v1/users/{user}/export")["held"]
        assert isinstance(held, dict)
        assert {name for name, records in held.items() if records} <= {"impressions", "waiting-impressions"}
    assert server.up() == PROCESSES


def test_a_reader_that_is_killed_is_missed_by_nobody_and_comes_back(server: Server) -> None:
    server.wait(lambda: server.up() == PROCESSES)
    before, failed, lost, stop = server.readers(), list[int](), list[str](), threading.Event()
    acknowledged = [0]

    def ask(seed: int) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            user = chance.choice(PEOPLE)
            try:
                server.event(user, "milk", "view")
                acknowledged[0] += 1
                answer = server.ask("GET", f"/v1/users/{user}/recommendations")
                if answer.status_code >= 500:
                    failed.append(answer.status_code)
            except httpx.TransportError as error:
                lost.append(str(error))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    try:
        server.wait(lambda: acknowledged[0] > 50)
        os.kill(before[-1], signal.SIGKILL)
        server.wait(lambda: before[-1] not in server.readers())
        server.wait(lambda: server.up() == PROCESSES)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert len(lost) <= len(threads), "at most what was inside it"
    assert server.readers() != before


def test_a_reader_that_is_stuck_is_dead_before_an_erasure_is_answered(server: Server) -> None:
    server.wait(lambda: server.up() == PROCESSES)
    stuck = server.readers()[0]
    os.kill(stuck, signal.SIGSTOP)
    assert server.ask("DELETE", f"/v1/users/{PEOPLE[0]}").status_code == 200
    assert not _runs(stuck)
    server.wait(lambda: server.up() == PROCESSES)
    assert stuck not in server.readers()


def test_lists_of_all_processes_are_in_the_log_after_an_orderly_end(made: Path, tmp_path: Path) -> None:
    server = Server(copy_of(made, tmp_path / "shop"))
    try:
        server.wait(lambda: server.up() == PROCESSES)
        assert {owner_of(user, PROCESSES) for user in PEOPLE} == set(range(PROCESSES))
        given = {str(server.list_of(user)["recommendation_id"]) for user in PEOPLE * 3}
        readers = server.readers()
        server.stop()
    finally:
        server.end()
    with Shop(tmp_path / "shop", writer=False) as shop:
        written = {str(row[0]) for row in shop.database.read("SELECT recommendation_id FROM impressions")}
    assert given <= written
    assert not any(Path(f"/proc/{reader}").exists() for reader in readers)
    assert not (tmp_path / "shop" / "processes").exists()


def test_when_the_first_is_killed_all_end_and_what_was_acknowledged_is_there(
    made: Path, tmp_path: Path
) -> None:
    server = Server(copy_of(made, tmp_path / "shop"))
    try:
        server.wait(lambda: server.up() == PROCESSES)
        for user in PEOPLE:
            server.event(user, "tea", "view")
        readers = server.readers()
        server.process.kill()
        server.process.wait()
        last = time.monotonic() + 10
        while any(_runs(reader) for reader in readers):
            assert time.monotonic() < last
            time.sleep(0.02)
    finally:
        server.end()
    with sqlite3.connect(tmp_path / "shop" / "shop.db") as database:
        (count,) = database.execute("SELECT count(*) FROM events WHERE timestamp > 1780000000").fetchone()
    assert count == len(PEOPLE)
    database.close()
    Shop(tmp_path / "shop", writer=True).close()


def test_a_reader_without_its_first_does_not_start(made: Path, tmp_path: Path) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        post = f"1:2:{door.fileno()}:100000:{tmp_path}"
        reader = start("serve", "--shop", made, "--post", post, pass_fds=[door.fileno()])
        _, told = reader.communicate(timeout=60)
    assert reader.returncode == 1
    assert len(told.splitlines()) == 1


def test_a_number_of_processes_that_cannot_be_is_told(made: Path) -> None:
    for number in ("0", "33"):
        refused = start("serve", "--shop", made, "--port", "1", "--processes", number)
        _, told = refused.communicate(timeout=60)
        assert refused.returncode == 1
        assert told.count("\n") == 1


def test_the_folder_of_sockets_is_private_and_short_enough(tmp_path: Path) -> None:
    (tmp_path / "shop" / "processes").mkdir(parents=True)
    (tmp_path / "shop" / "processes" / "1").touch()
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    for shop in (tmp_path / "shop", deep):
        with socket_folder(shop) as folder, socket.socket(socket.AF_UNIX) as door:
            assert (folder.stat().st_mode & 0o777, list(folder.iterdir())) == (0o700, [])
            door.bind(str(folder / "31"))
        assert not folder.exists()


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
