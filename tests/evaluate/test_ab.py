"""An experiment judged by lists and events."""

from collections.abc import Sequence

import numpy as np
import pytest
from tests.evaluate.experiment_worlds import AT, DAY, asked, columns, impression, judged, outcomes, world

from penchant.errors import InvalidInput
from penchant.evaluate.ab.lists import answered_slots, lists_of
from penchant.evaluate.ab.outcomes import Period, amounts
from penchant.evaluate.ab.report import judge
from penchant.evaluate.ab.table import experiment_table, notes
from penchant.types import Event, EventType, Impression


def answered(shown: Sequence[Impression], events: Sequence[Event]) -> list[str]:
    """``list:item`` of each place that is answered."""
    lists = lists_of(shown)
    log, named = columns(events)
    slots = np.flatnonzero(answered_slots(lists, log, named))
    return [f"{lists.ids[lists.slot_list[slot]]}:{lists.items[lists.slot_item[slot]]}" for slot in slots]


def event(person: str, item: str | None, at: float, kind: str = "click", **more: object) -> Event:
    return Event(user_id=person, type=EventType(kind), timestamp=AT + at, item_id=item, **more)  # type: ignore[arg-type]


def test_an_event_answers_the_newest_list_of_the_day_that_holds_its_item() -> None:
    shown = [
        impression("r1", "anna", 0, "tea", "milk"),
        impression("r2", "anna", 100, "tea", "rice"),
        impression("r3", "ben", 50, "tea"),
    ]
    assert answered(shown, [event("anna", "tea", 200)]) == ["r2:tea"]
    assert answered(shown, [event("anna", "milk", 200)]) == ["r1:milk"]
    assert answered(shown, [event("anna", "tea", 99)]) == ["r1:tea"]
    assert answered(shown, [event("anna", "tea", 100)]) == ["r2:tea"]
    assert answered(shown, [event("anna", "tea", -1)]) == []
    assert answered(shown, [event("anna", "milk", DAY + 1)]) == []
    assert answered(shown, [event("carl", "tea", 200), event("anna", "salt", 200)]) == []
    assert answered(shown, [event("anna", None, 200, "search", query="tea")]) == []
    assert answered(shown, []) == []
    assert answered([], [event("anna", "tea", 1)]) == []


def test_an_event_that_names_its_list_answers_that_one() -> None:
    shown = [
        impression("r1", "anna", 0, "tea"),
        impression("r2", "anna", 100, "tea"),
        impression("r3", "ben", 0, "tea"),
    ]
    assert answered(shown, [event("anna", "tea", 5 * DAY, recommendation_id="r1")]) == ["r1:tea"]
    # Somebody else's list, or one without the item: as if it had named none.
    assert answered(shown, [event("anna", "tea", 200, recommendation_id="r3")]) == ["r2:tea"]
    assert answered(shown, [event("anna", "tea", 200, recommendation_id="made up")]) == ["r2:tea"]


def test_totals_are_of_what_a_person_did_since_the_first_list() -> None:
    shown = [
        impression("r1", "anna", 0, "tea", arm="old"),
        impression("r2", "anna", DAY, arm="old", fallback="model"),
        impression("r3", "ben", 0, "tea", arm="new"),
    ]
    events = [
        event("anna", "tea", -5, "purchase", price=9.0),
        event("anna", "tea", 10, "purchase", price=3.0, quantity=2.0),
        event("anna", "rice", 20, "purchase", value=4.0),
        event("anna", "salt", 30, "purchase"),
        event("ben", "tea", 40, "refund"),
    ]
    found = outcomes(shown, events)
    assert found.arm.tolist() == [0, 1]
    assert {name: total.tolist() for name, total in found.totals.items()} == {
        "lists": [2, 1], "answered": [1, 0], "fallbacks": [1, 0], "empty": [1, 0], "purchases": [3, 0],
        "converted": [1, 0], "revenue": [10, 0], "refunds": [0, 1],
    }  # fmt: skip
    assert found.unpriced == 1


def test_who_must_not_count_does_not() -> None:
    shown = [
        impression("r1", "anna", 0, "tea", arm="old"),
        impression("r2", "anna", 9, "tea", arm="new"),
        impression("r3", "ben", 0, "tea", arm="old"),
        impression("r4", "carl", 0, "tea", arm="new"),
        impression("r5", "dora", 0, "tea", arm="gone"),
        impression("r6", "", 0, "tea", arm="new"),
        impression("r7", "eve", 0, "tea", arm="new"),
    ]
    found = outcomes(shown, [], opted_out={"ben"}, marked={"carl"})
    assert found.arm.tolist() == [1]
    assert found.left_out == {"opted out": 1, "robots and wholesale accounts": 1, "in more than one arm": 1}


def test_a_period_counts_only_what_is_in_it() -> None:
    shown = [
        impression("r1", "anna", 0, "tea", arm="old"),
        impression("r2", "ben", 3 * DAY, "tea", arm="new"),
    ]
    events = [event("anna", "tea", hours * 3_600, "purchase", price=1.0) for hours in (1, 30, 80)]
    assert outcomes(shown, events).totals["purchases"].tolist() == [3, 0]
    first = outcomes(shown, events, period=Period(until=AT + 4 * DAY, days=2))
    assert first.totals["purchases"].tolist() == [2]
    assert first.left_out == {"days not over": 1}
    assert outcomes(shown, events, period=Period(since=AT + DAY)).arm.tolist() == [1]
    assert outcomes(shown, events, period=Period(until=AT + DAY)).totals["purchases"].tolist() == [1]


def test_an_amount_is_price_times_quantity_else_the_value() -> None:
    log, _ = columns([
        event("a", "x", 0, "purchase", price=2.0, quantity=3.0),
        event("a", "x", 1, "purchase", price=2.0, value=50.0),
        event("a", "x", 2, "purchase", value=7.0),
        event("a", "x", 3, "purchase"),
    ])  # fmt: skip
    assert amounts(log).tolist()[:3] == [6.0, 2.0, 7.0]
    assert np.isnan(amounts(log)[3])


def test_a_better_arm_wins_and_an_equal_one_does_not() -> None:
    better = judged(world(people=800, buys={"old": 0.1, "new": 0.3}))
    assert better.verdict == "new is better than old in conversion"
    (one,) = [one for one in better.differences if one.metric == "conversion"]
    assert one.low is not None
    assert one.high is not None
    assert 0 < one.low < 0.2 < one.high
    assert one.relative == pytest.approx(2.0, rel=0.4)
    assert judged(world(people=800, buys={"old": 0.3, "new": 0.1})).verdict.startswith("new is worse")
    same = judged(world(people=800, buys={"old": 0.2, "new": 0.2}))
    assert same.verdict.startswith("open")
    assert same.days_left is not None
    assert same.days_left > 1


def test_a_guard_stops_a_winner() -> None:
    found = judged(world(people=800, buys={"old": 0.1, "new": 0.4}, refunds={"old": 0.02, "new": 0.3}))
    assert found.verdict == "stop: more refunds in new"


def test_people_lost_from_one_arm_are_told() -> None:
    found = judged(world(people=800, buys={"old": 0.1, "new": 0.4}, lost=0.4))
    assert found.shares < 0.001
    assert found.verdict.startswith("not to be trusted")


def test_more_arms_need_more_to_win() -> None:
    two = judged(world(people=600, buys={"old": 0.1, "new": 0.3}))
    shown, events = world(people=600, buys={"old": 0.1, "new": 0.3})
    log = outcomes(shown, events, arms=["old", "new", "third"])
    three = judge(log, asked({"old": 0.5, "new": 0.5, "third": 0.0}), AT + 10 * DAY)
    widths = [
        next(
            one.high - one.low for one in found.differences if (one.metric, one.arm) == ("conversion", "new")
        )  # type: ignore[operator]
        for found in (two, three)
    ]
    assert widths[0] < widths[1]
    assert [one.mean for one in three.differences if one.arm == "third"] == [None] * 6


def test_nobody_yet_is_no_error() -> None:
    assert judged(([], [event("anna", "tea", 0, "purchase")])).verdict.startswith("open")
    found = judged(([], []))
    assert found.verdict.startswith("open")
    assert (found.since, found.days_left) == (None, None)
    experiment_table(found)
    assert any("p = 1.000" in line for line in notes(found))


def test_what_is_not_there_cannot_be_asked_for() -> None:
    found = outcomes(*world(people=10, buys={}))
    for wrong in ({"metric": "joy"}, {"control": "third"}):
        with pytest.raises(InvalidInput):
            judge(found, asked({"old": 0.5, "new": 0.5})._replace(**wrong), AT)
