"""A planted change is found and named; without it, and with cycles and trends alone, there is no alarm."""

import json
import math
from dataclasses import replace
from functools import cache
from itertools import islice

import msgspec
import numpy as np
import pytest

from penchant.adapters.river_drift import make_detector
from penchant.errors import InvalidInput
from penchant.learn.drift import Alarm, DriftSettings, DriftWatch, Seen, StreamName, response, seen_of
from penchant.testing.drifting import Drifting, drifting
from penchant.testing.erasable_contract import OTHER, VICTIM, ErasableContract
from penchant.types import Event, EventType, Item, Pseudonym

AT = 26_000
SHOP = Drifting(events=AT + 6_000, at=AT, hits=0.5, waves=0.3)
"""Half a month, then a change, unless nothing is set to change; with cycles of 30% of day and week."""


@cache
def alarms(shop: Drifting, seed: int = 1) -> list[Alarm]:
    return DriftWatch(make_detector).see_all(drifting(shop, np.random.default_rng(seed)))


def test_without_a_change_there_is_no_alarm_though_day_and_week_go_up_and_down() -> None:
    assert alarms(SHOP) == []


def test_cycles_hide_no_change() -> None:
    """Of a quality that is nine times as high in the evening as in the morning."""
    steep = replace(SHOP, waves=0.8, per_day=1_500.0, quality=0.4)
    found = [alarm.position for alarm in alarms(steep) if alarm.stream is StreamName.QUALITY]
    assert AT < found[0] <= AT + 2_000


def test_a_trend_is_no_drift_unless_the_level_may_not_follow() -> None:
    noise = 0.3 * np.random.default_rng(1).standard_normal(60_000)
    events = [
        Seen(
            position=at + 1, time=1.7e9 + 30.0 * at, person=Pseudonym(f"person {at % 997}"),
            type=EventType.VIEW, price=float(20 * np.exp(off + 0.12 * at / 60_000)),
        )
        for at, off in enumerate(noise)
    ]  # fmt: skip
    assert DriftWatch(make_detector).see_all(events) == []
    stiff = DriftWatch(make_detector, DriftSettings(memory=10**6))
    assert [alarm.stream for alarm in stiff.see_all(events)] == [StreamName.PRICE]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_halved_quality_is_noticed_within_2000_events(seed: int) -> None:
    first = alarms(replace(SHOP, quality=0.5), seed)[0]
    assert first.stream is StreamName.QUALITY
    assert AT < first.position <= AT + 2_000
    assert 0.2 < first.before < 0.4
    assert 0.3 * first.before < first.after < 0.75 * first.before
    assert abs(first.events - (first.position - AT)) < 1_000
    assert "predicted went from 0." in first.what


CHANGES = {
    "event-type": ({"purchases": 2.5}, "purchase"),
    "category": ({"category": 6.0}, "category 7"),
    "price": ({"price": 1.5}, ""),
    "new-items": ({"new": 3.0}, "new"),
}


@pytest.mark.parametrize("stream", CHANGES)
def test_an_alarm_names_what_moved(stream: str) -> None:
    change, name = CHANGES[stream]
    found = [alarm for alarm in alarms(replace(SHOP, **change)) if alarm.stream == stream]
    assert found, "nothing was noticed"
    assert found[0].position > AT
    assert found[0].name == name
    assert name in found[0].what
    assert found[0].after > 1.25 * found[0].before > 0


def test_only_what_moved_is_told() -> None:
    assert {alarm.stream.value for alarm in alarms(replace(SHOP, price=1.5))} == {"price"}
    assert {alarm.stream.value for alarm in alarms(replace(SHOP, new=3.0))} == {"new-items"}


def test_nobody_alone_is_a_drift() -> None:
    def events(visitors: int) -> list[Seen]:
        seen = list(drifting(replace(SHOP, at=-1), np.random.default_rng(1)))
        for at in range(AT, len(seen), 2):
            bad = Pseudonym(f"bad {at % visitors}")
            seen[at] = msgspec.structs.replace(seen[at], person=bad, quality=0.0)
        return seen

    assert DriftWatch(make_detector).see_all(events(visitors=1)) == []
    assert DriftWatch(make_detector).see_all(events(visitors=10_001))


def changed(field: str, factors: dict[range, float]) -> list[Alarm]:
    """Alarms where a field is multiplied at some positions."""
    events = list(drifting(replace(SHOP, events=AT + 9_000, at=-1), np.random.default_rng(1)))
    for places, factor in factors.items():
        for at in places:
            value = getattr(events[at], field)
            if value is not None:
                events[at] = msgspec.structs.replace(events[at], **{field: factor * value})
    return DriftWatch(make_detector).see_all(events)


def test_a_change_is_told_once_and_so_is_the_way_back() -> None:
    up, down = changed("price", {range(AT, AT + 4_000): 2.0})
    assert AT < up.position < AT + 2_000 < AT + 4_000 < down.position < AT + 6_000
    assert up.after == pytest.approx(2 * up.before, rel=0.25)
    assert down.after == pytest.approx(down.before / 2, rel=0.25)


def test_what_gets_better_is_no_alarm_and_hides_no_fall() -> None:
    better = range(AT, AT + 1_000)
    assert changed("quality", {better: 1.6}) == []
    fell = changed("quality", {better: 1.6, range(AT + 1_000, AT + 9_000): 0.4})
    assert [alarm.stream for alarm in fell] == [StreamName.QUALITY]
    assert AT + 1_000 < fell[0].position <= AT + 3_000


def searches(events: int, words) -> list[Seen]:
    """A search every two minutes, people taking turns."""
    return [
        Seen(
            position=at + 1, time=1.7e9 + 120.0 * at, person=Pseudonym(f"person {at % 997}"),
            type=EventType.SEARCH, words=words(at),
        )
        for at in range(events)
    ]  # fmt: skip


def usual(at: int) -> tuple[str, ...]:
    return (("tea", "jam", "lamp")[at * (at // 3) % 3],)


def test_a_new_word_is_named_and_a_word_of_one_person_never() -> None:
    def words(at: int) -> tuple[str, ...]:
        return ("lantern",) if at > 9_000 and at % 4 == 0 else usual(at)

    found = DriftWatch(make_detector).see_all(searches(11_000, words))
    assert (found[0].stream, found[0].name) == (StreamName.SEARCH_WORDS, "lantern")
    assert "searches with 'lantern' went from 0" in found[0].what


@pytest.mark.parametrize("askers", [4, 5])
def test_a_word_is_named_from_the_fifth_person_on(askers: int) -> None:
    """So few people ask for it that they must fill a quarter of each block: the limit is lifted."""

    def words(at: int) -> tuple[str, ...]:
        return ("surgery",) if at > 9_000 and at % 4 == 0 else usual(at)

    events = [
        msgspec.structs.replace(seen, person=Pseudonym(f"asker {seen.position % (4 * askers) // 4}"))
        if "surgery" in seen.words
        else seen
        for seen in searches(11_000, words)
    ]
    watch = DriftWatch(make_detector, DriftSettings(per_person=50))
    told = " ".join(alarm.what + alarm.name for alarm in watch.see_all(events))
    assert ("surgery" in told) is (askers == 5)
    assert ("surgery" in json.dumps(watch.to_state())) is (askers == 5)


@pytest.mark.parametrize("stop", [AT - 17, AT + 311])
def test_a_restart_changes_nothing(stop: int) -> None:
    shop = replace(SHOP, quality=0.5, category=6.0)
    events = iter(drifting(shop, np.random.default_rng(1)))
    watch = DriftWatch(make_detector)
    watch.see_all(islice(events, stop))
    state = json.loads(json.dumps(watch.to_state()))
    again = DriftWatch.from_state(state, make_detector)
    assert again.to_state() == watch.to_state()
    again.see_all(events)
    assert len(again.alarms) >= 2
    assert again.alarms == alarms(shop)


def test_a_state_is_bounded() -> None:
    watch = DriftWatch(make_detector)
    sizes = []
    everybody = iter(drifting(replace(SHOP, events=40_000, people=10_000), np.random.default_rng(2)))
    for _ in range(2):
        watch.see_all(islice(everybody, 20_000))
        sizes.append(len(json.dumps(watch.to_state())))
    assert max(sizes) < 1_000_000
    assert sizes[1] < 1.6 * sizes[0]


def test_a_foreign_state_is_refused() -> None:
    state = DriftWatch(make_detector).to_state()
    with pytest.raises(InvalidInput, match="begin anew"):
        DriftWatch.from_state({**state, "streams": {}}, make_detector)
    with pytest.raises(InvalidInput, match="begin anew"):
        DriftWatch.from_state({"streams": 7}, make_detector)
    with pytest.raises(InvalidInput, match="other settings"):
        DriftWatch.from_state(state, make_detector, DriftSettings(block=60))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["time", "price", "quality"])
def test_what_is_no_finite_number_is_refused(field: str, bad: float) -> None:
    seen = Seen(position=7, time=0.0, person=Pseudonym("anna"), type=EventType.VIEW)
    watch = DriftWatch(make_detector)
    before = watch.to_state()
    with pytest.raises(InvalidInput, match=rf"{field} of event 7 must be a finite number"):
        watch.see(msgspec.structs.replace(seen, **{field: bad}))
    assert watch.to_state() == before


def test_a_price_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="price of event 1 must be above 0, got 0"):
        DriftWatch(make_detector).see(
            Seen(position=1, time=0.0, person=Pseudonym("anna"), type=EventType.VIEW, price=0.0)
        )


def test_settings_that_let_one_person_fill_a_block_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least two people"):
        DriftSettings(block=10, per_person=10)
    with pytest.raises(InvalidInput, match="memory must be at least 1"):
        DriftSettings(memory=0)


def test_an_alarm_is_plain_json() -> None:
    alarm = alarms(replace(SHOP, quality=0.5))[0]
    assert msgspec.json.decode(msgspec.json.encode(alarm), type=Alarm) == alarm


@pytest.mark.parametrize(
    ("stream", "before", "after", "action"),
    [
        ("quality", 0.30, 0.10, "retrain"),
        ("quality", 0.30, 0.25, "faster"),
        ("quality", 0.30, 0.40, "tell"),
        ("category", 0.03, 0.11, "faster"),
        ("category", 0.03, 0.05, "tell"),
        ("search-words", 0.0, 0.1, "faster"),
        ("price", 10.0, 20.0, "tell"),
        ("event-type", 0.3, 0.0, "tell"),
    ],
)
def test_what_follows(stream: str, before: float, after: float, action: str) -> None:
    alarm = Alarm(
        time=0.0, position=9, stream=StreamName(stream), name="", what="", before=before, after=after,
        events=900,
    )  # fmt: skip
    found = response(alarm)
    assert found.action == action
    assert found.why
    assert (found.factor > 1, found.events > 0) == ((False, False) if action == "tell" else (True, True))
    assert found.factor <= 4
    assert found == response(alarm)


def test_what_is_seen_of_an_event() -> None:
    item = Item(item_id="7", category="Home > Lamps", price=20.0)
    bought = Event(user_id="anna", type=EventType.PURCHASE, timestamp=5.0, item_id="7", price=18.0)
    assert seen_of(3, bought, item, new=True, quality=0.5) == Seen(
        position=3, time=5.0, person=Pseudonym("anna"), type=EventType.PURCHASE, category="Home", price=18.0,
        new=True, quality=0.5,
    )  # fmt: skip
    asked = Event(user_id="anna", type=EventType.SEARCH, timestamp=5.0, query="Red LAMP, red")
    assert seen_of(4, asked, None).words == ("red", "lamp")
    free = msgspec.structs.replace(bought, price=0.0)
    assert seen_of(5, free, Item(item_id="7")).price is None
    assert seen_of(5, free, Item(item_id="7")).category is None


class TestErasure(ErasableContract):
    @pytest.fixture
    def held(self):
        watch = DriftWatch(make_detector)

        def fill(person: Pseudonym) -> None:
            seen = Seen(
                position=1, time=0.0, person=person, type=EventType.SEARCH, quality=0.3, words=("surgery",)
            )
            watch.see(seen)

        return watch, fill


def test_erasure_leaves_nothing_of_a_person_in_a_state() -> None:
    watch = DriftWatch(make_detector)
    for person in (VICTIM, OTHER):
        watch.see(Seen(position=1, time=0.0, person=person, type=EventType.SEARCH, words=("surgery",)))
    assert VICTIM in json.dumps(watch.to_state())
    assert watch.erase_person(VICTIM) == 3
    assert VICTIM not in json.dumps(watch.to_state())
    assert OTHER in json.dumps(watch.to_state())
