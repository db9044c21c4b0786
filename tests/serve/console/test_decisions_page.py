"""The page of decisions: what waits and why, one click for each way out, two people where it needs two."""

import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from penchant.decide.approval import Person
from penchant.events.decisions import Step
from penchant.serve.console.routes import console_routes

sys.path.insert(0, str(Path(__file__).parent))
import console_fakes as fakes
from test_browser import (  # noqa: F401  (fixtures)
    CHROMIUM,
    Seen,
    address,
    browser,
    shop,
)

browsed = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]


def signed_in(shop, key=None):  # noqa: F811
    made = TestClient(Starlette(routes=console_routes(shop)))
    if key is None:
        assert made.get(f"/console?token={fakes.TOKEN}").status_code == 200
    else:
        assert made.post("/console/sign-in", data={"key": key}).status_code == 200
    text = made.get("/console/decisions").text
    made.headers["x-csrf-token"] = text.partition('name="csrf" content="')[2].partition('"')[0]
    return made


@pytest.fixture
def client(shop):  # noqa: F811
    return signed_in(shop)


def page(client, **asked):
    answer = client.get("/console/decisions", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_queue_shows_what_is_suggested_why_and_what_would_happen(client):
    text = page(client)
    for part in (
        "Vanilla yogurt 6 oz", "2.49 USD", "<strong>2.69 USD</strong>", "+8%",
        "It should bring more profit than the price of now.", "+2.41, -0.35 to +5.20 with 95%",
        "two people are needed", "Lowest price of the last 30 days: 3.29 USD", "Less is &lt;more&gt;.",
        "Spring &amp; co", "costs 4,000.00 USD", "48 pieces", "Chance that nothing is missing",
        'class="band"', "Proposed, by Ann", "sha256:7e7e7e",
    ):  # fmt: skip
        assert part in text, part
    assert text.count('data-do="approve"') == 4
    assert text.count('data-do="edit"') == 3, "a campaign is allocated again"
    assert text.count("<svg") == 3


def test_filters(client, shop):  # noqa: F811
    assert page(client, kind="order").count("data-decision=") == 1
    assert "There is none." in page(client, state="sent")
    shop.decided.queue.reject("d1", Person("Bob"), note="not <now>")
    assert "Vanilla yogurt" not in page(client)
    text = page(client, state="rejected")
    assert "Rejected, by Bob: not &lt;now&gt;" in text
    assert "data-do=" not in text
    assert page(client, state="all").count("data-decision=") == 4
    assert "chance 0.031 at least" in page(client, kind="list")
    for asked in ({"kind": "x"}, {"state": "x"}):
        assert client.get("/console/decisions", params=asked).status_code == 400


def test_an_empty_queue_says_how_it_is_filled(client, shop):  # noqa: F811
    for name in ("d1", "d2", "d3", "d4"):
        shop.decided.queue.reject(name, Person("Bob"))
    assert "Nothing waits." in page(client)


def asked(name, **more):
    return {"id": name, "author": "Bea", "note": "", "seen": 1} | more


def test_posts_need_a_token_a_name_and_the_newest_state(client, shop):  # noqa: F811
    stranger = TestClient(Starlette(routes=console_routes(shop)))
    assert stranger.post("/console/decisions/approve", json=asked("d1")).status_code == 401
    bad = (
        asked("d1", author=" "), asked("d1", author=3), asked("d1", note=3), asked(3), asked("d1", seen="x"),
        {"author": "Bea"},
    )  # fmt: skip
    for what in ("approve", "edit", "reject", "take-back"):
        for odd in bad:
            assert client.post(f"/console/decisions/{what}", json=odd | {"value": 1.0}).status_code == 400
        assert client.post(f"/console/decisions/{what}", json=asked("no", value=1.0)).status_code == 404
    assert client.post("/console/decisions/edit", json=asked("d1")).status_code == 400
    assert client.post("/console/decisions/approve", json=asked("d1", seen=9)).status_code == 409
    without = {"x-csrf-token": ""}
    assert client.post("/console/decisions/approve", json=asked("d1"), headers=without).status_code == 403
    assert [len(one.steps) for one in shop.decided.queue.log.find()] == [1, 1, 1, 1]


def test_each_button_does_what_it_says(client, shop):  # noqa: F811
    get = shop.decided.queue.get
    assert client.post("/console/decisions/edit", json=asked("d1", value=2.6)).json()["value"] == 2.6
    done = client.post("/console/decisions/approve", json=asked("d1", seen=2, note="fine"))
    assert done.json()["state"] == "approved"
    assert [(step.by, step.via, step.note) for step in get("d1").approvals] == [
        ("Bea", "one-time address", "fine")
    ]
    text = page(client, state="approved")
    assert "approved, not sent yet" in text
    assert "2.69 USD was suggested" in text
    assert client.post("/console/decisions/reject", json=asked("d2")).json()["state"] == "rejected"
    shop.decided.queue.log.add([("d1", Step(what="sending", time=1.0)), ("d1", Step(what="sent", time=1.0))])
    assert "Take back" in page(client, state="sent")
    back = client.post("/console/decisions/take-back", json=asked("d1", seen=5)).json()
    assert (back["state"], back["due"]) == ("taken-back", "back")
    assert "former price not sent yet" in page(client, state="taken-back")


def test_two_people_sign_in_with_two_keys(shop):  # noqa: F811
    first, again, second = (signed_in(shop, key) for key in (fakes.KEY, fakes.KEY, fakes.SECOND_KEY))
    assert first.post("/console/decisions/approve", json=asked("d2")).json()["state"] == "waiting"
    for same in (first, again):
        answer = same.post("/console/decisions/approve", json=asked("d2", author="Bob", seen=2))
        assert answer.status_code == 409
    answer = second.post("/console/decisions/approve", json=asked("d2", author="Bob", seen=2))
    assert answer.json()["state"] == "approved"
    assert [step.via for step in shop.decided.queue.get("d2").approvals] == ["key", "key 2"]


class TestInABrowser:
    pytestmark = browsed

    @pytest.mark.parametrize("width", [1280, 390])
    def test_edit_approve_and_take_back(self, address, shop, browser, width):  # noqa: F811
        page = browser.new_page(viewport={"width": width, "height": 900})
        seen = Seen(page)
        page.goto(f"{address}/console?token={fakes.TOKEN}")
        page.get_by_role("navigation").get_by_role("link", name="Decisions").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        card = page.locator("[data-decision=d1]")
        card.get_by_role("button", name="Approve").click()
        card.get_by_text("Nothing was changed: say who you are").wait_for()
        page.get_by_label("Your name").fill("Bea")
        card.get_by_label("Instead").fill("2.59")
        card.get_by_role("button", name="Edit").click()
        page.get_by_text("Edited; 2.69 USD was suggested.").wait_for()
        assert page.get_by_label("Your name").input_value() == "Bea", "asked once"
        shop.decided.problem = "nobody answers"
        card.get_by_label("Note").fill("fine")
        card.get_by_role("button", name="Approve").click()
        card.get_by_text("It is decided, but did not go out yet: nobody answers").wait_for()
        shop.decided.problem = ""
        page.get_by_role("link", name="Approved").click()
        card.get_by_role("button", name="Take back").click()
        page.get_by_text("There is none.").wait_for()
        assert shop.decided.queue.get("d1").state == "taken-back"
        page.get_by_role("link", name="Waiting").click()
        page.locator("[data-decision=d3]").get_by_role("button", name="Reject").click()
        page.locator("[data-decision=d3]").wait_for(state="detached")
        assert [step.by for step in shop.decided.queue.get("d1").steps] == ["Ann", "Bea", "Bea", "Bea"]
        errors = [error for error in seen.errors if "400" not in error]
        assert (errors, seen.hosts) == ([], {address})
