"""The application around the routes: description, counters, log, headers, faults."""

import asyncio
import gzip
import io
import json
import sqlite3
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock, call

import httpx
import msgspec
import pytest
from starlette.testclient import TestClient

from penchant.errors import NotFound, StorageError, WouldWait
from penchant.events.intake import IntakeResult
from penchant.serve.app import create_app
from penchant.serve.describe import description
from penchant.serve.http import Api, routes
from penchant.serve.services import ListWanted, Services
from penchant.serve.watch import Metrics
from penchant.settings import Settings
from penchant.types import Impression, Reason, Recommendation


@pytest.fixture
def fake() -> MagicMock:
    fake = MagicMock(spec=Services)
    fake.settings, fake.console_token = Settings(), "once"
    fake.verify.return_value = frozenset({"admin"})
    fake.readiness.return_value = {"ready": True, "states": 7, "degraded": ["lists"], "unlogged": 3}
    fake.take_in_each.return_value = [IntakeResult(accepted=3, duplicates=2, rejected=[(0, "type", "bad")])]
    item = Recommendation(item_id="i", score=0.5, position=0, reason=Reason(kind="popular"))
    shown = Impression(
        recommendation_id="l",
        user_id="pseudonym",
        timestamp=0.0,
        placement="home",
        items=(item,),
        fallback="person",
    )
    fake.recommend_each.return_value = [shown]
    return fake


def ask(fake: MagicMock, *requests: tuple[str, str, dict[str, Any]]) -> tuple[list[httpx.Response], str]:
    async def go() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            key = {"authorization": "Bearer secret-key"}
            return [
                await client.request(m, p, headers=key | more.pop("headers", {}), **more)
                for m, p, more in requests
            ]

    log = io.StringIO()
    app = create_app(fake, lambda: 12.0, log)
    return asyncio.run(go()), log.getvalue()


def test_the_description_lists_every_route_and_nothing_else(fake: MagicMock) -> None:
    (answer,), _ = ask(fake, ("GET", "/openapi.json", {}))
    listed = {(m.upper(), p) for p, ms in answer.json()["paths"].items() for m in ms if p.startswith("/v1")}
    assert listed == {(method, path) for method, path, _, _ in routes(Api(fake, Metrics()))}
    assert set(description()["paths"]) >= {"/healthz", "/readyz", "/metrics"}


def test_the_description_says_that_an_item_is_replaced_whole() -> None:
    assert "a field that is left out is gone" in description()["paths"]["/v1/items"]["put"]["summary"]


def test_pages_that_would_load_from_elsewhere_are_off(fake: MagicMock) -> None:
    answers, _ = ask(fake, ("GET", "/docs", {}), ("GET", "/redoc", {}))
    assert [a.status_code for a in answers] == [404, 404]


def test_a_list_names_the_shops_own_user_and_never_the_pseudonym(fake: MagicMock) -> None:
    (answer,), _ = ask(fake, ("GET", "/v1/users/anna/recommendations?item=x&placement=home&n=5", {}))
    fake.recommend_each.assert_called_once_with([ListWanted("anna", 5, "home", "x")], wait=False)
    item = {"item_id": "i", "score": 0.5, "position": 0, "reason": {"kind": "popular"}}
    assert answer.json() == {
        "recommendation_id": "l",
        "user_id": "anna",
        "placement": "home",
        "snapshot": "",
        "fallback": True,
        "fallback_reason": "person",
        "items": [item],
    }


def test_the_log_is_lines_of_json_without_ids_queries_bodies_or_keys(fake: MagicMock) -> None:
    body = {"json": {"events": [{"user_id": "anna"}]}}
    _, log = ask(
        fake,
        ("GET", "/v1/users/anna/recommendations?placement=home", {}),
        ("POST", "/v1/events", body),
        ("GET", "/anna/secret-key", {}),
    )
    lines = [json.loads(line) for line in log.splitlines()]
    routes_ = [line["route"] for line in lines]
    assert routes_ == ["/v1/users/{user_id}/recommendations", "/v1/events", "unknown"]
    assert [line["status"] for line in lines] == [200, 200, 404]
    assert not any(word in log for word in ("anna", "secret", "home", "pseudonym"))


def test_counters_tell_requests_events_and_fallback_lists(fake: MagicMock) -> None:
    answers, _ = ask(
        fake,
        ("POST", "/v1/events", {"json": {"events": [{}]}}),
        ("GET", "/v1/users/anna/recommendations", {}),
        ("GET", "/metrics", {}),
    )
    text = answers[-1].text
    for line in (
        'penchant_requests_total{method="POST",route="/v1/events",status="200"} 1.0',
        'penchant_events_total{outcome="accepted"} 3.0',
        'penchant_events_total{outcome="duplicates"} 2.0',
        'penchant_events_total{outcome="rejected"} 1.0',
        'penchant_lists_total{by="fallback"} 1.0',
        'penchant_fallbacks_total{reason="person"} 1.0',
        'penchant_degraded{part="lists"} 1.0',
        "penchant_lists_unlogged 3.0",
        "penchant_states 7.0",
    ):
        assert line in text
    assert "anna" not in text


def test_an_unforeseen_fault_is_a_plain_500_and_its_message_stays_inside(fake: MagicMock) -> None:
    fake.taste.side_effect = RuntimeError("anna likes gin")
    (answer,), log = ask(fake, ("GET", "/v1/users/anna/taste", {}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "error")
    assert "RuntimeError" in log
    assert "anna" not in log + answer.text


def events_of(fake: MagicMock, content: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    (answer,), _ = ask(fake, ("POST", "/v1/events", {"headers": named, "content": content}))
    return answer


def test_events_come_in_gzip_and_as_lines(fake: MagicMock) -> None:
    records = [{"user_id": "anna", "type": "view", "item_id": f"i{n}"} for n in range(3)]
    body = json.dumps({"events": records}).encode()
    lines = b"\n\n".join(json.dumps(record).encode() for record in records) + b"\r\n"
    kind = "application/x-ndjson; charset=utf-8"
    for answer in (
        events_of(fake, gzip.compress(body), content_encoding="gzip"),
        events_of(fake, lines, content_type=kind),
        events_of(fake, gzip.compress(lines), content_type=kind, content_encoding="GZIP"),
    ):
        assert answer.status_code == 200
    assert fake.take_in_each.call_args_list == [call([records], wait=False)] * 3


def test_a_bad_line_is_named_and_nothing_is_taken(fake: MagicMock) -> None:
    answer = events_of(fake, b'{"a": 1}\n{"a": \n', content_type="application/x-ndjson")
    assert answer.status_code == 400
    assert "line 2" in answer.json()["error"]["message"]
    assert events_of(fake, b"[1]\n7", content_type="application/x-ndjson").status_code == 400
    fake.take_in_each.assert_not_called()


def test_too_many_lines_are_refused_before_all_are_read(fake: MagicMock) -> None:
    answer = events_of(fake, b"{}\n" * 1_001 + b"no JSON", content_type="application/x-ndjson")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")


def test_gzip_that_is_broken_cut_off_or_goes_on_is_refused(fake: MagicMock) -> None:
    whole = gzip.compress(b'{"events": []}')
    for content, words in (
        (b"{}", "not gzip"),
        (whole[:-3], "cut off"),
        (b"", "cut off"),
        (whole * 2, "goes on"),
    ):
        answer = events_of(fake, content, content_encoding="gzip")
        assert answer.status_code == 400
        assert words in answer.json()["error"]["message"]
    fake.take_in_each.assert_not_called()


def test_a_small_body_that_unpacks_to_a_huge_one_takes_no_memory(fake: MagicMock) -> None:
    bomb = gzip.compress(bytes(400 * 1024 * 1024), 9)
    assert len(bomb) < fake.settings.serve.max_body
    tracemalloc.start()
    answer = events_of(fake, bomb, content_encoding="gzip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")
    assert peak < 32 * 1024 * 1024


def waiting_for(free: threading.Event) -> Callable[..., list[IntakeResult]]:
    """A disk that is slow: who may not wait is told."""

    def taken(asked: list[Any], *, wait: bool = True) -> list[IntakeResult]:
        if not wait and not free.is_set():
            raise WouldWait("another thread is writing")
        assert free.wait(10)
        return [IntakeResult(accepted=1)] * len(asked)

    return taken


def test_more_requests_than_can_be_answered_are_told_when_to_come_again(fake: MagicMock) -> None:
    fake.settings = msgspec.structs.replace(
        fake.settings, serve=msgspec.structs.replace(fake.settings.serve, waiting=3)
    )
    free = threading.Event()
    fake.take_in_each.side_effect = waiting_for(free)

    async def go() -> tuple[list[httpx.Response], httpx.Response, httpx.Response]:
        app = create_app(fake, lambda: 12.0, io.StringIO())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            client.headers["authorization"] = "Bearer secret-key"
            asked = [asyncio.create_task(client.post("/v1/events", json={"events": [{}]})) for _ in range(10)]
            while sum(one.done() for one in asked) < 7:
                await asyncio.sleep(0.01)
            healthy = await client.get("/readyz")
            free.set()
            answers = await asyncio.gather(*asked)
            return answers, healthy, await client.post("/v1/events", json={"events": [{}]})

    answers, healthy, after = asyncio.run(go())
    refused = [answer for answer in answers if answer.status_code != 200]
    assert [answer.status_code for answer in refused] == [429] * 7
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {answer.json()["error"]["code"] for answer in refused} == {"overloaded"}
    calls = fake.take_in_each.call_args_list
    taken = sum(len(call.args[0]) for call in calls if "wait" not in call.kwargs)
    assert taken == 3, "of what was refused nothing was taken, and the last one waited for nobody"
    assert (healthy.status_code, after.status_code) == (200, 200)


def test_events_that_wait_for_a_disk_hold_up_no_list(fake: MagicMock) -> None:
    fake.settings = msgspec.structs.replace(
        fake.settings, serve=msgspec.structs.replace(fake.settings.serve, waiting=60)
    )
    free = threading.Event()
    fake.take_in_each.side_effect = waiting_for(free)
    fake.recommend_each.side_effect = lambda asked, wait=True: fake.recommend_each.return_value * len(asked)

    async def go() -> tuple[list[httpx.Response], list[httpx.Response]]:
        app = create_app(fake, lambda: 12.0, io.StringIO())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            client.headers["authorization"] = "Bearer secret-key"
            asked = [asyncio.create_task(client.post("/v1/events", json={"events": [{}]})) for _ in range(60)]
            while not fake.take_in_each.called:
                await asyncio.sleep(0.01)
            lists = [await client.get("/v1/users/anna/recommendations") for _ in range(3)]
            free.set()
            return lists, await asyncio.gather(*asked)

    lists, events = asyncio.run(asyncio.wait_for(go(), 20))
    assert [answer.status_code for answer in lists] == [200] * 3
    assert {answer.status_code for answer in events} == {200}


def test_headers_are_safe_and_an_unknown_encoding_is_refused(fake: MagicMock) -> None:
    brotli = {"headers": {"content-encoding": "br"}, "content": b"{}"}
    (answer,), _ = ask(fake, ("POST", "/v1/events", brotli))
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported-encoding")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]
    fake.take_in_each.assert_not_called()


def test_a_disk_that_refuses_is_in_the_log_and_its_message_is_not(fake: MagicMock) -> None:
    def refused(*_: object, **__: object) -> None:
        try:
            error = sqlite3.OperationalError("disk of anna is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error
        except sqlite3.OperationalError as error:
            raise StorageError("anna's events were not written") from error

    fake.take_in_each.side_effect = refused
    (answer,), log = ask(fake, ("POST", "/v1/events", {"json": {"events": [{"user_id": "anna"}]}}))
    line = json.loads(log)
    assert answer.status_code == line["status"] == 503
    assert "StorageError at refused" in line["fault"]
    assert "OperationalError SQLITE_FULL at refused" in line["fault"]
    assert "anna" not in log + answer.text


def test_what_a_client_did_wrong_is_no_fault_of_ours(fake: MagicMock) -> None:
    fake.similar.side_effect = NotFound("no item")
    (answer,), log = ask(fake, ("GET", "/v1/items/i/similar", {}))
    assert answer.status_code == 404
    assert "fault" not in json.loads(log)


def test_a_fault_behind_the_console_is_in_the_log_too(fake: MagicMock) -> None:
    fake.person.side_effect = StorageError("of anna")
    signed_in = ("GET", "/console?token=once", {})
    answers, log = ask(fake, signed_in, ("GET", "/console/people/p", {}))
    assert answers[1].status_code == 503
    assert "StorageError" in json.loads(log.splitlines()[1])["fault"]
    assert "anna" not in log + answers[1].text


def test_a_start_warms_the_services_before_it_is_ready(fake: MagicMock) -> None:
    happened: list[str] = []
    fake.warm.side_effect = lambda: happened.append("warm")
    with TestClient(create_app(fake, lambda: 12.0, io.StringIO())) as client:
        happened.append("ready")
        client.get("/healthz")
    assert happened == ["warm", "ready"]
