"""What every event log must do. A new log inherits the class and supplies two fixtures."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from penchant.events.log import EventLog
from penchant.types import Event, EventType, Logged, Pseudonym

ANNA, BOB = Pseudonym("a" * 32), Pseudonym("b" * 32)


def event(event_id: str, person: Pseudonym = ANNA, timestamp: float = 1.0, **more: Any) -> Event:
    """A view of one item, unless ``more`` says otherwise.

    >>> event("e1", item_id="tea").item_id
    'tea'
    """
    fields: dict[str, Any] = {"type": EventType.VIEW, "item_id": "item", **more}
    return Event(user_id=person, event_id=event_id, timestamp=timestamp, **fields)


FULL = event(
    "full",
    timestamp=12.25,
    type=EventType.REVIEW,
    value=4.0,
    quantity=2.0,
    price=9.5,
    query="green tea",
    text="Über-good\nand cheap",
    session_id="s1",
    sequence=3,
    recommendation_id="r1",
    position=0,
    context={"store": 7, "club": True, "note": None, "rate": 0.5, "city": "Zürich"},
)


def ids(entries: Sequence[Logged]) -> list[str | None]:
    """Event ids in order."""
    return [entry.event.event_id for entry in entries]


class LogContract:
    """Tests of :class:`~penchant.events.log.EventLog`.

    A subclass gives the fixture ``log`` (empty) and, where the log is durable, overrides ``reopened``.
    """

    def reopened(self, log: EventLog) -> EventLog:
        """The log as another process finds it after a restart."""
        return log

    def test_an_event_comes_back_whole(self, log: EventLog) -> None:
        bare = event("bare", BOB, item_id=None, type=EventType.MESSAGE)
        positions = log.append([FULL, bare]).positions
        assert self.reopened(log).follow(0, 9) == [Logged(positions[0], FULL), Logged(positions[1], bare)]

    def test_positions_grow_and_end_is_the_newest(self, log: EventLog) -> None:
        assert (log.end(), log.count()) == (0, 0)
        first = log.append([event("1"), event("2")]).positions
        second = log.append([event("3")]).positions
        assert 0 < first[0] < first[1] < second[0] == log.end()
        assert log.append([]).positions == []
        assert log.count() == 3

    def test_repeats_stay_and_the_same_event_is_one(self, log: EventLog) -> None:
        log.append([event("1"), event("2")])
        again = log.append([event("2"), event("3"), event("3")])
        assert (again.duplicates, again.conflicts, again.accepted) == ([0, 2], [], 1)
        assert again.positions == [2, 3, 3]
        assert log.count() == 3

    def test_other_content_under_the_same_id_is_refused(self, log: EventLog) -> None:
        log.append([FULL])
        changed = [
            msgspec.structs.replace(FULL, **change)
            for change in (
                {"price": 9.75},
                {"user_id": BOB},
                {"timestamp": 13.0},
                {"sequence": None},
                {"text": "bad"},
                {"context": {}},
                {"type": EventType.VIEW},
            )
        ]
        result = log.append(changed)
        assert result.conflicts == list(range(len(changed)))
        assert set(result.positions) == {-1}
        assert [entry.event for entry in log.follow(0, 9)] == [FULL]
        within = log.append([event("n", price=1.0), event("n", price=2.0)])
        assert within.conflicts == [1]
        assert within.accepted == 1

    def test_order_within_a_person(self, log: EventLog) -> None:
        log.append(
            [
                event("late", timestamp=9.0),
                event("tie-2", timestamp=5.0, sequence=2),
                event("tie-none", timestamp=5.0),
                event("tie-minus", timestamp=5.0, sequence=-1),
                event("tie-zero", timestamp=5.0, sequence=0),
                event("other", BOB, timestamp=5.0),
                event("early", timestamp=-3.5),
            ]
        )
        order = ["early", "tie-minus", "tie-none", "tie-zero", "tie-2", "late"]
        assert ids(log.of_user(ANNA)) == order
        assert ids(log.of_user(ANNA, 2)) == order[-2:]
        assert ids(log.of_user(ANNA, 99)) == order
        assert log.of_user(Pseudonym("nobody")) == []
        columns = log.columns()
        mine = columns.person == columns.people.index(ANNA)
        by_position = {entry.position: entry.event.event_id for entry in log.follow(0, 99)}
        assert [by_position[int(place)] for place in columns.position[mine]] == order

    def test_following_from_a_position(self, log: EventLog) -> None:
        log.append([event(str(n), (ANNA, BOB)[n % 2], 100.0 - n) for n in range(7)])
        seen: list[Logged] = []
        while page := log.follow(seen[-1].position if seen else 0, 3):
            assert len(page) <= 3
            seen += page
        assert ids(seen) == [str(n) for n in range(7)]
        assert log.follow(log.end(), 3) == []

    def test_people_by_their_newest_event(self, log: EventLog) -> None:
        log.append([event("1", BOB, 50.0), event("2", ANNA, 60.0), event("3", BOB, 1.0)])
        assert list(log.people()) == [ANNA, BOB]
        log.append([event("4", BOB, 70.0)])
        assert list(log.people()) == [BOB, ANNA]

    def test_columns_say_what_the_events_say(self, log: EventLog) -> None:
        log.append([FULL, event("x", BOB, 3.0, item_id=None, query="green tea", session_id="s2")])
        log.append([event("y", BOB, 4.0, session_id="s2"), event("z", BOB, 5.0)])
        columns = log.columns()
        assert {person: columns.people[person] for person in columns.person.tolist()}.keys() == {0, 1}
        anna = int(np.flatnonzero(columns.person == columns.people.index(ANNA))[0])
        assert columns.items[int(columns.item[anna])] == "item"
        assert columns.queries[int(columns.query[anna])] == "green tea"
        assert columns.type[anna] == EventType.REVIEW.code
        assert (columns.time[anna], columns.value[anna], columns.price[anna]) == (12.25, 4.0, 9.5)
        bob = np.flatnonzero(columns.person == columns.people.index(BOB))
        assert columns.item[bob].tolist()[0] == -1
        assert columns.query[bob].tolist()[1:] == [-1, -1]
        assert np.isnan(columns.value[bob]).all()
        first, second, third = columns.session[bob].tolist()
        assert first == second >= 0
        assert third == -1
        dtypes = [columns.person.dtype, columns.type.dtype, columns.time.dtype, columns.session.dtype]
        assert dtypes == [np.int32, np.int8, np.float64, np.int64]

    def test_columns_after_a_position(self, log: EventLog) -> None:
        log.append([event(str(n), item_id=f"i{n}") for n in range(5)])
        newer = log.columns(3)
        assert newer.position.tolist() == [4, 5]
        assert newer.items == ["i3", "i4"]
        nothing = log.columns(log.end())
        assert (len(nothing.person), nothing.people, nothing.items) == (0, [], [])

    def test_odd_texts_survive(self, log: EventLog) -> None:
        odd = ["a\x00b", "a\x00c", "'; DROP TABLE events; --", "{[:,", "日本", " ", "x" * 10_000]
        log.append([event(text, item_id=text, query=text) for text in odd])
        assert log.append([event(text, item_id=text, query=text) for text in odd]).accepted == 0
        assert [entry.event.query for entry in self.reopened(log).follow(0, 99)] == odd


class ErasableLogContract:
    """What a log must do in an erasure, beyond :class:`ErasableContract`. Same fixture ``log``."""

    def test_positions_leave_gaps_and_the_end_stays(self, log: Any) -> None:
        log.append([event("1"), event("2", BOB), event("3"), event("4")])
        assert log.erase_person(ANNA) == 3
        assert (log.end(), log.count(), list(log.people())) == (4, 1, [BOB])
        assert log.append([event("1")]).positions == [5]
        assert ids(log.of_user(ANNA)) == ["1"]
        columns = log.columns()
        assert sorted(columns.people) == [ANNA, BOB]
