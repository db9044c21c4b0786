"""The log in SQLite."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any, cast

import msgspec

from penchant.adapters.sqlite.checks import (
    checks_of,
    number,
    text_check,
    verify_columns,
    verify_names,
    verify_order,
    verify_row,
)
from penchant.adapters.sqlite.columns import ColumnBuilder
from penchant.adapters.sqlite.database import Database
from penchant.errors import DamagedLog, WouldWait
from penchant.events.identity import content_digest
from penchant.events.log import Appended, EventColumns
from penchant.types import EVENT_TYPES, Event, Logged, Pseudonym

_FIELDS = (
    "position, person, timestamp, sequence, type, item, session, query, value, price, quantity, "
    "recommendation, rest, event_id, digest, events.checks, pseudonym, people.checks"
)
# A person whose row is gone must be noticed: an inner join would pass over the events.
_FROM = f"SELECT {_FIELDS} FROM events LEFT JOIN people USING (person)"
_IN_ORDER = "timestamp, coalesce(sequence, 0), position"
_AT_ONCE = 500
_INSERT = f"INSERT INTO events VALUES ({','.join('?' * 16)})"
_COLUMNS = (
    "position, person, timestamp, coalesce(sequence, 0), type, item, session, query, value, price, quantity, "
    "checks"
)

SHORT = 64
"""Events of a past that is read where everybody waits for it, at most."""
_SHORT = (
    "SELECT count(*), count(query) FROM (SELECT query FROM events "
    "WHERE person = (SELECT person FROM people WHERE pseudonym = ?) LIMIT ?)"
)

MOST_KEPT = 10_000
"""Events of one ``append`` that :meth:`SqliteLog.just_written` gives, at most; of more it gives none."""

_Row = tuple[Any, ...]
"""One of ``events``, in the order of its columns."""


class _Rest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What no query asks for."""

    text: str | None = None
    position: int | None = None
    context: dict[str, Any] = {}


_rest = msgspec.json.Decoder(_Rest)


class SqliteLog:
    """:class:`~penchant.events.log.EventLog` and :class:`~penchant.privacy.erasure.Erasable`."""

    erasable_name = "events"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[str, int] = {}
        self._written = list[Logged]()
        self._here = local()

    def append(self, events: Sequence[Event]) -> Appended:
        # Numbers of people are remembered only once they are durable, and not across an erasure.
        with self._database.guard:
            self._written = []
            appended, people, new = self._append(events)
            self._numbers.update(people)
            self._written = new
        return appended

    @contextmanager
    def renaming(self, person: Pseudonym) -> Generator[None]:
        """Around a write that may take the person's number away: nothing is appended meanwhile."""
        with self._database.guard:
            self._numbers.pop(person, None)
            self._written = []
            yield

    def just_written(self, after: int) -> list[Logged]:
        """What the last :meth:`append` of this process added, as :meth:`follow` would read it, given once;
        nothing where that is not all there is after position ``after``, or where there is too much of it."""
        with self._database.guard:
            new, self._written = self._written, []
            return new if new and new[0].position == after + 1 else []

    def _append(self, events: Sequence[Event]) -> tuple[Appended, dict[str, int], list[Logged]]:
        ids = [_event_id(event) for event in events]
        with self._database.write() as connection:
            digests = [content_digest(event) for event in events]
            known = _known(connection, ids)
            people = self._people(connection, {event.user_id for event in events})
            last = _last(
                connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchall()
            )
            rows, new = list[_Row](), list[Logged]()
            appended = Appended([], [], [])
            for index, (event, event_id, digest) in enumerate(zip(events, ids, digests, strict=True)):
                position, before = known.get(event_id, (0, b""))
                if not before:
                    position = last + len(rows) + 1
                    known[event_id] = (position, digest)
                    row = _row(position, people[event.user_id], event, event_id, digest)
                    rows.append(row)
                    if len(events) <= MOST_KEPT:
                        new.append(_as_read(row, event))
                elif before == digest:
                    appended.duplicates.append(index)
                else:
                    appended.conflicts.append(index)
                    position = -1
                appended.positions.append(position)
            connection.executemany(_INSERT, rows)
        return appended, people, new

    @contextmanager
    def brief(self) -> Generator[None]:
        """In this thread, within it, a past is only read where :meth:`is_short`.

        Raises:
            WouldWait: instead of reading a longer one, wherever it is asked for.
        """
        self._here.brief = True
        try:
            yield
        finally:
            self._here.brief = False

    def is_short(self, person: Pseudonym) -> bool:
        """Whether a past is read in a millisecond or two: few events, and no search, whose words a language
        model may have to read."""
        found = self._database.read(_SHORT, [person, SHORT + 1])[0]
        return cast(int, found[0]) <= SHORT and not found[1]

    def of_user(self, person: Pseudonym, last: int | None = None) -> list[Logged]:
        if getattr(self._here, "brief", False) and not self.is_short(person):
            raise WouldWait("a long past is to be read")
        where = "WHERE person = (SELECT person FROM people WHERE pseudonym = ?)"
        if last is None:
            found = self._database.read(f"{_FROM} {where} ORDER BY {_IN_ORDER}", [person])
        else:
            order = ", ".join(f"{part} DESC" for part in ("timestamp", "coalesce(sequence, 0)", "position"))
            found = self._database.read(f"{_FROM} {where} ORDER BY {order} LIMIT ?", [person, last])[::-1]
        entries = _logged(found)
        if any(entry.event.user_id != person for entry in entries):
            raise DamagedLog("the index of people is damaged on the disk. Restore a backup")
        return entries

    def follow(self, after: int, limit: int) -> list[Logged]:
        sql = f"{_FROM} WHERE position > ? ORDER BY position LIMIT ?"
        entries = _logged(self._database.read(sql, [after, limit]))
        verify_order((entry.position for entry in entries), after)
        return entries

    def joined(self, recommendation_id: str) -> list[Logged]:
        """Events that name this list, in log order."""
        return _logged(
            self._database.read(f"{_FROM} WHERE recommendation = ? ORDER BY position", [recommendation_id])
        )

    def end(self) -> int:
        return _last(self._database.read("SELECT seq FROM sqlite_sequence WHERE name = 'events'"))

    def count(self) -> int:
        return _last(self._database.read("SELECT count(*) FROM events"))

    def people(self) -> Iterator[Pseudonym]:
        newest = (
            "SELECT pseudonym FROM people JOIN events USING (person) "
            "GROUP BY person ORDER BY max(timestamp) DESC"
        )
        return (Pseudonym(str(row[0])) for rows in self._database.stream(newest) for row in rows)

    def people_count(self) -> int:
        """Everybody who ever had an event and was not erased."""
        return _last(self._database.read("SELECT count(*) FROM people"))

    def activity(self, search: str, limit: int) -> list[tuple[Pseudonym, int, float]]:
        """People whose pseudonym begins with ``search``, most events first: name, events, newest time."""
        rows = self._database.read(
            "SELECT pseudonym, count(*), max(timestamp) FROM people JOIN events USING (person) "
            "WHERE substr(pseudonym, 1, length(?1)) = ?1 GROUP BY person ORDER BY 2 DESC, 1 LIMIT ?2",
            [search, limit],
        )
        return [(Pseudonym(str(name)), cast(int, n), cast(float, at)) for name, n, at in rows]

    def columns(self, after: int = 0) -> EventColumns:
        builder = ColumnBuilder()
        # Many short reads: one long one would keep an erasure from emptying the write-ahead log.
        sql = f"SELECT {_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT 50000"
        while rows := self._database.read(sql, [after]):
            verify_columns(rows)
            verify_order((cast(int, row[0]) for row in rows), after)
            builder.add(rows)
            after = cast(int, rows[-1][0])
        people = self._database.read("SELECT person, pseudonym, checks FROM people")
        verify_names([(name, check) for _, name, check in people])
        return builder.build({cast(int, person): str(name) for person, name, _ in people})

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [
            {"log_position": logged.position, **msgspec.to_builtins(logged.event)}
            for logged in self.of_user(person)
        ]

    def erase_person(self, person: Pseudonym) -> int:
        with self._database.guard:
            self._numbers.pop(person, None)
            self._written = []
            with self._database.write() as connection:
                gone = connection.execute(
                    "DELETE FROM events WHERE person = (SELECT person FROM people WHERE pseudonym = ?)",
                    [person],
                ).rowcount
                connection.execute("DELETE FROM people WHERE pseudonym = ?", [person])
        if gone:
            self._database.compact()
        else:
            self._database.forget_for_good()
        return gone

    def _people(self, connection: Any, names: set[str]) -> dict[str, int]:
        """Number of each pseudonym, made where it is new."""
        found = {name: self._numbers[name] for name in names if name in self._numbers}
        others = sorted(names - found.keys())
        connection.executemany(
            "INSERT INTO people (pseudonym, checks) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(name, text_check(name)) for name in others],
        )
        found.update(_among(connection, "SELECT pseudonym, person FROM people WHERE pseudonym", others))
        return found


def join_events(
    connection: Any, before: Pseudonym, person: Pseudonym, which: Callable[[float], bool]
) -> list[Logged]:
    """Make events of one person another's, those of times that are wanted; returns them as they were.

    They keep their places in the log and their ids. Who has none left is gone from the people.
    """
    rows = connection.execute(f"{_FROM} WHERE pseudonym = ?", [before]).fetchall()
    moved = [logged for logged in _logged(rows) if which(logged.event.timestamp)]
    if moved:
        name = (person, text_check(person))
        connection.execute(
            "INSERT INTO people (pseudonym, checks) VALUES (?, ?) ON CONFLICT DO NOTHING", name
        )
        (number,) = connection.execute("SELECT person FROM people WHERE pseudonym = ?", [person]).fetchone()
        changed = [_renamed(logged, person, number) for logged in moved]
        connection.executemany(
            "UPDATE events SET person = ?, digest = ?, checks = ? WHERE position = ?", changed
        )
    if len(moved) == len(rows):
        connection.execute("DELETE FROM people WHERE pseudonym = ?", [before])
    return moved


def _renamed(logged: Logged, person: Pseudonym, number: int) -> tuple[int, bytes, int, int]:
    """What differs in the row of an event that is of another person: number, digest, checksums; its place."""
    event = msgspec.structs.replace(logged.event, user_id=person)
    digest = content_digest(event)
    row = _row(logged.position, number, event, _event_id(event), digest)
    return number, digest, row[-1], logged.position


def _known(connection: Any, event_ids: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """Position and digest of the ids that are in the log."""
    found = _among(connection, "SELECT event_id, position, digest FROM events WHERE event_id", event_ids)
    return {event_id: (position, digest) for event_id, position, digest in found}


def _among(connection: Any, select: str, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Rows of those ``names`` that are there."""
    for start in range(0, len(names), _AT_ONCE):
        chunk = names[start : start + _AT_ONCE]
        yield from connection.execute(f"{select} IN ({','.join('?' * len(chunk))})", chunk).fetchall()


def _last(rows: Sequence[tuple[Any, ...]]) -> int:
    return int(rows[0][0]) if rows else 0


def _event_id(event: Event) -> str:
    if event.event_id is None:
        raise ValueError("an event without event_id reached the log; events.identity makes one first")
    return event.event_id


def _row(position: int, person: int, event: Event, event_id: str, digest: bytes) -> _Row:
    plain = event.text is None and event.position is None and not event.context
    rest = None if plain else msgspec.json.encode(_Rest(event.text, event.position, event.context))
    timestamp, sequence = number(event.timestamp), event.sequence
    trained = (
        position, person, timestamp, sequence or 0, event.type.code, event.item_id, event.session_id,
        event.query, number(event.value), number(event.price), number(event.quantity),
    )  # fmt: skip
    others = (position, sequence, event.recommendation_id, rest, event_id, digest)
    return (position, person, timestamp, sequence, *trained[4:], *others[2:], checks_of(trained, others))


def _as_read(row: _Row, event: Event) -> Logged:
    """The entry that reading ``row`` gives; nearly always of the very ``event`` that it was made of."""
    same = row[12] is None and row[8:11] == (event.value, event.price, event.quantity)
    return Logged(row[0], event if same else _event_of(row[:-1], event.user_id))


def _logged(rows: Sequence[tuple[Any, ...]]) -> list[Logged]:
    return [_event(row) for row in rows]


def _event(row: tuple[Any, ...]) -> Logged:
    *cells, checks, person, check = row
    verify_row(cells, checks)
    verify_names([(person, check)])
    return Logged(cells[0], _event_of(cells, person))


def _event_of(cells: Sequence[Any], person: str) -> Event:
    _, _, timestamp, sequence, code, item, session, query, *numbers = cells
    value, price, quantity, recommendation, rest, event_id, _ = numbers
    more = _Rest() if rest is None else _rest.decode(rest)
    return Event(
        user_id=person, type=EVENT_TYPES[code], timestamp=timestamp, item_id=item, event_id=event_id,
        value=value, quantity=quantity, price=price, query=query, text=more.text, session_id=session,
        sequence=sequence, recommendation_id=recommendation, position=more.position, context=more.context,
    )  # fmt: skip
