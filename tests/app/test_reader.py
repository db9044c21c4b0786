"""A process that reads holds what the one that writes holds, whatever is told or happens in between."""

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.serve import shops

from penchant.app.engine import Engine
from penchant.app.others import packed
from penchant.app.reader import SentOn, calls_of_first, calls_of_reader
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.errors import Unreachable
from penchant.serve.relay import Calls
from penchant.serve.services import ListWanted
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Event, EventType, Impression, Pseudonym

NAMES = ["anna", "ben", "cleo", "zoe", "yan", "eva"]
ITEMS = ["tea", "honey", "coffee", "milk", "new-1", "new-2", "new-3"]


class Direct:
    """The other process in this one: what is told goes through the same bytes."""

    def __init__(self) -> None:
        self.calls: Calls | None = None
        self.told: list[str] = []

    def tell(self, name: str, *given: Any) -> list[Any]:
        self.told.append(name)
        if self.calls is None:
            return []
        found = self.calls[name](packed(given))
        return [msgspec.msgpack.decode(msgspec.msgpack.encode(found))]


class DirectLine:
    """A line to the first process, in this one."""

    def __init__(self) -> None:
        self.calls: Calls = {}
        self.sizes: list[int] = []

    def call(self, name: str, given: bytes, seconds: float) -> bytes:
        del seconds
        self.sizes.append(len(given))
        return msgspec.msgpack.encode(self.calls[name](given))


class Pair:
    """One that writes and one that reads, of one shop."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_790_000_000.0
        self.others, self.line = Direct(), DirectLine()
        self.writer = Serving(self.opened(folder, writer=True), self.others)
        self.line.calls = calls_of_first(self.writer.engine, None)  # type: ignore[arg-type]
        shop = self.opened(folder, writer=False)
        self.reader = Serving(shop, impressions=SentOn(self.line))  # type: ignore[arg-type]
        self.others.calls = calls_of_reader(self.reader.engine, self.reader.shop.catalog)

    def opened(self, folder: Path, *, writer: bool) -> Shop:
        return Shop(folder, writer=writer, clock=lambda: self.now, encoder=FakeTextEncoder())

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    def event(self, user: str, item: str, kind: str = "purchase", **more: object) -> None:
        self.now += 60.0
        record = {"user_id": user, "type": kind, "item_id": item, "timestamp": self.now, **more}
        taken = self.writer.take_in_each([[record]])[0]
        assert taken.accepted == 1, taken

    def person(self, user: str) -> Pseudonym:
        return self.writer.shop.pseudonymizer.pseudonym(user)

    def impressions(self) -> list[tuple[str, str]]:
        self.reader.engine.writer.flush(5)
        self.writer.engine.writer.flush(5)
        rows = self.writer.shop.database.read("SELECT recommendation_id, pseudonym FROM impressions")
        return [(str(one), str(other)) for one, other in rows]

    def agrees(self) -> None:
        """Lists of both are the same, and so are the counts behind them."""
        self.now += 120.0  # What is popular at the moment is looked at once a minute.
        asked = [ListWanted(name, 4, "check") for name in [*NAMES, None]]
        mine, other = self.writer.recommend_each(asked), self.reader.recommend_each(asked)
        assert self.writer.engine.position == self.reader.engine.position
        for one, two in zip(mine, other, strict=True):
            assert [item.item_id for item in one.items] == [item.item_id for item in two.items]
            assert [item.score for item in one.items] == pytest.approx(
                [item.score for item in two.items], abs=1e-5
            )
            assert (one.snapshot, one.user_id, one.arm) == (two.snapshot, two.user_id, two.arm)
        count, now = len(self.writer.shop.ids), self.now
        trends = [engine.counts.trend.live.features(now, count) for engine in self.engines()]
        np.testing.assert_allclose(trends[0], trends[1], atol=1e-4)
        popular = [engine.counts.popularity.scores(count) for engine in self.engines()]
        np.testing.assert_allclose(popular[0], popular[1], atol=1e-5)

    def engines(self) -> list[Engine]:
        return [self.writer.engine, self.reader.engine]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shops.make_shop(tmp_path_factory.mktemp("reading") / "shop")


@pytest.fixture
def pair(made: Path, tmp_path: Path) -> Iterator[Pair]:
    from tests.app.commands import copy_of

    found = Pair(copy_of(made, tmp_path / "shop"))
    yield found
    found.close()


def step(pair: Pair, chance: random.Random) -> None:
    """Something that happens in a shop."""
    pair.now += 1.0
    user, item = chance.choice(NAMES), chance.choice(ITEMS)
    kinds = ["view", "click", "purchase", "purchase", "search", "refund"]
    what = chance.choice(
        ["event"] * 8 + ["ask"] * 3 + ["consent", "taste", "erase", "item", "no-item", "about"]
    )
    if what == "event":
        kind = chance.choice(kinds)
        more = {"query": f"word {chance.randrange(3)}", "item_id": None} if kind == "search" else {}
        pair.event(user, item, kind, **more)
    elif what == "ask":
        chance.choice([pair.writer, pair.reader]).recommend_each([ListWanted(user, 3)])
    elif what == "consent":
        pair.writer.set_consent(user, chance.random() < 0.5)
    elif what == "taste":
        wish = {"kind": "category", "name": "Dairy", "weight": chance.choice(["never", "more", "normal"])}
        pair.writer.correct_taste(user, {"corrections": [wish]})
    elif what == "erase":
        pair.writer.erase(user)
    elif what == "item":
        pair.writer.upsert_items(
            [{"item_id": item, "title": f"A {item} {chance.randrange(4)}", "category": "Dairy"}]
        )
    elif what == "no-item":
        # Where nothing is deleted the scale of what is popular may differ, not its order.
        pair.writer.delete_items([item] if pair.writer.shop.items.get(item) else [])
    else:
        pair.writer.set_attributes(user, {"city": chance.choice(["Bern", "Rome"])})


@pytest.mark.parametrize("seed", range(6))
def test_both_agree_whatever_happens(pair: Pair, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(60):
        step(pair, chance)
        if number % 3 == 0:
            pair.agrees()
    pair.agrees()


def test_a_list_holds_the_effect_of_an_event_that_was_taken_in_elsewhere(pair: Pair) -> None:
    (before,) = pair.reader.recommend_each([ListWanted("zoe", 4)])
    assert before.snapshot == ""
    pair.event("zoe", "tea")
    (after,) = pair.reader.recommend_each([ListWanted("zoe", 4)])
    assert after.snapshot
    pair.event("zoe", "coffee")
    (more,) = pair.reader.recommend_each([ListWanted("zoe", 4)])
    assert [item.score for item in more.items] != [item.score for item in after.items]


def test_an_erased_person_is_nowhere_in_the_reader(pair: Pair) -> None:
    pair.event("zoe", "tea")
    pair.reader.recommend_each([ListWanted("zoe", 4)])
    person, engine = pair.person("zoe"), pair.reader.engine
    tracker = engine.recommender.tracker
    assert tracker is not None
    assert tracker.export_person(person)
    assert person in engine.recommender.personal.latest._kept
    held = pair.writer.export("zoe")["held"]["taste-state"]
    assert [one["events"] for one in held] == [1], "the writer has not read the person"
    pair.writer.erase("zoe")
    assert tracker.export_person(person) == []
    assert person not in engine.recommender.personal.latest._kept
    assert "zoe" not in pair.reader.shop.pseudonymizer._known
    assert person not in {who for _, who in pair.impressions()}
    pair.agrees()


def test_lists_that_wait_in_the_reader_are_dropped_when_their_person_is_erased(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.event("zoe", "tea")
    real = pair.line.call
    monkeypatch.setattr(pair.line, "call", _away)
    pair.reader.recommend_each([ListWanted("zoe", 4), ListWanted("anna", 4)])
    _until(lambda: pair.reader.readiness()["degraded"] == ["lists"])
    assert any("shown lists" in reason for reason in pair.reader.readiness()["reasons"])
    assert pair.reader.engine.writer.export_person(pair.person("zoe"))
    pair.writer.erase("zoe")
    assert pair.reader.engine.writer.export_person(pair.person("zoe")) == []
    monkeypatch.setattr(pair.line, "call", real)
    _until(lambda: not pair.reader.readiness()["degraded"])
    assert [who for _, who in pair.impressions()] == [pair.person("anna")]


def test_a_list_that_was_being_made_during_an_erasure_is_not_kept(pair: Pair) -> None:
    pair.event("zoe", "tea")
    (shown,) = pair.reader.recommend_each([ListWanted("zoe", 4)])
    late = msgspec.structs.replace(shown, recommendation_id="late")
    pair.writer.erase("zoe")
    pair.reader.engine.writer.put(late)
    assert pair.person("zoe") not in {who for _, who in pair.impressions()}


def test_lists_are_handed_on_in_pieces_and_the_same_twice_is_one(pair: Pair) -> None:
    (shown,) = pair.reader.recommend_each([ListWanted("anna", 4)])
    many = [msgspec.structs.replace(shown, recommendation_id=f"{n:0300000}") for n in range(12)]
    SentOn(pair.line).append(many)  # type: ignore[arg-type]
    SentOn(pair.line).append(many)  # type: ignore[arg-type]
    assert len(pair.impressions()) == 13
    assert max(pair.line.sizes) < 2**21


def test_an_item_without_a_row_yet_is_waited_for_and_its_person_read_anew(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer has written the event and not heard of it: nobody was told that it is taken in."""
    pair.event("anna", "tea")
    pair.reader.recommend_each([ListWanted("anna", 4)])
    before = pair.reader.engine.position
    event = Event(
        user_id=pair.person("anna"),
        type=EventType.PURCHASE,
        timestamp=pair.now,
        item_id="never-seen",
        event_id="e1",
    )
    pair.writer.shop.log.append([event])
    tracker = pair.reader.recommender.tracker
    assert tracker is not None
    tracker.forget(pair.person("anna"))
    pair.reader.recommend_each([ListWanted("anna", 4)])
    assert pair.reader.engine.position == before
    reading = tracker.read(pair.person("anna"))
    assert reading is not None
    assert len(reading.window) == 4
    pair.event("ben", "tea")  # the writer goes on, and hears of it
    pair.agrees()
    assert pair.reader.engine.position == before + 2
    assert tracker.export_person(pair.person("anna"))[0]["events"] == 5


def test_what_comes_in_while_a_reader_starts_is_heard_once(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.app.commands import copy_of

    folder = copy_of(made, tmp_path / "shop")
    first = Serving(Shop(folder, writer=True, encoder=FakeTextEncoder()))
    shop = Shop(folder, writer=False, encoder=FakeTextEncoder())
    real_end, real_columns = shop.log.end, shop.log.columns

    def take(number: int) -> None:
        record = {"user_id": "zoe", "type": "purchase", "item_id": "honey", "timestamp": 1.79e9 + number}
        assert first.take_in_each([[record]])[0].accepted == 1

    def end() -> int:
        found = real_end()
        take(1)
        return found

    def columns(after: int = 0) -> Any:
        found = real_columns(after)
        take(2)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(shop.log, "end", end)
        patch.setattr(shop.log, "columns", columns)
        reader = Engine(shop, impressions=_Nowhere())
    try:
        reader.keep_up()
        assert reader.position == first.engine.position
        np.testing.assert_allclose(
            reader.counts.popularity.scores(4), first.engine.counts.popularity.scores(4), atol=1e-6
        )
    finally:
        reader.close()
        shop.close()
        first.close()


def test_a_reader_cannot_write(pair: Pair) -> None:
    with pytest.raises(Exception, match="reading only"):
        pair.reader.set_attributes("zoe", {"city": "Bern"})


class _Nowhere:
    def append(self, impressions: Sequence[Impression]) -> None:
        del impressions


def _away(*_: object) -> bytes:
    raise Unreachable("away")


def _until(true: Any) -> None:
    last = time.monotonic() + 10
    while not true():
        assert time.monotonic() < last
        time.sleep(0.02)
