from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from event_doubles import MemoryLetters, Shop

from penchant.events.cleaning.outliers import FindOutliers
from penchant.events.cleaning.people import FindBots, FindWholesalers
from penchant.events.cleaning.refunds import MatchRefunds
from penchant.events.cleaning.run import STEPS, clean, clean_log, door_report
from penchant.settings import CleaningSettings
from penchant.testing.fakes import InMemoryLog, InMemoryMarks
from penchant.types import Event, EventType

SETTINGS = CleaningSettings()
RETAIL = Path(__file__).parents[2].parent / "shared" / "data" / "online-retail" / "lines.parquet"


def log_of(events):
    log = InMemoryLog()
    log.append([
        Event(user_id=who, type=EventType(kind), timestamp=float(time), item_id=item, event_id=str(n), **more)
        for n, (who, kind, time, item, more) in enumerate(events)
    ])  # fmt: skip
    return log


def buy(time, quantity=1.0, price=2.0, *, item="a", who="p", kind="purchase"):
    return who, kind, time, item, {"quantity": quantity, "price": price}


def refund(time, quantity=1.0, price=2.0, **more):
    return buy(time, quantity, price, kind="refund", **more)


@pytest.mark.parametrize(
    ("events", "refunded"),
    [
        ([buy(1), refund(2)], [1]),
        ([buy(1), buy(2), refund(3)], [2]),
        ([buy(1, quantity=3), buy(2), refund(3, quantity=3)], [1]),
        ([buy(1, price=5), buy(2), refund(3, price=5)], [1]),
        ([buy(1), refund(2), refund(3)], [1]),
        ([refund(1), buy(2)], []),
        ([buy(1, quantity=5), refund(2, quantity=2)], []),
        ([buy(1, quantity=5), refund(2, quantity=2), refund(3, quantity=3)], [1]),
        ([buy(1, quantity=2), buy(2, quantity=3), refund(3, quantity=5)], [1, 2]),
        ([buy(1, quantity=None, price=None), refund(2, quantity=None, price=None)], [1]),
        ([buy(1, item="b"), refund(2)], []),
        ([buy(1, who="q"), refund(2)], []),
    ],
)
def test_refunds_find_their_purchase(events, refunded):
    found = MatchRefunds().run(log_of(events).columns(), SETTINGS)
    assert found.events.tolist() == refunded
    counts = found.counts
    assert counts["refunds"] == counts["refunds matched"] + counts["refunds of an unknown purchase"]


def browse(who, times, items=None):
    return [(who, "view", t, f"i{n if items is None else n % items}", {}) for n, t in enumerate(times)]


def people(step, events, settings=SETTINGS):
    return set(step.run(log_of(events).columns(), settings).people)


def test_bots_are_found_and_busy_people_are_not():
    rng = np.random.default_rng(0)
    person = [
        e for d in range(20) for e in browse("person", d * 86_400 + np.cumsum(rng.exponential(9, 80)) + 0.5)
    ]
    fast = browse("fast", 7 + np.arange(200) / 3)
    even = browse("even", 7 + np.arange(60) * 120.0)
    wide = browse("wide", 7 + np.cumsum(rng.exponential(20, 2500)))
    assert people(FindBots(), person + fast + even + wide) == {"fast", "even", "wide"}
    shuffled = browse("even", np.cumsum(rng.exponential(120, 60)))
    slow = browse("fast", np.cumsum(rng.exponential(20, 200)))
    assert people(FindBots(), person + shuffled + slow) == set()


def test_receipts_and_coarse_clocks_are_no_bots():
    receipt = [buy(3600, item=f"i{n}", who="family") for n in range(300)]
    daily = browse("reader", [86_400.0] * 100)
    assert people(FindBots(), receipt + daily) == set()


def test_a_wholesaler_stands_out_only_among_people_who_are_not():
    rng = np.random.default_rng(0)
    normal = [
        buy(n * 100, who=f"u{u}", quantity=float(rng.integers(1, 4)))
        for u in range(60)
        for n in range(rng.integers(2, 15))
    ]
    trader = [buy(n, who="trader", quantity=500.0) for n in range(10)]
    assert people(FindWholesalers(), normal + trader) == {"trader"}
    assert people(FindWholesalers(), normal) == set()
    assert people(FindWholesalers(), trader + normal[:20]) == set()  # too few buyers to judge


def test_outliers_of_price_and_quantity():
    rng = np.random.default_rng(0)
    usual = [buy(n, quantity=float(rng.integers(1, 5)), price=2 + rng.random() / 4) for n in range(100)]
    odd = [buy(200, price=250.0), buy(201, quantity=4000.0), buy(202, price=0.01), buy(203, price=3.0)]
    assert FindOutliers().run(log_of(usual + odd).columns(), SETTINGS).events.tolist() == [101, 102, 103]
    assert not len(FindOutliers().run(log_of(usual).columns(), SETTINGS).events)
    few = log_of(usual[:10] + odd)
    assert not len(FindOutliers().run(few.columns(), SETTINGS).events)


def test_an_empty_log_has_nothing_to_clean():
    cleaned = clean(InMemoryLog().columns(), SETTINGS)
    assert (cleaned.events, cleaned.people) == ({}, {})
    assert [step.mark for step in cleaned.steps] == [step.mark for step in STEPS]


def test_marks_are_stored_and_replaced():
    log = log_of([buy(1), refund(2)])
    marks = InMemoryMarks(log)
    clean_log(log, marks, SETTINGS)
    assert marks.marked_events()["refunded"].tolist() == [1]
    clean_log(log_of([buy(1)]), marks, SETTINGS)
    assert marks.marked_events() == {}
    assert log.count() == 2


def test_the_door_reports_every_code_once():
    steps = door_report({"conflict": 1, "future": 2, "unknown-type": 3})
    assert sum(sum(step.counts.values()) for step in steps) == 6


@pytest.mark.slow
@pytest.mark.skipif(not RETAIL.exists(), reason="the raw lines of online-retail are not beside this checkout")
def test_on_the_raw_lines_of_a_real_shop(tmp_path):
    """Few are marked, refunds find their purchase, and lines without a customer wait as dead letters."""
    raw = pq.read_table(RETAIL).slice(0, 200_000)
    back = pc.or_(pc.starts_with(raw["invoice"], "C"), pc.less(raw["quantity"], 0))
    path = tmp_path / "events.parquet"
    table = {name: raw[name] for name in ("user_id", "item_id", "timestamp", "price", "country")}
    more = {"quantity": pc.abs(raw["quantity"]), "session_id": raw["invoice"]}
    pq.write_table(pa.table(table | more | {"type": pc.if_else(back, "refund", "purchase")}), path)
    shop = Shop(log=InMemoryLog(), letters=MemoryLetters())
    report = shop.intake.import_file(path)
    nobody = raw["user_id"].null_count
    assert report.rejected == {"missing-user_id": nobody}
    assert report.accepted == 200_000 - nobody
    columns = shop.log.columns()
    cleaned = clean(columns, SETTINGS)
    counts = {name: n for step in cleaned.steps for name, n in step.counts.items()}
    assert counts["refunds matched"] > 0.6 * counts["refunds"]
    assert 0 < counts["outliers"] < 0.005 * len(columns.time)
    assert len(cleaned.people.get("wholesaler", [])) <= 0.02 * len(columns.people)
    assert "bot" not in cleaned.people
