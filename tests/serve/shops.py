"""The ten-line example shop with a model of a few steps, behind the door."""

import io
import shutil
import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from penchant.app import work
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file
from penchant.serve.app import create_app
from penchant.testing.fakes import FakeTextEncoder, ManualClock

EXAMPLES = Path(__file__).parents[2] / "examples"
FEW_STEPS = "[train]\ndim = 16\nlayers = 1\nmax_epochs = 2\nthreads = 1\n"


def make_shop(folder: Path) -> Path:
    """A trained shop in ``folder``: a copy of one that is trained once."""
    shutil.copytree(Path(_template().name) / "shop", folder, dirs_exist_ok=True)
    return folder


@cache
def _template() -> "tempfile.TemporaryDirectory[str]":
    """It goes with this process."""
    place = tempfile.TemporaryDirectory()
    init_shop(Path(place.name) / "shop", name="Corner", more=FEW_STEPS)
    with Shop(Path(place.name) / "shop", writer=True, encoder=FakeTextEncoder()) as shop:
        take_file(shop, EXAMPLES / "events.csv")
        take_file(shop, EXAMPLES / "items.csv")
        train(shop)
    return place


def train(shop: Shop) -> None:
    """One more snapshot, promoted."""
    given = work.material(shop, lambda what, share: None)
    work.keep_model(shop, work.train_model(shop, given, lambda progress: None), given, {})


def make_twice(folder: Path) -> Path:
    """The same with two snapshots, the second of which serves."""
    make_shop(folder)
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        train(shop)
    return folder


def client_of(serving: Serving) -> TestClient:
    """A client with an admin key."""
    client = TestClient(create_app(serving, serving.shop.clock, io.StringIO()))
    client.headers["authorization"] = f"Bearer {serving.shop.keys.create(['admin'], 0.0)}"
    return client


def behind_the_door(folder: Path) -> tuple[TestClient, Serving]:
    """A client with an admin key, not yet started: ``with client`` runs what a server does at its start."""
    serving = Serving(Shop(folder, writer=True, encoder=FakeTextEncoder()))
    return client_of(serving), serving


class House:
    """A served shop whose clock is ours; it begins at ``now``."""

    def __init__(self, folder: Path, now: float) -> None:
        self.folder, self.clock = folder, ManualClock(now)
        self.open()

    def open(self) -> None:
        shop = Shop(self.folder, writer=True, clock=self.clock, encoder=FakeTextEncoder())
        self.serving = Serving(shop)
        self.client: TestClient = client_of(self.serving)

    def again(self) -> None:
        self.serving.close()
        self.open()

    def ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self.client.request(method, f"/v1/{path}", **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


def damage_index(folder: Path) -> None:
    """The number of entries on a page of an index is one less."""
    with sqlite3.connect(folder / "shop.db", isolation_level=None) as raw:
        raw.execute("PRAGMA writable_schema = ON")
        (found,) = raw.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'events_of_person'"
        ).fetchone()
        (size,) = raw.execute("PRAGMA page_size").fetchone()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    with (folder / "shop.db").open("r+b") as file:
        file.seek((found - 1) * size + 4)
        count = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([count - 1]))
