"""A taste that its owner corrects, over HTTP: from the next request on, and kept through whatever comes."""

import io
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[1] / "serve"))
import shops

from penchant.app import work
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.serve.app import create_app
from penchant.serve.services import ListWanted
from penchant.testing.fakes import FakeTextEncoder

NOW = 1_790_000_000.0
KINDS = ["Drinks > Tea", "Dairy > Milk", "Pantry > Sweet", "Garden > Pots"]
WORDS = ["Fine", "Plain", "Small", "Round", "Blue"]
ITEMS = [
    {
        "item_id": f"x{n}",
        "title": f"{WORDS[n % 5]} thing {n}",
        "category": KINDS[n % 4],
        "brand": f"b{n % 3}",
        "price": 1.0 + n,
    }
    for n in range(60)
]


class House:
    """A shop behind the door, its clock in hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, NOW
        self.open()

    def open(self) -> None:
        shop = Shop(self.folder, writer=True, encoder=FakeTextEncoder(), clock=lambda: self.now)
        self.serving = Serving(shop)
        self.client = TestClient(create_app(self.serving, shop.clock, io.StringIO()))
        self.client.headers["authorization"] = f"Bearer {shop.keys.create(['admin'], 0.0)}"

    def restart(self) -> None:
        self.serving.close()
        self.open()

    def ask(self, method: str, path: str, **more):
        answer = self.client.request(method, f"/v1{path}", **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def does(self, user: str, item: str, at: float | None = None, **more) -> None:
        self.now += 1.0
        event = {"user_id": user, "item_id": item, "type": "purchase", "timestamp": at or self.now} | more
        told = self.ask("POST", "/events", json={"events": [event]})
        assert told["accepted"] == 1, told

    def changes(self, user: str, **more):
        self.now += 1.0
        return self.ask("PATCH", f"/users/{user}/taste", json=more)

    def wishes(self, user: str, kind: str, name: str, weight: str):
        return self.changes(user, corrections=[{"kind": kind, "name": name, "weight": weight}])

    def items(self, user: str, n: int = 20, path: str = "", **more) -> list[str]:
        params = {"n": n, "user_id": user, **more}
        found = self.ask("GET", path or f"/users/{user}/recommendations", params=params)
        return [item["item_id"] for item in found["items"]]

    def state(self, user: str):
        """What is known of a person: what the encoder made, behaviour, and all that was wanted."""
        person = self.serving.shop.pseudonymizer.pseudonym(user)
        reading = self.serving.recommender.tracker.read(person)
        model = reading.model
        record = [np.asarray(part).tobytes() for part in reading.record]
        numbers = np.concatenate([model.numbers(reading.state), model.h(reading.state, NOW + 1e6)])
        return numbers, (sorted(reading.bought.items()), sorted(reading.viewed), record)

    def retrain(self) -> None:
        """A new snapshot, which is served at once."""
        shop = self.serving.shop
        given = work.material(shop, lambda what, share: None)
        work.keep_model(shop, work.train_model(shop, given, lambda progress: None), given, {})
        self.serving.engine.look()

    def trained_on(self) -> int:
        return len(work.material(self.serving.shop, lambda what, share: None).data.histories.items)


def same(one, other) -> bool:
    return np.allclose(one[0], other[0], rtol=0, atol=1e-6) and one[1] == other[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = shops.make_shop(tmp_path_factory.mktemp("made") / "shop")
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        serving = Serving(shop)
        serving.upsert_items(ITEMS)
        for n in range(40):
            record = {"user_id": f"u{n % 8}", "item_id": f"x{n * 7 % 60}", "type": "purchase"}
            assert serving.take_in_each([[record | {"timestamp": NOW - 9e5 + n * 1e4}]])[0].accepted == 1
        shops.train(shop)
        serving.engine.close()
    return folder


@pytest.fixture
def house(made, tmp_path):
    shutil.copytree(made, tmp_path / "shop")
    house = House(tmp_path / "shop")
    yield house
    house.serving.close()


def category(item_id: str) -> str:
    return KINDS[int(item_id[1:]) % 4] if item_id[0] == "x" else {"milk": KINDS[1]}.get(item_id, "")


def test_less_and_more_hold_on_the_next_request_and_through_retraining(house) -> None:
    house.does("u1", "x5")
    before = sum(category(item) == KINDS[1] for item in house.items("u1"))
    others = house.items("u2")
    assert 2 <= before < 10
    house.wishes("u1", "category", "Dairy", "less")

    def now() -> int:
        return sum(category(item) == KINDS[1] for item in house.items("u1"))

    assert now() <= 1, "a fifth of under ten places"
    assert house.items("u2") == others, "nobody else's list"
    house.restart()
    assert now() <= 1, "a fifth of under ten places"
    house.retrain()
    assert now() <= 1, "a fifth of under ten places"
    told = house.wishes("u1", "category", "Dairy", "more")
    assert told["corrections"] == [{"kind": "category", "name": "Dairy", "weight": "more", "items": 16}]
    assert now() > before
    assert house.wishes("u1", "category", "Dairy", "normal")["corrections"] == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [("item", "x9"), ("category", "Garden"), ("brand", "b1"), ("word", "plain"), ("price", "high")],
)
def test_never_is_never_in_any_list(house, kind, name) -> None:
    for number in range(3):
        house.does("u1", f"x{number}")
    told = house.wishes("u1", kind, name, "never")
    (wish,) = told["corrections"]
    assert wish["items"] > 0
    bad = {
        item["item_id"]
        for item in ITEMS
        if {
            "item": item["item_id"] == name,
            "category": item["category"].startswith(name),
            "brand": item["brand"] == name,
            "word": name in item["title"].lower(),
            "price": item["price"] > 41.5,
        }[kind]
    }

    def shown() -> set[str]:
        asked = [{}, {"item": "x2"}, {"path": "/items/x3/similar"}, {"path": "/search", "q": "thing"}]
        return {item for one in asked for item in house.items("u1", 60, **one)}

    assert not shown() & bad
    assert shown() - bad
    assert set(house.items("u2", 60)) & bad, "nobody else's list"
    house.does("u1", sorted(bad)[0])
    assert not shown() & bad
    house.restart()
    assert not shown() & bad
    house.serving.recommender.tracker.__dict__["_model"] = None  # whatever breaks, what is popular obeys
    assert house.ask("GET", "/users/u1/recommendations", params={"n": 60})["fallback"]
    assert not set(house.items("u1", 60)) & bad


@pytest.mark.parametrize("session", [None, "gift"])
def test_a_present_leaves_the_taste_as_it_was(house, session) -> None:
    for number in (3, 7, 11):
        house.does("u1", f"x{number}")
    before, profile = house.state("u1"), house.ask("GET", "/users/u1/taste")
    trained = house.trained_on()
    features = house.serving.engine.counts.trend.live.features(NOW + 100, 60)
    told = house.changes("u1", present=True if session is None else {"session_id": session})
    assert told["present"]["session_id"] == session
    for number in (22, 26, 30):
        house.does("u1", f"x{number}", **({"session_id": session} if session else {}))
    within = house.state("u1")
    assert not same(before, within), "within the session it counts"
    assert [row["left_out"] for row in house.ask("GET", "/users/u1/taste")["recent"][:4]] == [
        "present"
    ] * 3 + [""]
    house.restart()
    assert same(within, house.state("u1"))
    assert house.changes("u1", present=False)["present"] is None

    def as_before() -> bool:
        return same(before, house.state("u1"))

    assert as_before()
    house.does("u1", "x34", at=house.now - 2.5, **({"session_id": session} if session else {}))  # comes late
    assert as_before()
    house.restart()
    assert as_before()
    assert house.trained_on() == trained
    np.testing.assert_allclose(
        house.serving.engine.counts.trend.live.features(NOW + 100, 60), features, atol=1e-4
    )
    after = house.ask("GET", "/users/u1/taste")
    assert after["categories"] == profile["categories"]
    house.does("u1", "x22")
    assert not same(before, house.state("u1")), "afterwards it counts again"


def test_a_present_between_two_events_is_as_if_it_had_not_been(house, made, tmp_path) -> None:
    shutil.copytree(made, tmp_path / "other")
    other = House(tmp_path / "other")
    for one in (house, other):
        one.does("u1", "x3")
        one.state("u1")  # held in memory from here on
    house.changes("u1", present=True)
    house.does("u1", "x40")
    house.does("u1", "x44")
    house.changes("u1", present=False)
    other.now = house.now
    for one in (house, other):
        one.does("u1", "x7")
        one.does("u1", "x9", type="view")
    assert same(house.state("u1"), other.state("u1"))
    assert house.items("u1", 40) == other.items("u1", 40)
    counted = [one.serving.engine.counts.trend.live.features(NOW + 100, 60) for one in (house, other)]
    np.testing.assert_allclose(*counted, atol=1e-6)
    other.serving.close()


def test_what_is_forgotten_is_as_if_it_had_not_been_until_it_is_remembered(house) -> None:
    house.does("u1", "x3")
    before, trained = house.state("u1"), house.trained_on()
    features = house.serving.engine.counts.trend.live.features(NOW + 100, 60)
    house.does("u1", "x22")
    house.does("u1", "x26")
    whole = house.state("u1")
    ids = [row["event_id"] for row in house.ask("GET", "/users/u1/taste")["recent"][:2]]
    told = house.changes("u1", forget=ids)
    assert (told["forgotten"], [row["left_out"] for row in told["recent"][:2]]) == (2, ["forgotten"] * 2)
    assert same(before, house.state("u1"))
    assert house.trained_on() == trained
    np.testing.assert_allclose(
        house.serving.engine.counts.trend.live.features(NOW + 100, 60), features, atol=1e-4
    )
    house.restart()
    assert same(before, house.state("u1"))
    house.changes("u1", remember=ids)
    assert same(whole, house.state("u1"))
    assert house.trained_on() == trained + 2


def test_nobody_forgets_what_another_did_and_a_wrong_change_changes_nothing(house) -> None:
    house.does("u2", "x3")
    theirs = house.ask("GET", "/users/u2/taste")["recent"][0]["event_id"]
    before = house.items("u2"), house.state("u2")
    wish = {"kind": "brand", "name": "b1", "weight": "never"}
    wrong = [
        {"corrections": [wish], "forget": [theirs]},
        {},
        {"presents": True},
        {"present": "yes"},
        {"corrections": [wish | {"kind": "colour"}]},
        {"corrections": [wish | {"kind": "price", "name": "cheap"}]},
    ]
    for body in wrong:
        answer = house.client.patch("/v1/users/u1/taste", json=body)
        assert answer.status_code == 400, (body, answer.text)
    assert house.ask("GET", "/users/u1/taste")["corrections"] == []
    assert (house.items("u2"), same(before[1], house.state("u2"))) == (before[0], True)


def test_who_is_not_recognised_has_no_wishes_either(house) -> None:
    asked = {"path": "/items/x3/similar"}, {"path": "/search", "q": "thing"}
    house.wishes("u1", "category", "Garden", "never")
    for one in asked:
        assert not {item for item in house.items("u1", 60, **one) if category(item) == KINDS[3]}
    house.ask("PUT", "/users/u1/consent", json={"profiling": False})
    for one in asked:
        assert house.items("u1", 60, **one) == house.items("nobody", 60, **one)


def test_a_stranger_may_correct_before_the_first_event(house) -> None:
    house.wishes("new", "category", "Garden", "never")
    house.changes("new", present=True)
    house.does("new", "x3")
    assert not {item for item in house.items("new", 60) if category(item) == KINDS[3]}
    house.changes("new", present=False)
    person = house.serving.shop.pseudonymizer.pseudonym("new")
    assert house.serving.recommender.tracker.read(person) is None
    assert len(house.items("new", 60)) > 20


def test_corrections_are_exported_and_erased_with_the_person(house) -> None:
    house.does("u1", "x3")
    house.wishes("u1", "word", "thing", "less")
    house.changes("u1", forget=[house.ask("GET", "/users/u1/taste")["recent"][0]["event_id"]])
    house.changes("u1", present={"session_id": "gift"})
    held = house.ask("GET", "/users/u1/export")["held"]["taste-corrections"]
    assert [next(iter(one)) for one in held] == ["kind", "forgotten", "present"]
    assert house.ask("DELETE", "/users/u1")["removed"]["taste-corrections"] == 3
    told = house.ask("GET", "/users/u1/taste")
    assert (told["corrections"], told["forgotten"], told["present"]) == ([], 0, None)


def test_how_it_moved_is_told(house) -> None:
    for number in range(4):
        house.does("mo", f"x{4 * number}", at=NOW - 30 * 86_400 + number)
    for number in range(4):
        house.does("mo", f"x{4 * number + 3}")
    told = house.ask("GET", "/users/mo/taste")
    moved = {change["name"]: change for change in told["week"]["categories"]}
    assert moved["Drinks"]["before"] == 1.0
    assert moved["Garden"]["before"] == 0.0 < moved["Garden"]["now"]
    assert told["week"]["events"] == 4
    assert told["last_events"]["events"] == 8
    assert told["words"]
    assert {word["name"] for word in told["words"]} <= {word.lower() for word in WORDS}


def test_another_process_knows_at_once(house) -> None:
    """One that only reads looks into the file."""
    house.does("u1", "x3")
    with Shop(house.folder, writer=False, encoder=FakeTextEncoder(), clock=lambda: house.now) as shop:
        reader = Serving(shop, impressions=house.serving.shop.impressions)
        shown = lambda: [one.item_id for one in reader.recommend_each([ListWanted("u1", 60)])[0].items]  # noqa: E731
        bad = shown()[0]
        house.wishes("u1", "item", bad, "never")
        assert bad not in shown()
        house.changes("u1", present=True)
        quiet = shown()
        house.does("u1", "x30")
        within = reader.recommender.tracker.read(shop.pseudonymizer.pseudonym("u1"))
        assert within.present
        house.changes("u1", present=False)
        assert shown() == quiet
        reader.engine.close()


def test_reasons_are_told_in_the_language_that_is_asked_for(house) -> None:
    house.does("u1", "x3")
    path = "/users/u1/recommendations"
    assert "reasons" not in house.ask("GET", path)
    english = house.ask("GET", path, params={"language": "en"})
    chinese = house.ask("GET", path, headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert (english["language"], chinese["language"]) == ("en", "zh")
    assert len(english["reasons"]) == len(chinese["reasons"]) == len(english["items"])
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in words) for words in chinese["reasons"])
    assert len(house.ask("GET", "/items/x3/similar", params={"language": "zh"})["reasons"]) > 3
    refused = house.client.get("/v1/search", params={"q": "thing", "language": "xx"})
    assert refused.status_code == 400


def test_a_page_tells_a_shopper_what_decides_a_list(house) -> None:
    english = TestClient(house.client.app).get("/why")
    chinese = TestClient(house.client.app).get("/why", headers={"accept-language": "zh-CN"})
    assert (english.status_code, chinese.status_code) == (200, 200)
    assert 'lang="en"' in english.text
    assert 'lang="zh"' in chinese.text
    assert english.text.count("<li>") == chinese.text.count("<li>") >= 12
