"""The console in a real browser: sign in, pick, click, list changed."""

import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from penchant.serve.console.routes import console_routes

sys.path.insert(0, str(Path(__file__).parent))
import console_fakes as fakes

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]


@pytest.fixture
def shop() -> fakes.Shop:
    return fakes.Shop()


@pytest.fixture
def address(shop: fakes.Shop) -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(
        Starlette(routes=console_routes(shop)), log_level="warning", lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Seen:
    """What a page complained of, and whom it asked."""

    def __init__(self, page: Any) -> None:
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.hosts.add("/".join(request.url.split("/")[:3])))


def titles(page: Any) -> list[str]:
    return page.locator("[data-list] .title").all_inner_texts()


@pytest.mark.parametrize("width", [1280, 390])
def test_pick_click_list_changed(address: str, shop: fakes.Shop, browser: Any, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    seen = Seen(page)
    page.goto(f"{address}/console?token={fakes.TOKEN}")
    assert page.url == f"{address}/console"
    page.get_by_role("link", name="People").first.click()
    page.get_by_label("Find by pseudonym").fill("p7f")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name=fakes.PERSON).click()
    before = titles(page)
    page.locator("li", has_text="Ground beef").get_by_role("button", name="Buy").click()
    page.locator("[data-status].done").wait_for()
    assert page.locator("[data-status]").inner_text().startswith("Click to changed list: ")
    assert page.locator("[data-status]").inner_text().endswith(" ms")
    after = titles(page)
    assert after[0] == "Chicken breast"
    assert "Ground beef 80%" in before
    assert "Ground beef 80%" not in after
    assert page.locator(".item", has_text="Pork chops").locator("[data-badge]").inner_text() == "new"
    page.locator("[data-now] li", has_text="Ground beef").wait_for()
    page.locator("li", has_text="Pork chops").get_by_role("button", name="View").click()
    page.locator("[data-now] li", has_text="Pork chops").wait_for()
    assert shop.answered == [("list-1", 3), ("list-2", after.index("Pork chops"))]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (seen.errors, seen.hosts) == ([], {address})


@pytest.mark.parametrize("width", [1280, 390])
def test_a_taste_is_corrected_by_sliders_and_buttons(
    address: str, shop: fakes.Shop, browser: Any, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    seen = Seen(page)
    page.goto(f"{address}/console?token={fakes.TOKEN}")
    page.goto(f"{address}/console/people/{fakes.PERSON}")
    slider = page.get_by_role("slider", name="Meat")
    for wanted in ("less", "never"):
        slider.press("ArrowLeft")
        page.locator(f"[data-own] li:has-text('{wanted}')").wait_for()
        assert shop.wishes == {("category", "Meat"): wanted}
        assert slider.evaluate("element => element === document.activeElement"), "it stays in hand"
    assert not {title for title in titles(page) if "beef" in title}
    page.get_by_role("button", name="Take back: never Meat").click()
    page.get_by_text("Nothing was corrected.").wait_for()
    assert {title for title in titles(page) if "beef" in title}
    page.locator("li", has_text="Ground beef").get_by_role("button", name="Never show").click()
    page.locator("[data-own] li", has_text="item “meat-0”").wait_for()
    page.get_by_role("button", name="Forget: Old <thing> 1").click()
    page.get_by_role("button", name="Let it count again: Old <thing> 1").press("Enter")
    page.get_by_role("button", name="Forget: Old <thing> 1").wait_for()
    assert shop.forgotten == set()
    page.get_by_role("button", name="I am buying a present").click()
    page.get_by_role("button", name="The present is bought").click()
    page.get_by_role("button", name="I am buying a present").wait_for()
    assert shop.present is None
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (seen.errors, seen.hosts) == ([], {address})


def test_consent_and_erasure_by_keyboard(address: str, browser: Any) -> None:
    page = browser.new_page()
    seen = Seen(page)
    page.goto(f"{address}/console?token={fakes.TOKEN}")
    page.goto(f"{address}/console/people/{fakes.PERSON}")
    page.get_by_label("May be profiled").press("Space")
    page.locator(".reason", has_text="Popular these days").first.wait_for()
    page.get_by_label("May take part in experiments").press("Space")
    page.get_by_text("Click to changed list").wait_for()
    page.reload()
    assert not page.get_by_label("May take part in experiments").is_checked()
    page.get_by_role("button", name="Erase…").press("Enter")
    page.locator("dialog").get_by_role("button", name="Keep").press("Enter")
    assert not page.locator("dialog").is_visible()
    page.get_by_role("button", name="Erase…").press("Enter")
    page.locator("[data-erase-now]").press("Enter")
    page.locator("dialog", has_text="Removed: events 0").wait_for()
    page.get_by_role("button", name="Back to people").press("Enter")
    page.wait_for_url(f"{address}/console/people")
    assert page.get_by_role("link", name=fakes.PERSON).count() == 0
    assert seen.errors == []


@pytest.mark.parametrize("width", [1280, 390])
def test_going_back_asks_first(address: str, shop: fakes.Shop, browser: Any, width: int) -> None:
    before, earlier = shop.told["snapshot"], shop.told["back"]["name"]
    page = browser.new_page(viewport={"width": width, "height": 800})
    seen = Seen(page)
    page.goto(f"{address}/console?token={fakes.TOKEN}")
    page.get_by_role("navigation").get_by_role("link", name="Learning").click()
    # Drawn: a page that is there may still wait for its picture.
    page.wait_for_function("document.querySelector('.heat')?.naturalWidth > 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Go back to it…").click()
    page.locator("dialog", has_text=f"Go back to {earlier}?").get_by_role("button", name="Stay").click()
    assert shop.told["snapshot"] == before
    page.get_by_role("button", name="Go back to it…").press("Enter")
    page.locator("[data-back-now]").press("Enter")
    page.locator("dialog", has_text=f"{earlier} serves again").wait_for()
    assert shop.told["snapshot"] == earlier
    page.get_by_role("button", name="Close").press("Enter")
    page.locator(".told dd", has_text=earlier).first.wait_for()
    assert (seen.errors, seen.hosts) == ([], {address})


def test_going_back_where_another_one_serves_by_now_says_so(
    address: str, shop: fakes.Shop, browser: Any
) -> None:
    page = browser.new_page()
    page.goto(f"{address}/console?token={fakes.TOKEN}")
    page.goto(f"{address}/console/learning")
    shop.told["snapshot"] = "20231119-000000-0"
    page.get_by_role("button", name="Go back to it…").click()
    page.get_by_role("button", name="Go back", exact=True).click()
    page.locator("dialog", has_text="Nothing was changed").wait_for()
    assert "20231119-000000-0 serves by now" in page.locator("[data-dialog-text]").inner_text()


def test_a_report_runs_nothing(address: str, browser: Any) -> None:
    page = browser.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(f"{address}/console?token={fakes.TOKEN}")
    page.goto(f"{address}/console/reports/quality")
    page.frame_locator("iframe").get_by_role("heading", name="Data quality").wait_for()
    assert dialogs == []
