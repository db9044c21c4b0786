"""What the benches of a server share: one that runs on a copy of a shop, and one who asks it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from penchant.app.shop import Shop

PENCHANT = str(Path(sys.executable).with_name("penchant"))
SRC = Path(__file__).parents[1] / "src"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SRC)}
"""A bench measures the checkout that it is in, whatever the command would import otherwise."""
LONGEST_START = 300.0


@dataclass
class Client:
    """One connection that stays open."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """The reply's body; stops the bench on any status but 200 and 303."""
        data = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, data, self.headers)
        reply = self.connection.getresponse()
        content = reply.read()
        if reply.status not in (200, 303):
            raise SystemExit(f"{method} {path}: {reply.status} {content[:300]!r}")
        if cookie := reply.getheader("set-cookie"):
            self.headers["cookie"] = cookie.partition(";")[0]
        return content

    def close(self) -> None:
        self.connection.close()


class Server:
    """``penchant serve`` as a process; :attr:`started_s` is from its start to its first answer."""

    def __init__(
        self, shop: Path, *more: str, port: int = 0, core: int = -1, up: Callable[[int], bool] | None = None
    ) -> None:
        """``up`` says of a port whether the server is there: by default, that it answers ready."""
        command = [PENCHANT, "serve", "--shop", str(shop), *more]
        self._begin(command, shop / "server.log", port, core, up or is_ready)

    @classmethod
    def of(cls, command: list[str], said: Path, *, core: int = -1) -> Self:
        """Another program that is told its ``--port`` and answers ``/readyz``; its words go to ``said``."""
        server = cls.__new__(cls)
        server._begin(command, said, 0, core, is_ready)
        return server

    def _begin(self, command: list[str], said: Path, port: int, core: int, up: Callable[[int], bool]) -> None:
        self.port, begun = port or free_port(), time.monotonic()
        self._said, self._log = said, said.open("w+")
        self.process = subprocess.Popen(
            [*on_core(core), *command, "--port", str(self.port)], stderr=self._log, env=ENVIRONMENT
        )
        while not up(self.port):
            if self.process.poll() is not None or time.monotonic() - begun > LONGEST_START:
                self.kill()
                raise SystemExit(f"the server ended: {self._said.read_text()[-2_000:]}")
            time.sleep(0.02)
        self.started_s = round(time.monotonic() - begun, 2)

    @property
    def token(self) -> str:
        """Of the console's link that signs in once."""
        found = re.search(r"token=(\S+)", self._said.read_text())
        if found is None:
            raise SystemExit("the server did not name its console")
        return found.group(1)

    def wait_for(self, processes: int) -> None:
        """Until so many processes are up."""
        while processes > 1:
            if json.loads(Client(self.port).ask("GET", "/readyz"))["processes"]["up"] == processes:
                return
            time.sleep(0.2)

    def memory_mib(self) -> int:
        """Of all its processes; pages that they share count once."""
        texts = [Path(f"/proc/{one}/smaps_rollup").read_text() for one in family(self.process.pid)]
        return round(sum(_kib("Pss", text) for text in texts) / 1024)

    def resident_mib(self) -> float:
        """Of the processes that answer, without the learner beside them."""
        answering = [one for one in family(self.process.pid) if b"serve" in _command(one)]
        return sum(_kib("VmRSS", Path(f"/proc/{one}/status").read_text()) for one in answering) / 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self._log.close()

    def kill(self) -> None:
        """As a machine that loses its power would."""
        self.process.kill()
        self.process.wait()
        self._log.close()


def on_core(core: int) -> list[str]:
    """What goes before a command to keep it on one core; nothing for any core, -1."""
    return ["taskset", "--cpu-list", str(core)] if core >= 0 else []


def is_ready(port: int) -> bool:
    """Whether ``/readyz`` says so: an open port is not an answer yet."""
    client = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        client.request("GET", "/readyz")
        return client.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        client.close()


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(int(one) for child in children for one in child.read_text().split())]


def _command(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _kib(name: str, text: str) -> int:
    found = re.search(rf"{name}:\s+(\d+)", text)
    return int(found.group(1)) if found else 0


def copy_of(shop: Path, folder: Path) -> dict[str, int]:
    """A copy at rest: opening the shop as its writer refuses while a server has it."""
    with Shop(shop, writer=True) as opened:
        counted = {"items": opened.items.count(), "events": opened.log.count()}
        shutil.copytree(shop, folder, ignore=shutil.ignore_patterns("source", "training", "*.lock"))
    return counted


def key_of(folder: Path) -> str:
    """A new key that may send events and read lists."""
    with Shop(folder, writer=False) as shop:
        return shop.keys.create(["events", "read"], shop.clock())


def items_of(folder: Path, most: int) -> list[str]:
    """The first ``most`` items of the catalogue whose ids are safe in a path and in JSON."""
    with Shop(folder, writer=False) as shop:
        found = shop.database.read("SELECT item_id FROM items ORDER BY row LIMIT ?", [most])
    return [name for (name,) in found if isinstance(name, str) and re.fullmatch(r"[\w.-]+", name)]


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """What came of it, and milliseconds."""
    start = time.perf_counter()
    result = action()
    return result, 1e3 * (time.perf_counter() - start)
