"""What a start does ahead of the first request."""

import sys
from pathlib import Path

import pytest

from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.catalog.words import WordRows
from penchant.errors import StorageError
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Item

sys.path.insert(0, str(Path(__file__).parent))
import shops


def test_states_words_and_vectors_are_there_before_the_first_request_and_nothing_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, serving = shops.behind_the_door(shops.make_shop(tmp_path / "shop"))
    try:
        assert serving.readiness()["states"] == 0
        with client:
            assert serving.readiness()["states"] == serving.shop.log.people_count() > 1
            reads: list[object] = []
            monkeypatch.setattr(serving.shop.log, "of_user", lambda *asked: reads.append(asked))
            monkeypatch.setattr(WordRows, "_replace", lambda *asked: reads.append(asked))
            assert client.get("/v1/users/anna/recommendations").json()["fallback"] is False
            assert client.get("/v1/search?q=tea").json()["items"]
            assert reads == []
            assert serving._engine.writer.flush(5)
            written = serving.shop.database.read("SELECT count(*) FROM impressions")
            assert written == [(2,)], "rehearsals are not lists that somebody saw"
    finally:
        serving.close()


def test_a_shop_without_a_model_reads_no_text_to_start(tmp_path: Path) -> None:
    init_shop(tmp_path / "shop")
    encoder = FakeTextEncoder()
    serving = Serving(Shop(tmp_path / "shop", writer=True, encoder=encoder))
    try:
        serving.shop.items.upsert([Item(item_id="tea", title="Tea")])
        serving.warm()
        assert serving.readiness()["fallback"]
        assert encoder.read == []
    finally:
        serving.close()


def test_a_start_that_cannot_warm_still_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, serving = shops.behind_the_door(shops.make_shop(tmp_path / "shop"))

    def refuse(*_: object) -> None:
        raise StorageError("disk")

    monkeypatch.setattr(serving.shop.log, "follow", refuse)
    try:
        with client:
            assert client.get("/healthz").status_code == 200
    finally:
        serving.close()
