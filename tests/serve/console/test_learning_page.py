"""The page on learning over HTTP: it shows what is there, and going back is asked for twice."""

import base64
import re
import sys
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from penchant.serve.console import learning

sys.path.insert(0, str(Path(__file__).parent))
import console_fakes as fakes

PAGE, BACK = "/console/learning", "/console/learning/rollback"
SERVES, EARLIER = "20231118-120000-0", "20231115-120000-0"


def csrf(client: TestClient) -> dict[str, str]:
    return {"x-csrf-token": client.get(PAGE).text.split('name="csrf" content="')[1].split('"')[0]}


def asks(client: TestClient, body: dict[str, object], headers: dict[str, str]) -> tuple[int, str]:
    answer: httpx.Response = client.post(BACK, json=body, headers=headers)
    return answer.status_code, answer.json().get("error", {}).get("code", "")


def words(client: TestClient) -> str:
    """What a reader sees, in one line."""
    text = re.sub(r"<(svg|title|dialog).*?</\1>", " ", client.get(PAGE).text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"serves": False}, "It was not surely better, so lists are in the order of taste."),
        ({"serves": False, "off": True}, "It is switched off"),
        ({"broken": "the checksum is wrong"}, "Cannot be read the checksum is wrong"),
        (None, "There is none: lists are in the order of taste."),
    ],
)
def test_it_says_what_became_of_the_ranker(
    inside: TestClient, shop: fakes.Shop, changed: dict[str, object] | None, said: str
) -> None:
    shop.told["ranker"] = None if changed is None else shop.told["ranker"] | changed
    assert said in words(inside)


def test_it_is_for_people_who_are_signed_in(client: TestClient) -> None:
    answer = client.get(PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")


def test_it_shows_what_is_there(inside: TestClient) -> None:
    shown = words(inside)
    for told in (
        f"Serves {SERVES} since 17 Nov 2023, 12:00 UTC",
        "Up to event 89,988 of 90,000 in the log; 12 to go",
        "17 published, 1 refused",
        "Drift Is watched.",
        "Since 14 Nov 2023, 5,000 times somebody took, or looked at, an item that was new to them",
        "1.20 times as often as without what was learned since the snapshot, and 2.00 times as often as",
        "Looks at Teas went from 3.1% to 14% of all looks Learns 1.54 times as fast for 4,500 events",
        "0.4% worse 1.6% better –",
        "Never served Judged: refused 20231117-120000-0 was judged so",
        "20231101-120000-0 trained (no longer kept)",
        f"Before this, {EARLIER} served, until 17 Nov 2023, 12:00 UTC",
        "replayed in 3 parts",
        "It orders lists. On 1,742 lists of 900 people who were left out of its training, NDCG@10 was 0.2000",
        "by taste alone and 0.2100 ranked: +5.0%, with a standard error of 1.2%.",
        "taste:score 61.0% due:lateness 20.0%",
    ):
        assert told in shown
    text = inside.get(PAGE).text
    assert text.count('<line class="point') == 15
    assert text.count('<line class="mark alarm"') == 1
    assert base64.b64encode(fakes.PICTURE.encode()).decode() in text
    assert 'href="/console/reports/learning"' in text


def test_the_whole_report_is_a_report(inside: TestClient, shop: fakes.Shop) -> None:
    assert "<iframe" in inside.get("/console/reports/learning").text
    assert inside.get("/console/reports/learning/frame").text == "<h1>Replay</h1>"
    shop.told["report"] = False
    assert "--arms live-state,online,naive" in inside.get("/console/reports/learning").text
    assert 'href="/console/reports/learning"' not in inside.get(PAGE).text


def test_without_anything_it_says_what_will_be_there(inside: TestClient, shop: fakes.Shop) -> None:
    shop.told = dict(fakes.EMPTY)
    shown = words(inside)
    for told in (
        "No model yet",
        "Is off: nothing is learned beside this server",
        "There is nothing to go back to.",
        "Here will be how often people find",
        "No alarm so far.",
        "penchant train makes the first one",
        "Replay it: penchant evaluate --protocol prequential --arms",
    ):
        assert told in shown
    assert "data-back" not in inside.get(PAGE).text


def test_a_refused_update_and_a_missing_watch_say_why(inside: TestClient, shop: fakes.Shop) -> None:
    shop.told["progress"] |= {"reason": "newest: 12% worse", "watching": "river is not installed"}
    assert "The last one was refused: newest: 12% worse" in words(inside)
    assert "Is not watched: river is not installed" in words(inside)


def test_a_promoted_snapshot_that_does_not_answer_is_told_with_its_reason(
    inside: TestClient, shop: fakes.Shop
) -> None:
    shop.told |= {"loaded": EARLIER, "troubles": ["the checksum is wrong"]}
    assert f"{EARLIER} still answers: the checksum is wrong" in words(inside)
    shop.told |= {"troubles": []}
    assert "the change takes two seconds" in words(inside)


def test_a_broken_snapshot_has_a_row(inside: TestClient, shop: fakes.Shop) -> None:
    blank = dict.fromkeys(("made", "since", "to", "events", "accepted"))
    losses = dict.fromkeys(("newest", "memory", "anchor"))
    shop.told["snapshots"][1] |= {"broken": True, "parent": "", "reasons": [], "losses": losses, **blank}
    assert "20231117-120000-0 – – – – – – Cannot be read" in words(inside)


def test_hostile_names_stay_text(inside: TestClient, shop: fakes.Shop) -> None:
    attack = '"><script>alert(1)</script>'
    shop.told |= {"snapshot": attack, "loaded": attack, "troubles": [attack]}
    shop.told["loaded"] = attack + "2"
    shop.told["progress"] |= {"reason": attack, "watching": attack, "snapshot": attack + "3"}
    shop.told["alarms"][0] |= {"what": attack, "why": attack}
    shop.told["snapshots"][0] |= {"name": attack, "parent": attack, "reasons": [attack]}
    shop.told["promotions"][0] |= {"name": attack, "why": attack}
    shop.told["back"]["name"] = shop.told["heat"]["arm"] = attack
    text = inside.get(PAGE).text
    assert "<script>" not in text
    assert text.count("alert(1)") > 10
    assert " style=" not in text
    assert " onclick" not in text


@pytest.mark.parametrize("headers", [{}, {"x-csrf-token": "guess"}])
def test_going_back_needs_session_and_token(
    client: TestClient, shop: fakes.Shop, headers: dict[str, str]
) -> None:
    body = {"confirm": True, "serves": SERVES}
    assert asks(client, body, headers) == (401, "unauthorized")
    client.get(f"/console?token={fakes.TOKEN}")
    assert asks(client, body, headers) == (403, "forbidden")
    assert asks(client, body, csrf(client) | {"sec-fetch-site": "cross-site"}) == (403, "forbidden")
    assert shop.told["snapshot"] == SERVES


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"serves": SERVES},
        {"confirm": "yes", "serves": SERVES},
        {"confirm": True},
        {"confirm": True, "serves": 3},
        {"confirm": True, "serves": ""},
        {"confirm": True, "serves": "x" * 101},
    ],
)
def test_going_back_is_confirmed_and_names_what_serves(
    inside: TestClient, shop: fakes.Shop, body: dict[str, object]
) -> None:
    assert asks(inside, body, csrf(inside)) == (400, "invalid-input")
    assert shop.told["snapshot"] == SERVES


def test_going_back_answers_what_serves(inside: TestClient, shop: fakes.Shop) -> None:
    answer = inside.post(BACK, json={"confirm": True, "serves": SERVES}, headers=csrf(inside))
    assert answer.json() == {"serves": EARLIER, "before": SERVES}
    assert shop.told["snapshot"] == EARLIER


def test_going_back_from_what_no_longer_serves_is_a_conflict(inside: TestClient, shop: fakes.Shop) -> None:
    shop.told["snapshot"] = "20231119-000000-0"
    assert asks(inside, {"confirm": True, "serves": SERVES}, csrf(inside)) == (409, "conflict")
    assert shop.told["snapshot"] == "20231119-000000-0"


def test_a_single_point_and_a_share_of_none_are_drawn(inside: TestClient, shop: fakes.Shop) -> None:
    one = {"start": 0.0, "asked": 3, "serves": 0.0, "still": 0.0, "frozen": 0.0}
    shop.told |= {"points": [one], "rates": one}
    shown = words(inside)
    assert "3 times somebody took" in shown
    assert "So few say little" in shown
    assert '<line class="point serves" x1="300.0" y1="200.0"' in inside.get(PAGE).text


def test_what_was_done_about_an_alarm_in_words() -> None:
    order = {"action": "retrain", "factor": 2.0, "events": 9_000}
    expected = "Ordered a retrain; learns 2 times as fast for 9,000 events or until it is there"
    assert learning.done_words(order) == expected
    assert learning.done_words({"action": "tell", "factor": 1.0, "events": 0}).startswith("Nothing")
