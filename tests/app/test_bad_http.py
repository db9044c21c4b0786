"""The same bad input over HTTP, to a real shop: a status with a code, and nothing lost or half taken."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.serve.app import create_app
from penchant.testing.fakes import FakeTextEncoder

EVENT = {"user_id": "anna", "item_id": "tea", "type": "view", "timestamp": 1_700_000_000}
Served = tuple[TestClient, Shop]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("shops") / "shop"
    init_shop(folder)
    serving = Serving(Shop(folder, writer=True, encoder=FakeTextEncoder()))
    client = TestClient(create_app(serving, serving.shop.clock, io.StringIO()))
    client.headers["authorization"] = f"Bearer {serving.shop.keys.create(['admin'], 0.0)}"
    yield client, serving.shop
    serving.close()


def body(**changed: Any) -> bytes:
    return json.dumps({"events": [EVENT | changed]}).encode()


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"", 400, "invalid-input"),
        (body()[:-2], 400, "invalid-input"),
        (body().decode().encode("utf-16"), 400, "invalid-input"),
        (body(item_id="th").replace(b'"th"', b'"th\xe9"'), 400, "invalid-input"),
        (body(price="@").replace(b'"@"', b"NaN"), 400, "invalid-input"),
        (body(price="@").replace(b'"@"', b"1e999"), 400, "invalid-input"),
        (body(query="x" * 10_000_000), 413, "too-large"),
        (body(query="x" * 10_000), 413, "too-large"),
        (json.dumps({"events": [EVENT] * 1_001}).encode(), 413, "too-large"),
        (b'{"events":' + b"[" * 100_000, 400, "invalid-input"),
        (json.dumps({"events": [EVENT], "more": 1}).encode(), 400, "invalid-input"),
    ],
    ids=["empty", "cut", "utf16", "latin1", "nan", "infinite", "10mb", "text", "batch", "deep", "unknown"],
)
def test_a_body_that_cannot_be_read_is_refused_whole(
    served: Served, sent: bytes, status: int, code: str
) -> None:
    client, shop = served
    before = shop.log.end(), shop.dead_letters.counts()
    answer = client.post("/v1/events", content=sent)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert len(answer.text) < 500
    assert (shop.log.end(), shop.dead_letters.counts()) == before


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"type": "frobnicate"}, "unknown-type"),
        ({"timestamp": "2999-01-05"}, "future"),
        ({"timestamp": 1_700_000_000_000}, "future"),
        ({"type": "purchase", "price": -1}, "negative"),
        ({"type": "purchase", "price": "NaN"}, "not-finite"),
        ({"type": "purchase", "price": [1]}, "not-a-number"),
        ({"item_id": "x" * 300}, "too-long"),
        ({"colour": {"a": 1}}, "not-scalar"),
    ],
)
def test_a_bad_record_is_told_and_waits_and_the_good_one_is_in(
    served: Served, changed: dict[str, Any], code: str
) -> None:
    client, shop = served
    before, waiting = shop.log.count(), shop.dead_letters.counts().get(code, 0)
    good = EVENT | {"event_id": f"good-{json.dumps(changed)[:40]}"}
    answer = client.post("/v1/events", json={"events": [EVENT | changed, good]}).json()
    assert [(bad["index"], bad["code"]) for bad in answer["rejected"]] == [(0, code)]
    assert answer["accepted"] == 1
    assert shop.log.count() == before + 1
    assert shop.dead_letters.counts()[code] == waiting + 1


def test_a_full_disk_is_a_503_and_the_same_request_is_taken_later(served: Served) -> None:
    client, shop = served
    before = shop.log.count()
    events = [EVENT | {"event_id": f"big-{n}", "query": "x" * 3_000} for n in range(100)]
    (pages,) = shop.database.read("PRAGMA page_count")[0]
    writing = shop.database._writer
    assert writing is not None
    writing.execute(f"PRAGMA max_page_count = {pages}")
    answer = client.post("/v1/events", json={"events": events})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage")
    assert shop.log.count() == before
    writing.execute("PRAGMA max_page_count = 1000000")
    assert client.post("/v1/events", json={"events": events}).json()["accepted"] == 100
    assert client.post("/v1/events", json={"events": events}).json()["duplicates"] == 100
