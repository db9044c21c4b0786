"""Auth, limits and forms of the routes, against fakes that remember what they were asked."""

import asyncio
import json
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import quote

import httpx
import pytest

from penchant.catalog.feeds import MAX_DESCRIPTION
from penchant.errors import StorageError
from penchant.events.intake import IntakeResult
from penchant.serve.app import create_app
from penchant.serve.campaigns import CampaignServices
from penchant.serve.decision_services import DecisionServices
from penchant.serve.guests import GuestServices
from penchant.serve.http import BLIND_SECONDS, KEY_SECONDS, Api, KnownKeys, routes
from penchant.serve.onboarding import OnboardingServices
from penchant.serve.rule_services import RuleServices
from penchant.serve.services import Services
from penchant.serve.watch import Metrics
from penchant.settings import Settings
from penchant.types import Impression

SCOPES = {"e": {"events"}, "r": {"read"}, "a": {"admin"}}
BODIES: dict[str, Any] = {
    "post_events": {"events": [{"user_id": "u", "type": "view"}]},
    "put_items": {"items": [{"item_id": "i"}]},
    "delete_items": {"item_ids": ["i"]},
    "patch_taste": {"less": ["Dairy"]},
    "put_consent": {"profiling": False},
    "put_attributes": {"city": "Bern"},
    "join_guest": {"guest_id": "g"},
    "answer": {"user_id": "u", "item_id": "i", "likes": True},
    "put": {"document": {}},
    "rollback": {"version": 1},
    "dry_run": {"document": {}},
    "put_offers": {"offers": []},
    "put_exposures": {"exposures": []},
    "put_stock": {"stock": []},
    "put_follows": {"follows": []},
    "approve": {},
    "edit": {"value": 3.5},
    "reject": {},
    "take_back": {},
    "outcome": {"came": {"sold": 3}},
}


def fakes() -> MagicMock:
    fake = MagicMock(spec=Services)
    fake.settings = Settings()
    fake.console_token = "once"
    fake.verify.side_effect = lambda token: frozenset(SCOPES[token]) if token in SCOPES else None
    fake.take_in_each.return_value = [IntakeResult(accepted=1, rejected=[(1, "type", "no such type")])]
    shown = Impression(recommendation_id="l", user_id="p-u", timestamp=0.0, placement="default", items=())
    fake.recommend_each.return_value = [shown]
    fake.similar.return_value = fake.search.return_value = shown
    for call in (
        "upsert_items", "delete_items", "taste", "correct_taste", "set_consent", "set_attributes", "export",
        "erase",
    ):  # fmt: skip
        getattr(fake, call).return_value = {}
    fake.rules = MagicMock(spec=RuleServices)
    fake.guests = MagicMock(spec=GuestServices)
    fake.guests.join_guest.return_value = {}
    fake.campaigns = MagicMock(spec=CampaignServices)
    fake.campaigns.set_follows.return_value = {}
    fake.campaigns.trends.return_value = fake.campaigns.put_rows.return_value = {}
    fake.campaigns.campaigns.return_value = fake.item_prices.return_value = {}
    fake.decided = MagicMock(spec=DecisionServices)
    fake.decided.decisions.return_value = []
    for call in ("decision", "approve", "edit", "reject", "take_back", "outcome"):
        getattr(fake.decided, call).return_value = {}
    fake.onboarding = MagicMock(spec=OnboardingServices)
    fake.onboarding.questions.return_value = fake.onboarding.answer.return_value = {}
    for call in ("rules", "save_rules", "rollback_rules", "try_rules"):
        getattr(fake.rules, call).return_value = {}
    fake.readiness.return_value = {"ready": False, "reasons": ["no model yet"]}
    return fake


def ask(fake: MagicMock, method: str, path: str, key: str = "a", **more: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(fake, lambda: 0.0))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            return await client.request(method, path, headers=headers, **more)

    return asyncio.run(go())


ROUTES = [(m, p, s, h.__name__) for m, p, s, h in routes(Api(fakes(), Metrics()))]


@pytest.mark.parametrize("key", ["", "unknown", "e", "r", "a"])
@pytest.mark.parametrize(("method", "path", "scopes", "name"), ROUTES)
def test_every_route_asks_for_its_scope(
    method: str, path: str, scopes: frozenset[str], name: str, key: str
) -> None:
    path = path.format(user_id="u", item_id="i", decision_id="d") + ("?q=milk" if name == "search" else "")
    body = {"json": BODIES[name]} if name in BODIES else {}
    answer = ask(fakes(), method, path, key, **body)
    allowed = SCOPES.get(key, set()) & (scopes | {"admin"})
    assert answer.status_code == (200 if allowed else 403 if key in SCOPES else 401), answer.text
    if answer.status_code == 401:
        assert "www-authenticate" in answer.headers
    if not allowed:
        assert set(answer.json()["error"]) == {"code", "message"}


def test_a_partly_bad_batch_is_taken_in_and_told() -> None:
    answer = ask(fakes(), "POST", "/v1/events", "e", json=BODIES["post_events"])
    refused = {"index": 1, "code": "type", "message": "no such type"}
    assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": [refused]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"events": [1]}', 400),
        (b'{"events": [], "more": 1}', 400),
        (b"\xff", 400),
        (b"[" * 1_000_000, 400),
        (json.dumps({"events": [{}] * 1001}).encode(), 413),
        (json.dumps({"events": [{"text": "x" * 9000}]}).encode(), 413),
        (json.dumps({"events": [{"text": "x" * 10_000_000}]}).encode(), 413),
        (json.dumps({"events": [{"context": {"a": [{"b": "x" * 9000}]}}]}).encode(), 413),
        (json.dumps({"events": [{"x" * 9000: 1}]}).encode(), 413),
    ],
)
def test_a_bad_body_is_refused_before_anything_is_written(body: bytes, status: int) -> None:
    fake = fakes()
    answer = ask(fake, "POST", "/v1/events", "e", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"]
    fake.take_in_each.assert_not_called()


@pytest.mark.parametrize("n", ["0", "201", "-1", "x", "9" * 5000])
def test_n_has_limits(n: str) -> None:
    assert ask(fakes(), "GET", f"/v1/users/u/recommendations?n={n}", "r").status_code == 400


def test_a_text_has_its_limit_wherever_it_lies() -> None:
    body = {"corrections": [{"kind": "brand", "name": "x" * 9000, "weight": "less"}]}
    fake = fakes()
    answer = ask(fake, "PATCH", "/v1/users/u/taste", "e", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")
    fake.correct_taste.assert_not_called()
    body["corrections"][0]["name"] = "x" * 8192
    assert ask(fake, "PATCH", "/v1/users/u/taste", "e", json=body).status_code == 200


@pytest.mark.parametrize(("length", "status"), [(MAX_DESCRIPTION, 200), (MAX_DESCRIPTION + 1, 413)])
def test_a_description_may_be_as_long_as_in_a_feed(length: int, status: int) -> None:
    fake, item = fakes(), {"item_id": "i", "description": "x" * length}
    answer = ask(fake, "PUT", "/v1/items", json={"items": [item]})
    assert answer.status_code == status, answer.text
    assert fake.upsert_items.call_count == (status == 200)


@pytest.mark.parametrize(("count", "status"), [(200, 200), (201, 422)])
def test_more_exclusions_than_are_read_are_refused_not_dropped(count: int, status: int) -> None:
    fake = fakes()
    query = "&".join(f"exclude=i{n}" for n in range(count))
    answer = ask(fake, "GET", f"/v1/users/u/recommendations?{query}", "r")
    assert answer.status_code == status
    if status == 200:
        ((wanted,),) = fake.recommend_each.call_args.args
        assert wanted.exclude == tuple(f"i{n}" for n in range(200))
    else:
        assert answer.json()["error"]["code"] == "too-many"
        fake.recommend_each.assert_not_called()


@pytest.mark.parametrize("name", ["a/b", "/", "a%2Fb", "50%", "ä/ö", "a/taste", "a?b#c"])
def test_an_id_may_hold_any_character(name: str) -> None:
    fake, sent = fakes(), quote(name, safe="")
    assert ask(fake, "GET", f"/v1/users/{sent}/taste", "r").status_code == 200
    fake.taste.assert_called_once_with(name)
    assert ask(fake, "GET", f"/v1/items/{sent}/similar", "r").status_code == 200
    assert fake.similar.call_args.args[0] == name
    assert ask(fake, "DELETE", f"/v1/users/{sent}").status_code == 200
    fake.erase.assert_called_once_with(name)


def test_a_bare_slash_divides_a_path() -> None:
    fake = fakes()
    assert ask(fake, "GET", "/v1/users/a/b/taste", "r").status_code == 404
    assert ask(fake, "DELETE", "/v1/users/anna/taste").status_code == 405
    fake.taste.assert_not_called()
    fake.erase.assert_not_called()


def test_unknown_routes_and_methods_have_the_same_form() -> None:
    for method, path, status in [("GET", "/nowhere", 404), ("GET", "/v1/events", 405)]:
        answer = ask(fakes(), method, path)
        assert (answer.status_code, set(answer.json())) == (status, {"error"})


def test_consent_and_readiness() -> None:
    fake = fakes()
    ask(fake, "PUT", "/v1/users/u/consent", "e", json={"profiling": False})
    fake.set_consent.assert_called_once_with("u", False, None)
    assert ask(fake, "GET", "/readyz", "").status_code == 503
    assert ask(fake, "GET", "/healthz", "").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[]", 400), (b'"city"', 400), (b"null", 400), (b'{"city"', 400), (b'{"a": "\xff"}', 400)],
)
def test_attributes_are_one_object(body: bytes, status: int) -> None:
    fake = fakes()
    answer = ask(fake, "PUT", "/v1/users/u/attributes", "e", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "invalid-input")
    fake.set_attributes.assert_not_called()


def test_attributes_are_handed_on_as_they_came() -> None:
    fake = fakes()
    fake.set_attributes.return_value = {"attributes": {"city": "Bern"}}
    answer = ask(fake, "PUT", "/v1/users/a%2Fb/attributes", "e", json={"city": "Bern", "plan": ""})
    assert answer.json() == {"attributes": {"city": "Bern"}}
    fake.set_attributes.assert_called_once_with("a/b", {"city": "Bern", "plan": ""})


def test_while_keys_cannot_be_looked_up_a_key_that_was_good_is_for_ten_minutes() -> None:
    now, broken = [0.0], [False]

    def verify(token: str) -> frozenset[str] | None:
        if broken[0]:
            raise StorageError("disk I/O error")
        return frozenset({"read"}) if token == "key" else None

    known = KnownKeys(verify, lambda: now[0])

    def scopes(token: str) -> frozenset[str] | None:
        return asyncio.run(known.scopes(token))

    assert scopes("key") == frozenset({"read"})
    broken[0] = True
    for now[0] in (KEY_SECONDS, 60.0, BLIND_SECONDS - 1.0):
        assert scopes("key") == frozenset({"read"})
        with pytest.raises(StorageError):
            scopes("other")
    now[0] = BLIND_SECONDS
    with pytest.raises(StorageError):
        scopes("key")
    broken[0] = False
    assert scopes("key") == frozenset({"read"})


def test_a_key_is_looked_up_once_a_second_and_a_revoked_one_is_good_no_longer() -> None:
    now, asked, good = [0.0], list[str](), {"key"}

    def verify(token: str) -> frozenset[str] | None:
        asked.append(token)
        return frozenset({"read"}) if token in good else None

    known = KnownKeys(verify, lambda: now[0])

    def scopes(token: str) -> frozenset[str] | None:
        return asyncio.run(known.scopes(token))

    assert [scopes("key") for _ in range(5)] == [frozenset({"read"})] * 5
    assert asked == ["key"]
    assert [scopes("other") for _ in range(3)] == [None] * 3
    assert asked == ["key"] + ["other"] * 3
    good.clear()
    now[0] = KEY_SECONDS
    assert scopes("key") is None
    assert scopes("key") is None
