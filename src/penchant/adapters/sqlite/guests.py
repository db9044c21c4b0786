"""Guests and who they were, and what makes their records a person's own: one transaction, all or nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import msgspec

from penchant.adapters.sqlite.attributes import join_attributes
from penchant.adapters.sqlite.corrections import join_wishes
from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.deadletters import join_letters
from penchant.adapters.sqlite.follows import join_follows
from penchant.adapters.sqlite.impressions import join_lists
from penchant.adapters.sqlite.log import SqliteLog, join_events
from penchant.adapters.sqlite.offers import join_exposures
from penchant.adapters.sqlite.people import join_refusals
from penchant.events.guests import Joined, Login
from penchant.types import Pseudonym

_KNOWN = (
    "SELECT guest, time, pseudonym FROM guests WHERE guest IN (SELECT value FROM json_each(?)) ORDER BY time"
)
_JOINED_TO = "EXISTS (SELECT 1 FROM guests WHERE pseudonym = ?1)"
_TOLD_OF = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} WHERE pseudonym = ?1)" for table in ("consent", "attributes")
)

May = Callable[[float], bool]
"""Whether what was done at that time may be a person's: it may not come back after an erasure."""


class Mirrored(Protocol):
    """A store that keeps rows in memory."""

    def changed(self, *people: Pseudonym) -> None:
        """Their rows were written by somebody else."""
        ...


class SqliteGuests:
    """:class:`~penchant.events.guests.Logins` and ``Erasable``: of a person, which guests they were."""

    erasable_name = "guests"

    def __init__(self, database: Database, log: SqliteLog, mirrored: Sequence[Mirrored]) -> None:
        self._database = database
        self._log = log
        self._mirrored = mirrored
        self._empty = False

    def of_each(self, guests: Sequence[Pseudonym]) -> Mapping[Pseudonym, Sequence[Login]]:
        found: dict[Pseudonym, list[Login]] = {}
        # Asked for every event that comes in: most shops join no guests. Only the writer takes events in.
        if self._empty or not self._database.read("SELECT 1 FROM guests LIMIT 1"):
            self._empty = self._database.writes
            return found
        for guest, time, person in self._database.read(_KNOWN, [msgspec.json.encode(guests).decode()]):
            login = Login(cast(float, time), Pseudonym(str(person)))
            found.setdefault(Pseudonym(str(guest)), []).append(login)
        return found

    def since(self, time: float) -> list[tuple[Pseudonym, Login]]:
        """Guests and their logins at ``time`` (unix seconds) or later, oldest first."""
        rows = self._database.read(
            "SELECT guest, time, pseudonym FROM guests WHERE time >= ? ORDER BY time, guest", [time]
        )
        return [
            (Pseudonym(str(guest)), Login(cast(float, at), Pseudonym(str(person))))
            for guest, at, person in rows
        ]

    def is_person(self, name: Pseudonym, *, prefixed: bool) -> bool:
        """Whether this is somebody a guest was joined to; or has consent or attributes, where no prefix of
        the id says that these are a guest's."""
        sql = _JOINED_TO if prefixed else f"{_JOINED_TO} OR {_TOLD_OF}"
        return bool(self._database.read(f"SELECT {sql}", [name])[0][0])

    def of_person(self, person: Pseudonym) -> list[tuple[Pseudonym, float]]:
        """Which guests the person was, and until when."""
        rows = self._database.read(
            "SELECT guest, time FROM guests WHERE pseudonym = ? ORDER BY time", [person]
        )
        return [(Pseudonym(str(guest)), cast(float, time)) for guest, time in rows]

    def join(self, guest: Pseudonym, person: Pseudonym, time: float, may: May = lambda _: True) -> Joined:
        """Up to ``time`` the guest was the person: what they did, saw, wished and were told of.

        Of wishes and attributes that both have, the person's own stay. What ``may`` not be the person's stays
        with the guest. Durable when this returns.
        """

        def which(at: float) -> bool:
            return at <= time and may(at)

        with self._log.renaming(guest), self._database.write() as connection:
            moved = join_events(connection, guest, person, which)
            joined = Joined(
                tuple(logged.position for logged in moved),
                join_lists(connection, guest, person, which),
                join_letters(connection, guest, person, which),
            )
            join_exposures(connection, guest, person, which)
            join_wishes(connection, (guest, person), moved, time, may)
            if may(float("-inf")):  # They have no time.
                join_attributes(connection, guest, person)
                join_follows(connection, guest, person)
            join_refusals(connection, guest, person)
            connection.execute("DELETE FROM marked_people WHERE pseudonym = ?", [guest])
            _note(connection, guest, Login(time, person))
        self._empty = False
        for store in self._mirrored:
            store.changed(guest, person)
        return joined

    def lists_since(self, guest: Pseudonym, person: Pseudonym, time: float, may: May = lambda _: True) -> int:
        """Lists that were being made for the guest at the login."""
        with self._database.write() as connection:
            return join_lists(connection, guest, person, lambda at: at <= time and may(at))

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [{"guest": guest, "until": time} for guest, time in self.of_person(person)]

    def erase_person(self, person: Pseudonym) -> int:
        """Who the person was, and who was the person."""
        sql = "DELETE FROM guests WHERE guest = ?1 OR pseudonym = ?1"
        with self._database.write() as connection:
            gone = connection.execute(sql, [person]).rowcount
        self._database.forget_for_good()
        return gone


def _note(connection: Any, guest: Pseudonym, login: Login) -> None:
    """Write a login down. The same person once more is the same login, only later."""
    sql = "SELECT time, pseudonym FROM guests WHERE guest = ? ORDER BY time DESC LIMIT 1"
    newest = connection.execute(sql, [guest]).fetchone()
    row = [guest, login.time, login.person]
    if newest is not None and newest[1] == login.person:
        connection.execute("DELETE FROM guests WHERE guest = ? AND time = ?", [guest, newest[0]])
        row[1] = max(login.time, newest[0])
    connection.execute("INSERT OR REPLACE INTO guests VALUES (?, ?, ?)", row)
