"""Snapshots that come while a shop serves: whole ones serve, broken ones never, and both are told."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penchant.app.serving import Serving
from penchant.errors import SnapshotRefused

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


def test_a_shop_whose_only_snapshot_is_broken_is_not_ready(tmp_path: Path) -> None:
    folder = shops.make_shop(tmp_path / "shop")
    (weights,) = folder.glob("snapshots/*/weights.safetensors")
    weights.write_bytes(b"")
    _, serving = shops.behind_the_door(folder)
    try:
        found = serving.readiness()
        assert (found["ready"], found["fallback"]) == (False, True)
    finally:
        serving.close()
