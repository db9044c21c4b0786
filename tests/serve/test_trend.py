"""Who counts in the trend of a shop that serves: all that a person did, or nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import shops

from penchant.app.engine import Engine
from penchant.errors import StorageError
from penchant.events.cleaning.run import clean
from penchant.learn.data import fit_to_train, histories_from
from penchant.recommend.trend import ShopTrend
from penchant.serve.services import ListWanted

DAY = 86_400.0
START = 1_760_000_000.0


@pytest.fixture
def serving(tmp_path: Path):
    _, serving = shops.behind_the_door(shops.make_shop(tmp_path / "shop"))
    yield serving
    serving.close()


def buys(serving, user: str, item: str, day: float, kind: str = "purchase") -> None:
    record = {"user_id": user, "type": kind, "item_id": item, "timestamp": START + day * DAY}
    taken = serving.take_in_each([[record]])[0]
    assert taken.accepted + taken.duplicates == 1


def agrees(serving) -> None:
    """The live trend is the one that a start now would make."""
    buys(serving, "last", "milk", 40)  # what nobody takes any more stands still after a day
    shop, live = serving.shop, serving._engine.counts.trend.live
    columns = shop.log.columns()
    cleaned = clean(columns, shop.settings.cleaning)
    anew = ShopTrend(*histories_from(fit_to_train(columns, cleaned, shop.consent), shop.ids), shop.ids).live
    now = START + 40.5 * DAY
    np.testing.assert_allclose(
        live.features(now, len(shop.ids)), anew.features(now, len(shop.ids)), atol=1e-4
    )


def test_out_and_in_again_and_erased_is_as_if_never_there(serving) -> None:
    for day, item in enumerate(["milk", "tea", "milk"]):
        buys(serving, "zoe", item, day)
        buys(serving, "other", "tea", day)
    for day, profiling in enumerate((False, False, True, True, False), 5):
        serving.set_consent("zoe", profiling)
        buys(serving, "zoe", "tea", day)
        agrees(serving)
    serving.set_consent("zoe", True)
    agrees(serving)
    serving.erase("zoe")
    agrees(serving)
    serving.erase("zoe")
    agrees(serving)


def test_a_late_event_and_a_marked_one_leave_nothing_behind(serving) -> None:
    buys(serving, "zoe", "milk", 20)
    buys(serving, "other", "milk", 20)
    buys(serving, "zoe", "milk", 1)
    buys(serving, "zoe", "milk", 21, "refund")
    serving._engine.close()
    serving._engine = Engine(serving.shop)
    assert len(serving._engine.counts.marked_events) == 1
    agrees(serving)
    buys(serving, "zoe", "tea", 30)
    buys(serving, "zoe", "tea", 2)
    serving.erase("zoe")
    agrees(serving)


def test_who_opted_out_and_what_was_given_back_are_not_popular(serving) -> None:
    for day in range(5):
        buys(serving, "zoe", "tea", day)
        buys(serving, "yan", "honey", day)
    buys(serving, "other", "milk", 4)
    for day in range(5):
        buys(serving, "yan", "honey", day, "refund")
    serving.set_consent("zoe", False)
    serving._engine.close()
    serving._engine = Engine(serving.shop)
    serving.recommender = serving._engine.recommender
    buys(serving, "zoe", "tea", 5)
    first, *_ = serving.recommend_each([ListWanted(None, 3)])[0].items
    assert first.item_id == "milk"


def test_a_request_while_somebody_opts_out_leaves_nothing_in_memory(serving, monkeypatch) -> None:
    buys(serving, "zoe", "tea", 1)
    person, tracker = serving.shop.pseudonymizer.pseudonym("zoe"), serving.recommender.tracker
    real = serving.shop.consent.set

    def late(person, consent):
        assert tracker.read(person) is not None
        real(person, consent)

    monkeypatch.setattr(serving.shop.consent, "set", late)
    serving.set_consent("zoe", False)
    assert tracker.export_person(person) == []


def test_what_fails_half_way_is_heard_again_and_counted_once(serving, monkeypatch) -> None:
    buys(serving, "zoe", "milk", 1)
    engine, tracker = serving._engine, serving.recommender.tracker
    row = int(serving.shop.ids.rows(["tea"])[0])
    before, start, real = engine.counts.popularity._counts[row], engine.position, tracker.on_event

    def failing(entry):
        if entry.event.item_id == "honey":
            raise StorageError("disk")
        real(entry)

    monkeypatch.setattr(tracker, "on_event", failing)
    records = [
        {"user_id": "zoe", "type": "purchase", "item_id": item, "timestamp": START + 2 * DAY}
        for item in ("tea", "honey")
    ]
    # They are in the log: whatever fails after that, they were accepted.
    assert serving.take_in_each([records])[0].accepted == 2
    assert (engine.position, engine.unheard) == (start + 1, True)
    monkeypatch.setattr(tracker, "on_event", real)
    engine.catch_up()
    assert engine.position == start + 2
    assert engine.counts.popularity._counts[row] - before == pytest.approx(
        np.exp((START + 2 * DAY - engine.counts.popularity._origin) / engine.counts.popularity._lifetime)
    )
    agrees(serving)
