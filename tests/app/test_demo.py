"""The demo from files to a snapshot, with a small grocery in place of the large one."""

import argparse
import socket
from pathlib import Path

import pytest

from penchant import cli, demo
from penchant.adapters.grocery import GroceryFiles
from penchant.app.shop import Shop, init_shop
from penchant.settings import Settings, read_settings
from penchant.testing.fakes import FakeTextEncoder
from penchant.verbs import demo as verb

WEEK = 7 * 86_400


def small_grocery(folder: Path, until: float | None = None) -> GroceryFiles:
    """Sixty people who buy two of their own five things each week, for fourteen weeks; one gives back."""
    folder.mkdir(parents=True, exist_ok=True)
    events = ["user_id,item_id,type,timestamp,quantity,price,session_id"]
    for week in range(14):
        for person in range(60):
            at = 1_700_000_000 + week * WEEK + person
            events += [
                f"p{person},i{(person * 5 + (week + n) % 5) % 40},purchase,{at},1,2.50,b{week}-{person}"
                for n in range(2)
            ]
    events.append(f"p0,i0,refund,{1_700_000_000 + 9 * WEEK},1,2.50,")
    items = ["item_id,title,category,price"]
    items += [f"i{n},Thing {n},Kind {n % 4},2.50" for n in range(40)]
    files = GroceryFiles(*(folder / f"{name}.csv" for name in ("events", "items", "offers", "exposures")))
    files.events.write_text("\n".join(events), "utf-8")
    files.items.write_text("\n".join(items), "utf-8")
    files.offers.write_text(
        "offer_id,campaign_id,item_id,starts,ends\no,c,i0,1700000000,1800000000\n", "utf-8"
    )
    files.exposures.write_text("user_id,campaign_id,timestamp\np0,c,1700000000\n", "utf-8")
    return files


def test_it_cleans_trains_compares_and_keeps_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shop"
    init_shop(folder)
    with (folder / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write("[train]\ndim = 16\nlayers = 1\nmax_epochs = 2\nthreads = 1\n")
    monkeypatch.setattr(demo, "write_grocery", small_grocery)
    monkeypatch.setattr(Shop, "encoder", FakeTextEncoder())
    demo.prepare(argparse.Namespace(shop=folder, json=True, json_file=None))
    said = capsys.readouterr()
    assert '"recurrent"' in said.out
    assert (
        said.err.index("importing events.csv") < said.err.index("cleaning: ") < said.err.index("training: ")
    )
    with Shop(folder, writer=False) as shop:
        assert len(shop.marks.marked_events()["refunded"]) == 1
        assert (len(shop.offers.all()), len(shop.exposures.all())) == (1, 1)
        serving = shop.shelf.manifests()[shop.shelf.current()]
    assert serving is not None
    assert 0 < serving.metrics["ndcg@10"] <= 1
    assert (folder / "reports" / "evaluation.html").is_file()
    assert not (folder / "training").exists()


def test_a_port_in_use_is_told_before_the_work_and_not_asked_for_where_nothing_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    did: list[str] = []
    monkeypatch.setattr(verb, "prepare", lambda _: did.append("prepared"))
    monkeypatch.setattr(verb, "serve", lambda _: did.append("served"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        asked = ["demo", "--shop", str(tmp_path / "shop"), "--port", str(port)]
        assert cli.main(asked) == 1
        assert f"port {port} of 127.0.0.1 is in use" in capsys.readouterr().err
        assert did == []
        assert cli.main([*asked, "--once"]) == 0
        assert did == ["prepared"]
    assert cli.main(asked) == 0
    assert did == ["prepared", "prepared", "served"]


def test_the_port_is_asked_for_where_the_shop_will_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verb, "prepare", lambda _: pytest.fail("the work began"))
    init_shop(tmp_path / "shop", more='[serve]\nhost = "192.0.2.1"\n')
    assert cli.main(["demo", "--shop", str(tmp_path / "shop")]) == 1
    assert "192.0.2.1" in capsys.readouterr().err


def test_a_new_demo_makes_more_room_for_new_things_than_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_further(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(demo, "write_grocery", no_further)
    with pytest.raises(InterruptedError):
        demo.prepare(argparse.Namespace(shop=tmp_path / "shop", json=False, json_file=None))
    given = read_settings(tmp_path / "shop" / "shop.toml").train
    assert (given.discovery, given.time_budget) == (demo.DISCOVERY, demo.SECONDS)
    assert Settings().train.discovery < demo.DISCOVERY
