"""The ten-line example shop with a model of a few steps, behind the door."""

import io
from pathlib import Path

from starlette.testclient import TestClient

from penchant.app import work
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file
from penchant.serve.app import create_app
from penchant.testing.fakes import FakeTextEncoder

EXAMPLES = Path(__file__).parents[2] / "examples"


def make_shop(folder: Path) -> Path:
    """A trained shop in ``folder``."""
    init_shop(folder, name="Corner")
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        take_file(shop, EXAMPLES / "events.csv")
        take_file(shop, EXAMPLES / "items.csv")
        train(shop)
    return folder


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


def behind_the_door(folder: Path) -> tuple[TestClient, Serving]:
    """A client with an admin key, not yet started: ``with client`` runs what a server does at its start."""
    serving = Serving(Shop(folder, writer=True, encoder=FakeTextEncoder()))
    client = TestClient(create_app(serving, serving.shop.clock, io.StringIO()))
    client.headers["authorization"] = f"Bearer {serving.shop.keys.create(['admin'], 0.0)}"
    return client, serving
