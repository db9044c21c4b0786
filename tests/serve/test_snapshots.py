"""Snapshots that come while a shop serves: whole ones serve, broken ones never, and both are told."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.errors import SnapshotRefused, StorageError
from penchant.learn.shelf import Promotion
from penchant.model.snapshot import FORMAT, Manifest, read_snapshot, write_snapshot
from penchant.serve.services import ListWanted
from penchant.testing.log_contract import event

sys.path.insert(0, str(Path(__file__).parent))
import shops


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.02)
    _, serving = shops.behind_the_door(shops.make_shop(tmp_path / "shop"))
    yield serving
    serving.close()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def damage(serving: Serving) -> str:
    """A second snapshot, promoted while it was whole, then damaged before the server could look."""
    shelf = serving.shop.shelf
    serving._engine.current.newer_than = lambda _: None  # type: ignore[method-assign]
    shops.train(serving.shop)
    name = shelf.current()
    weights = shelf.path(name) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    del serving._engine.current.newer_than
    return name


def test_a_refused_snapshot_is_told_once_and_the_old_one_serves_ready(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    first = serving.readiness()["snapshot"]
    with caplog.at_level(logging.WARNING, "penchant"):
        name = damage(serving)
        until(lambda: bool(serving.readiness()["reasons"]))
        time.sleep(0.2)
    found = serving.readiness()
    assert "checksum" in found["reasons"][0]
    assert (found["ready"], found["snapshot"], found["fallback"]) == (True, first, False)
    assert [record.getMessage().split()[0] for record in caplog.records] == [name], "tried once"


def changed(manifest: Manifest, arrays: dict[str, Any], what: str) -> tuple[Manifest, dict[str, Any]]:
    """A snapshot that is wrong in one way, written as if it were right."""
    if what in ("older", "newer"):
        return msgspec.structs.replace(manifest, format=FORMAT + (1 if what == "newer" else -1)), arrays
    if what == "foreign":
        return msgspec.structs.replace(manifest, id_table_hash="another"), arrays
    bias = arrays["output.bias"].copy()
    bias[0] = np.nan
    return manifest, arrays | {"output.bias": bias if what == "nan" else arrays["output.bias"][:1]}


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("nan", "no finite number"),
        ("shape", "does not fit"),
        ("older", "train again"),
        ("newer", "upgrade"),
        ("foreign", "another shop"),
        ("truncated", "checksum"),
        ("empty", "checksum"),
        ("no manifest", "no snapshot"),
        ("half a manifest", "cannot be read"),
    ],
)
def test_what_is_not_whole_is_refused_with_a_reason_and_the_last_good_one_serves_on(
    serving: Serving, what: str, why: str
) -> None:
    shelf, first = serving.shop.shelf, serving.readiness()["snapshot"]
    manifest, arrays = read_snapshot(shelf.path(first))
    bad = shelf.new_path(serving.shop.clock())
    if what in ("nan", "shape", "older", "newer", "foreign"):
        manifest, arrays = changed(manifest, arrays, what)
    write_snapshot(bad, arrays, manifest)
    weights, described = bad / "weights.safetensors", bad / "manifest.json"
    for damaged, name, part in (
        ("truncated", weights, 0.5), ("empty", weights, 0.0), ("half a manifest", described, 0.5)
    ):  # fmt: skip
        if what == damaged:
            name.write_bytes(name.read_bytes()[: int(part * name.stat().st_size)])
    if what == "no manifest":
        described.unlink()
    before = serving.recommend_each([ListWanted("anna", 3)])[0]
    shelf.tell([*shelf.history(), Promotion(name=bad.name, time=serving.shop.clock(), why="by a test")])
    until(lambda: bool(serving.readiness()["reasons"]))
    found = serving.readiness()
    assert why in found["reasons"][0]
    assert (found["ready"], found["snapshot"], found["degraded"]) == (True, first, ["snapshot"])
    after = serving.recommend_each([ListWanted("anna", 3)])[0]
    assert (after.snapshot, after.fallback) == (first, "")
    assert [one.item_id for one in after.items] == [one.item_id for one in before.items]
    shops.train(serving.shop)
    until(lambda: serving.readiness()["snapshot"] not in (first, bad.name))
    until(lambda: not serving.readiness()["degraded"])


def test_a_fault_that_is_not_the_snapshots_is_tried_again(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("penchant.app.current.AGAIN", 0.05)
    current, tries = serving._engine.current, list[str]()

    def short(name: str) -> Any:
        tries.append(name)
        raise MemoryError

    monkeypatch.setattr(current, "load", short)
    shops.train(serving.shop)
    newest = serving.shop.shelf.current()
    until(lambda: len(tries) > 2)
    assert serving.readiness()["reasons"] == ["MemoryError"]
    assert len(caplog.records) == 1, "told once"
    monkeypatch.delattr(current, "load")
    until(lambda: serving.readiness()["snapshot"] == newest)
    until(lambda: not serving.readiness()["reasons"])


@pytest.mark.parametrize("where", ["table", "weights"])
def test_a_model_that_the_disk_refused_serves_once_the_disk_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """At the start there is nothing else to serve with; and a disk recovers by itself."""
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.02)
    monkeypatch.setattr("penchant.app.current.AGAIN", 0.05)
    folder = shops.make_shop(tmp_path / "shop")

    def refuse(*_: object) -> None:
        raise StorageError("the disk said no") if where == "table" else OSError(5, "Input/output error")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "penchant"):
        if where == "table":
            patch.setattr("penchant.app.current.load_serving", refuse)
        else:
            patch.setattr("penchant.model.snapshot._check_sum", refuse)
        _, serving = shops.behind_the_door(folder)
        time.sleep(0.2)
        found = serving.readiness()
        assert (found["ready"], found["fallback"], found["degraded"]) == (True, True, ["model"])
        assert len(caplog.records) == 1, "told once"
    until(lambda: not serving.readiness()["fallback"])
    until(lambda: serving.readiness()["reasons"] == [])
    serving.close()


def test_an_item_that_was_logged_before_a_kill_has_a_row_after_it(tmp_path: Path) -> None:
    folder = shops.make_shop(tmp_path / "shop")
    with Shop(folder, writer=True) as shop:
        anna = shop.pseudonymizer.pseudonym("anna")
        shop.log.append([event("e1", anna, item_id="never seen before")])
        assert shop.ids.rows(["never seen before"]).tolist() == [-1]
    _, serving = shops.behind_the_door(folder)
    assert serving.shop.ids.rows(["never seen before"])[0] >= 0
    serving.close()


def test_after_a_rollback_nothing_is_wrong_any_more(serving: Serving) -> None:
    damage(serving)
    until(lambda: bool(serving.readiness()["reasons"]))
    serving.shop.shelf.rollback(1.0)
    until(lambda: not serving.readiness()["reasons"])


def test_the_next_whole_snapshot_serves(serving: Serving) -> None:
    broken = damage(serving)
    until(lambda: bool(serving.readiness()["reasons"]))
    shops.train(serving.shop)
    newest = serving.shop.shelf.current()
    assert newest != broken
    until(lambda: serving.readiness()["snapshot"] == newest)
    until(lambda: not serving.readiness()["reasons"])


def test_a_broken_snapshot_is_not_promoted_by_hand_and_is_listed_as_broken(serving: Serving) -> None:
    name = damage(serving)
    shelf = serving.shop.shelf
    assert shelf.manifests()[name] is None
    before = shelf.history()
    with pytest.raises(SnapshotRefused, match="checksum"):
        shelf.promote(name, 2.0)
    assert shelf.history() == before


def test_a_shop_whose_only_snapshot_is_broken_shows_what_is_popular(tmp_path: Path) -> None:
    folder = shops.make_shop(tmp_path / "shop")
    (weights,) = folder.glob("snapshots/*/weights.safetensors")
    weights.write_bytes(b"")
    _, serving = shops.behind_the_door(folder)
    try:
        found = serving.readiness()
        assert (found["ready"], found["fallback"], found["degraded"]) == (True, True, ["model"])
    finally:
        serving.close()


def test_a_damaged_index_is_told_by_a_server_that_serves_on(tmp_path: Path) -> None:
    """Rows tell by themselves that they are damaged; an index that leaves some out is looked for."""
    folder = shops.make_shop(tmp_path / "shop")
    shops.damage_index(folder)
    client, serving = shops.behind_the_door(folder)
    with client:
        until(lambda: bool(serving.readiness()["reasons"]))
        (reason,) = serving.readiness()["reasons"]
        assert "shop.db is damaged" in reason
        assert client.get("/v1/users/ben/recommendations").status_code == 200
    serving.close()


def test_whoever_erases_need_not_wait_for_the_look_at_all_pages(serving: Serving) -> None:
    serving.warm()
    serving.warm()
    serving.erase("anna")
    assert serving.shop.log.of_user(serving.shop.pseudonymizer.pseudonym("anna")) == []
    assert serving.readiness()["reasons"] == []
