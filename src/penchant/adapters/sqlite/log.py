"""The log in SQLite."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from penchant.adapters.sqlite.columns import ColumnBuilder
from penchant.adapters.sqlite.database import Database
from penchant.events.identity import content_digest
from penchant.events.log import Appended, EventColumns
from penchant.types import EVENT_TYPES, Event, Logged, Pseudonym

_FIELDS = (
    "position, pseudonym, timestamp, sequence, type, item, session, query, value, price, quantity, "
    "recommendation, rest, event_id"
)
_FROM = f"SELECT {_FIELDS} FROM events JOIN people USING (person)"
_IN_ORDER = "timestamp, coalesce(sequence, 0), position"
_AT_ONCE = 500
_INSERT = "INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_COLUMNS = (
    "position, person, timestamp, coalesce(sequence, 0), type, item, session, query, value, price, quantity"
)


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

    def append(self, events: Sequence[Event]) -> Appended:
        # Numbers of people are remembered only once they are durable, and not across an erasure.
        with self._database.guard:
            appended, people = self._append(events)
            self._numbers.update(people)
        return appended

    def _append(self, events: Sequence[Event]) -> tuple[Appended, dict[str, int]]:
        with self._database.write() as connection:
            digests = [content_digest(event) for event in events]
            known = _known(connection, [_event_id(event) for event in events])
            people = self._people(connection, {event.user_id for event in events})
            last = _last(
                connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchall()
            )
            rows: list[tuple[object, ...]] = []
            appended = Appended([], [], [])
            for index, (event, digest) in enumerate(zip(events, digests, strict=True)):
                event_id = _event_id(event)
                position, before = known.get(event_id, (0, b""))
                if not before:
                    position = last + len(rows) + 1
                    known[event_id] = (position, digest)
                    rows.append(_row(position, people[event.user_id], event, event_id, digest))
                elif before == digest:
                    appended.duplicates.append(index)
                else:
                    appended.conflicts.append(index)
                    position = -1
                appended.positions.append(position)
            connection.executemany(_INSERT, rows)
        return appended, people

    def of_user(self, person: Pseudonym, last: int | None = None) -> list[Logged]:
        where = "WHERE person = (SELECT person FROM people WHERE pseudonym = ?)"
        if last is None:
            return _logged(self._database.read(f"{_FROM} {where} ORDER BY {_IN_ORDER}", [person]))
        order = ", ".join(f"{part} DESC" for part in ("timestamp", "coalesce(sequence, 0)", "position"))
        return _logged(self._database.read(f"{_FROM} {where} ORDER BY {order} LIMIT ?", [person, last]))[::-1]

    def follow(self, after: int, limit: int) -> list[Logged]:
        return _logged(
            self._database.read(f"{_FROM} WHERE position > ? ORDER BY position LIMIT ?", [after, limit])
        )

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
            builder.add(rows)
            after = cast(int, rows[-1][0])
        names = dict(
            cast("list[tuple[int, str]]", self._database.read("SELECT person, pseudonym FROM people"))
        )
        return builder.build(names)

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [
            {"log_position": logged.position, **msgspec.to_builtins(logged.event)}
            for logged in self.of_user(person)
        ]

    def erase_person(self, person: Pseudonym) -> int:
        with self._database.guard:
            self._numbers.pop(person, None)
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
        for name in sorted(names - found.keys()):
            connection.execute("INSERT INTO people (pseudonym) VALUES (?) ON CONFLICT DO NOTHING", [name])
            row = connection.execute("SELECT person FROM people WHERE pseudonym = ?", [name]).fetchone()
            found[name] = int(row[0])
        return found


def _known(connection: Any, event_ids: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """Position and digest of the ids that are in the log."""
    known: dict[str, tuple[int, bytes]] = {}
    for start in range(0, len(event_ids), _AT_ONCE):
        chunk = event_ids[start : start + _AT_ONCE]
        marks = ",".join("?" * len(chunk))
        rows = connection.execute(
            f"SELECT event_id, position, digest FROM events WHERE event_id IN ({marks})", chunk
        )
        known.update({event_id: (position, digest) for event_id, position, digest in rows})
    return known


def _last(rows: Sequence[tuple[Any, ...]]) -> int:
    return int(rows[0][0]) if rows else 0


def _event_id(event: Event) -> str:
    if event.event_id is None:
        raise ValueError("an event without event_id reached the log; events.identity makes one first")
    return event.event_id


def _row(position: int, person: int, event: Event, event_id: str, digest: bytes) -> tuple[object, ...]:
    plain = event.text is None and event.position is None and not event.context
    rest = None if plain else msgspec.json.encode(_Rest(event.text, event.position, event.context))
    return (
        position, person, event.timestamp, event.sequence, event.type.code, event.item_id,
        event.session_id, event.query, event.value, event.price, event.quantity,
        event.recommendation_id, rest, event_id, digest,
    )  # fmt: skip


def _logged(rows: Sequence[tuple[Any, ...]]) -> list[Logged]:
    return [_event(row) for row in rows]


def _event(row: tuple[Any, ...]) -> Logged:
    place, person, timestamp, sequence, code, item, session, query, *numbers = row
    value, price, quantity, recommendation, rest, event_id = numbers
    more = _Rest() if rest is None else _rest.decode(rest)
    return Logged(
        place,
        Event(
            user_id=person, type=EVENT_TYPES[code], timestamp=timestamp, item_id=item, event_id=event_id,
            value=value, quantity=quantity, price=price, query=query, text=more.text, session_id=session,
            sequence=sequence, recommendation_id=recommendation, position=more.position, context=more.context,
        ),
    )  # fmt: skip
