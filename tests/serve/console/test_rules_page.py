"""The page of the rules: what is edited is what is kept, and nobody but the staff keeps anything."""

import json
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from penchant.recommend.rules.document import document_of
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


@pytest.fixture
def client(shop):  # noqa: F811
    made = TestClient(Starlette(routes=console_routes(shop)))
    assert made.get(f"/console?token={fakes.TOKEN}").status_code == 200
    return made


def csrf(client):
    text = client.get("/console/rules").text
    return {"x-csrf-token": text.partition('name="csrf" content="')[2].partition('"')[0]}


def document(*rows):
    return json.loads(document_of(list(rows)))


def test_the_page_shows_rules_and_record(client):
    text = client.get("/console/rules").text
    for part in (
        'value="No own brand"',
        'value="&#34;House&#34;"',
        "1,031 items",
        "Version 1 by Ann",
        "a start",
    ):
        assert part in text
    assert '<option value="exclude" selected>' in text


def test_posts_need_a_token_and_a_name(client, shop):  # noqa: F811
    good = {"document": document(), "author": "Bob", "expected": 1}
    assert client.post("/console/rules/save", json=good).status_code == 403
    for odd in (good | {"author": " "}, good | {"document": 1}, good | {"note": 1}, good | {"expected": "x"}):
        assert client.post("/console/rules/save", json=odd, headers=csrf(client)).status_code == 400
    assert client.post("/console/rules/rollback", json=good, headers=csrf(client)).status_code == 400
    late = client.post("/console/rules/save", json=good | {"expected": 0}, headers=csrf(client))
    assert late.status_code == 409
    assert shop.rules.book.store.newest() == 1
    assert client.post("/console/rules/save", json=good, headers=csrf(client)).json() == {"version": 2}
    assert shop.rules.book.history()[0]["author"] == "Bob (console)"


def test_a_large_document_is_taken_and_a_huge_one_is_not(client):
    rows = [{"rule": f'"rule {n}"', "action": '"exclude"', "brand": '"x"' * 1} for n in range(400)]
    body = {"document": document(*rows), "author": "Bob", "expected": 1}
    assert len(json.dumps(body)) > 16 * 1024
    assert client.post("/console/rules/save", json=body, headers=csrf(client)).status_code == 200
    huge = body | {"note": "x" * 1_100_000}
    assert client.post("/console/rules/save", json=huge, headers=csrf(client)).status_code == 413


class TestInABrowser:
    pytestmark = browsed

    @pytest.mark.parametrize("width", [1280, 390])
    def test_edit_try_save_and_bring_back(self, address, shop, browser, width):  # noqa: F811
        before = shop.rules.book.document()
        page = browser.new_page(viewport={"width": width, "height": 900})
        seen = Seen(page)
        page.goto(f"{address}/console?token={fakes.TOKEN}")
        page.get_by_role("navigation").get_by_role("link", name="Rules").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name="Add a rule").click()
        new = page.locator("[data-rule]").nth(1)
        new.get_by_label("Rule", exact=True).fill('Two "best" of <each>')
        new.get_by_label("Action").select_option("limit")
        new.get_by_label("Amount").fill("2")
        new.get_by_label("Per", exact=True).select_option("brand")
        new.get_by_label("Ends").fill("2026-12-24T18:00Z")
        new.get_by_label("Department").fill("Dairy")
        page.get_by_role("button", name="What would change?").click()
        page.locator("[data-told] .alert", has_text="Department").wait_for()
        new.get_by_label("Department").fill('"Dairy"')
        page.get_by_role("button", name="What would change?").click()
        page.get_by_text(
            "These rules would have changed 4% of last week's lists (12 of 300 made again)."
        ).wait_for()
        assert page.get_by_text("A list as it is: Bananas <3 lb> · Cola 12 pk").is_visible()
        page.get_by_role("button", name="Save: it holds at once").click()
        page.locator("[data-told] .alert", has_text="say who you are").wait_for()
        page.get_by_label("Your name").fill("Bea")
        page.get_by_role("button", name="Save: it holds at once").click()
        page.get_by_text("Version 2 by Bea (console)").wait_for()
        first, second = json.loads(shop.rules.book.document())["nodes"][1]["content"]["rules"]
        kept = json.loads(before)["nodes"][1]["content"]["rules"][0]
        assert {name: cell for name, cell in first.items() if cell} == kept
        wanted = {"rule": '\'Two "best" of <each>\'', "action": '"limit"', "amount": "2", "per": '"brand"',
                  "ends": '"2026-12-24T18:00Z"', "department": '"Dairy"'}  # fmt: skip
        assert {name: cell for name, cell in second.items() if cell and name != "_id"} == wanted
        page.locator("[data-rule]").first.get_by_role("button", name="Remove this rule").click()
        page.get_by_label("Your name").fill("Bea")
        page.get_by_role("button", name="Save: it holds at once").click()
        page.get_by_text("Removed: No own brand.").wait_for()
        page.get_by_label("Your name").fill("Cid")
        page.locator("[data-back='1']").click()
        page.get_by_text("Version 4 by Cid (console), back to version 1").wait_for()
        assert json.loads(shop.rules.book.document()) == json.loads(before)
        errors = [error for error in seen.errors if "400" not in error]
        assert (errors, seen.hosts) == ([], {address})

    def test_who_saw_an_older_version_is_told(self, address, shop, browser):  # noqa: F811
        page = browser.new_page()
        page.goto(f"{address}/console?token={fakes.TOKEN}")
        page.goto(f"{address}/console/rules")
        shop.rules.book.save(document_of([]), "somebody else")
        page.get_by_label("Your name").fill("Bea")
        page.get_by_role("button", name="Save: it holds at once").click()
        page.locator("[data-told] .alert", has_text="version 2 by now").wait_for()
        assert shop.rules.book.store.newest() == 2
