"""What may run beside a server of the same shop, and what is told where it may not."""

import json
import socket
from pathlib import Path

import msgspec
import pytest
from tests.app.commands import GOOD

from penchant import cli
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_in
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Item


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    init_shop(folder)
    (tmp_path / "events.csv").write_text(GOOD, encoding="utf-8")
    with Shop(folder, writer=True) as opened:
        take_in(opened, [tmp_path / "events.csv"], lambda what, share: None)
        opened.items.upsert([Item(item_id="tea", category="Drinks")])
    monkeypatch.setattr(Shop, "encoder", FakeTextEncoder())
    return folder


def test_a_taste_is_read_beside_a_server(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serving = Serving(Shop(shop, writer=True))
    try:
        assert cli.main(["taste", "anna", "--shop", str(shop)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["events"], told["corrections"]) == (1, [])
        assert told == json.loads(msgspec.json.encode(serving.taste("anna")))
    finally:
        serving.close()


def test_a_port_in_use_is_one_line_and_nothing_is_said_to_be_served(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert cli.main(["serve", "--shop", str(shop), "--port", port]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"port {port} of 127.0.0.1 is in use" in line
    Shop(shop, writer=True).close()
