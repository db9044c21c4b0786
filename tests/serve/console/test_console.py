"""The console over HTTP, without a browser."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from penchant.serve.console import figures
from penchant.serve.console.routes import console_routes
from penchant.serve.console.sessions import LIFETIME

sys.path.insert(0, str(Path(__file__).parent))
import console_fakes as fakes

HOME = f"/console/people/{fakes.PERSON}"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(shop: fakes.Shop, clock: Clock) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=console_routes(shop, clock=clock)), follow_redirects=False) as client:
        yield client


def csrf(client: TestClient) -> dict[str, str]:
    text = client.get("/console").text
    return {"x-csrf-token": text.split('name="csrf" content="')[1].split('"')[0]}


def code(answer: httpx.Response) -> str:
    return answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/people",
        f"/people/{fakes.PERSON}",
        f"/people/{fakes.PERSON}/export",
        "/items",
        "/reports/quality/frame",
    ],
)
def test_a_stranger_is_sent_to_the_form(client: TestClient, path: str) -> None:
    answer = client.get("/console" + path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    assert fakes.PERSON not in answer.text


def test_the_token_works_once_and_leaves_the_address(client: TestClient) -> None:
    answer = client.get(f"/console?token={fakes.TOKEN}")
    assert answer.headers["location"] == "/console"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert fakes.TOKEN not in cookie
    client.cookies.clear()
    assert client.get(f"/console?token={fakes.TOKEN}").status_code == 401
    assert client.get("/console?token=").status_code == 401


@pytest.mark.parametrize(("key", "status"), [(fakes.KEY, 303), ("reader", 401), ("guess", 401), ("", 401)])
def test_only_an_admin_key_signs_in(client: TestClient, key: str, status: int) -> None:
    answer = client.post("/console/sign-in", data={"key": key})
    assert answer.status_code == status
    assert ("set-cookie" in answer.headers) == (status == 303)


def test_sign_in_refuses_another_site_and_a_huge_body(client: TestClient) -> None:
    sent = {"sec-fetch-site": "cross-site"}
    assert client.post("/console/sign-in", data={"key": fakes.KEY}, headers=sent).status_code == 403
    assert client.post("/console/sign-in", content=b"key=" + b"x" * 100_000).status_code == 413


def test_a_session_ends(inside: TestClient, clock: Clock) -> None:
    assert inside.get("/console").status_code == 200
    for _ in range(3):
        clock.now += LIFETIME - 1
        assert inside.get("/console").status_code == 200
    clock.now += LIFETIME + 1
    assert inside.get("/console").status_code == 303


def test_sign_out_ends_the_session_itself(inside: TestClient) -> None:
    kept = dict(inside.cookies)
    assert inside.post("/console/sign-out", headers=csrf(inside)).status_code == 200
    inside.cookies.update(kept)
    assert inside.get("/console").status_code == 303


@pytest.mark.parametrize("action", ["events", "consent", "erase"])
def test_posts_need_session_and_csrf_token(client: TestClient, shop: fakes.Shop, action: str) -> None:
    body = {"item_id": "dairy-0", "type": "purchase", "profiling": False, "confirm": True}
    assert client.post(f"{HOME}/{action}", json=body).status_code == 401
    client.get(f"/console?token={fakes.TOKEN}")
    assert code(client.post(f"{HOME}/{action}", json=body)) == "forbidden"
    assert code(client.post(f"{HOME}/{action}", json=body, headers={"x-csrf-token": "guess"})) == "forbidden"
    assert (shop.events, shop.profiling, shop.gone) == ([], True, False)


def test_an_event_changes_the_list(inside: TestClient, shop: fakes.Shop) -> None:
    body = {"item_id": "meat-0", "type": "purchase"}
    answer = inside.post(f"{HOME}/events", json=body, headers=csrf(inside))
    assert shop.events == [("meat-0", "purchase")]
    assert answer.json()["items"][0]["item_id"] == "meat-1"
    assert shop.answered == [(None, None)]


def test_a_click_names_the_list_that_it_answers(inside: TestClient, shop: fakes.Shop) -> None:
    page = inside.get(HOME).text
    assert 'data-shown="list-1"' in page
    body = {"item_id": "meat-0", "type": "view", "recommendation_id": "list-1", "position": 3}
    answer = inside.post(f"{HOME}/events", json=body, headers=csrf(inside)).json()
    assert shop.answered == [("list-1", 3)]
    assert answer["recommendation_id"] == "list-2"


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b"\xff", b"{}", b'{"item_id": 3, "type": "view"}', b'{"item_id": "", "type": "view"}',
     b'{"item_id": "dairy-0", "type": "view", "recommendation_id": "l"}',
     b'{"item_id": "dairy-0", "type": "view", "recommendation_id": "l", "position": 20}',
     b'{"item_id": "dairy-0", "type": "view", "recommendation_id": "l", "position": true}',
     b'{"item_id": "dairy-0", "type": "view", "recommendation_id": 7, "position": 1}',
     b'{"item_id": "dairy-0", "type": "refund"}', b'{"item_id": "' + b"x" * 300 + b'", "type": "view"}'],
)  # fmt: skip
def test_bad_events_are_refused_and_nothing_happens(
    inside: TestClient, shop: fakes.Shop, body: bytes
) -> None:
    answer = inside.post(f"{HOME}/events", content=body, headers=csrf(inside))
    assert (answer.status_code, code(answer)) == (400, "invalid-input")
    assert shop.events == []


def test_too_large_and_unknown(inside: TestClient) -> None:
    token = csrf(inside)
    assert inside.post(f"{HOME}/events", content=b" " * 20_000, headers=token).status_code == 413
    unknown = {"item_id": "nothing", "type": "view"}
    assert inside.post(f"{HOME}/events", json=unknown, headers=token).status_code == 404
    assert inside.get("/console/people/nobody").status_code == 404
    assert inside.get("/console/reports/nothing").status_code == 404


def test_consent_export_and_erasure(inside: TestClient, shop: fakes.Shop) -> None:
    token = csrf(inside)
    answer = inside.post(f"{HOME}/consent", json={"profiling": False}, headers=token).json()
    assert answer["items"][0]["reason"] == "Popular these days"
    assert (answer["profiling"], answer["experiments"]) == (False, True)
    answer = inside.post(f"{HOME}/consent", json={"experiments": False}, headers=token).json()
    assert (answer["profiling"], answer["experiments"]) == (False, False)
    assert re.findall(r'data-consent="(\w+)"( checked)?', inside.get(HOME).text) == [
        ("profiling", ""),
        ("experiments", ""),
    ]
    for body in ({}, {"profiling": None}, {"experiments": 1}, {"profiling": True, "experiments": "no"}):
        assert inside.post(f"{HOME}/consent", json=body, headers=token).status_code == 400
    assert (shop.profiling, shop.experiments) == (False, False)
    inside.post(f"{HOME}/consent", json={"profiling": True, "experiments": True}, headers=token)
    assert inside.get(HOME).text.count(" checked><span>May") == 2
    held = inside.get(f"{HOME}/export")
    assert held.json()["pseudonym"] == fakes.PERSON
    assert held.headers["content-disposition"].startswith("attachment")
    assert inside.post(f"{HOME}/erase", json={}, headers=token).status_code == 400
    assert not shop.gone
    assert inside.post(f"{HOME}/erase", json={"confirm": True}, headers=token).json() == {
        "removed": {"events": 0}
    }
    assert inside.get(HOME).status_code == 404


def test_pages_show_what_the_shop_says(inside: TestClient) -> None:
    assert "1,469,307" in inside.get("/console").text
    assert fakes.PERSON in inside.get("/console/people?q=p7f").text
    assert "Nobody fits" in inside.get("/console/people?q=zzz").text
    assert "Bananas" in inside.get("/console/items?q=banana").text
    assert "Similar to" in inside.get("/console/items?like=dairy-0&title=Milk").text
    text = inside.get(HOME).text
    assert text.count("<svg") >= 3
    assert "Bought on 20 Mar 2017" in text
    assert "Bananas &lt;3 lb&gt;" in text
    assert "<3 lb>" not in text
    assert "Searched on 17 May 2017" in text
    assert "“oat &lt;milk&gt;”" in text


def test_people_are_told_that_the_shops_own_id_finds_somebody_too(inside: TestClient) -> None:
    assert "pseudonym or by the shop's own user id</label>" in inside.get("/console/people").text


def test_months_without_events_keep_their_places(inside: TestClient, shop: fakes.Shop) -> None:
    known = shop.person(fakes.PERSON)
    known["profile"]["months"] = [fakes.month(n) for n in (0, 1, 8)]
    shop.person = lambda pseudonym: known  # type: ignore[method-assign]
    places = sorted({float(x) for x in re.findall(r'<rect class="c0" x="([0-9.]+)"', inside.get(HOME).text)})
    pitch = figures.WIDTH / 9
    assert places == [pytest.approx((n + 0.08) * pitch, abs=0.01) for n in (0, 1, 8)]


def test_the_axis_is_of_twelve_months_across_the_year_at_most() -> None:
    months = figures.calendar([{"month": name} for name in ("2015-01", "2016-11", "2017-02")])
    names = [month["month"] for month in months]
    assert (len(names), names[0], names[8:11]) == (12, "2016-03", ["2016-11", "2016-12", "2017-01"])
    assert figures.calendar([]) == []


@pytest.mark.parametrize("path", ["/nothing", "/", "/people/", f"/people/{fakes.PERSON}/nothing"])
def test_an_unknown_address_is_a_page(inside: TestClient, path: str) -> None:
    answer = inside.get(f"/console{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "no page at this address" in answer.text
    inside.cookies.clear()
    assert inside.get(f"/console{path}").status_code == 303


def test_hostile_text_stays_text(inside: TestClient) -> None:
    attack = "<script>alert(1)</script>"
    for path in (
        f"/console/people?q={attack}",
        f"/console/items?q={attack}",
        f"/console/items?like=a&title={attack}",
    ):
        assert attack not in inside.get(path).text


def test_a_shop_without_an_evaluation_says_so(inside: TestClient, shop: fakes.Shop) -> None:
    shop.evaluated = False
    assert "penchant evaluate" in inside.get("/console/reports/evaluation").text


def test_the_experiment_is_a_report_in_the_menu(inside: TestClient) -> None:
    text = inside.get("/console/reports/experiment").text
    assert '<iframe class="report" title="Experiment report"' in text
    assert 'href="/console/reports/experiment" aria-current="page"' in text
    assert inside.get("/console/reports/experiment/frame").text == "<h1>Spring</h1>"


def test_headers(inside: TestClient) -> None:
    policy = inside.get("/console").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    frame = inside.get("/console/reports/quality/frame").headers["content-security-policy"]
    assert frame.startswith("sandbox;")
    for path in ("/console", "/console/people", HOME, "/console/items"):
        answer = inside.get(path)
        assert answer.headers["cache-control"] == "no-store"
        assert " style=" not in answer.text
        assert " onclick" not in answer.text
