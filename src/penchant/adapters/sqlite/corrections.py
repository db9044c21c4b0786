"""Corrections of taste in SQLite: one row for each person who made any."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import msgspec

from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.mirror import Mirror
from penchant.errors import InvalidInput
from penchant.taste.corrections import Correction, exported, merged
from penchant.taste.disregarded import NOTHING, Disregarded
from penchant.types import Logged, Pseudonym


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of a row. Rows of before there was more than wishes are a list of those alone."""

    wishes: tuple[Correction, ...] = ()
    disregarded: Disregarded = NOTHING


_rows = msgspec.json.Decoder(_Kept | tuple[Correction, ...])


def join_wishes(
    connection: Any,
    names: tuple[Pseudonym, Pseudonym],
    moved: Sequence[Logged],
    now: float,
    may: Callable[[float], bool],
) -> None:
    """Add wishes, and what of the ``moved`` events does not count: of the first of ``names`` to the other's.

    Of two wishes about the same the other's stays. Events of a present stay left out one by one: as a span of
    time it would silence what the other did meanwhile. One that is under way at ``now`` goes on.
    Wishes have no time: where not all of the past ``may`` be the other's they stay where they are.
    """
    before, person = names
    given, own = _row_of(connection, before), _row_of(connection, person)
    if given is None or own is None or given == _Kept():
        return  # Nothing, or nothing that can be understood.
    present, whole = given.disregarded.under_way(now), may(float("-inf"))
    try:
        wishes = merged(given.wishes, own.wishes) if whole else own.wishes
        left_out = [logged.position for logged in moved if given.disregarded.leaves_out(logged)]
        out = own.disregarded.forget(left_out) if left_out else own.disregarded
        out = out.begin(present) if present is not None and may(present.start) else out
    except InvalidInput:  # Together they are too many.
        wishes, out = own.wishes, own.disregarded
    _put(connection, before, _Kept() if whole else _Kept(given.wishes, given.disregarded.end(now)))
    _put(connection, person, _Kept(wishes, out))


def _put(connection: Any, person: Pseudonym, held: _Kept) -> None:
    """The row of a person; without anything it goes."""
    connection.execute("DELETE FROM corrections WHERE pseudonym = ?", (person,))
    if held.wishes or held.disregarded:
        connection.execute("INSERT INTO corrections VALUES (?, ?)", (person, msgspec.json.encode(held)))


def _row_of(connection: Any, person: Pseudonym) -> _Kept | None:
    """What a row says, nothing where there is none; None where it cannot be understood."""
    rows = connection.execute("SELECT content FROM corrections WHERE pseudonym = ?", (person,)).fetchall()
    try:
        return _decoded(rows[0][0]) if rows else _Kept()
    except msgspec.DecodeError:
        return None


class SqliteCorrections:
    """A :class:`~penchant.taste.corrections.Corrections` store, erasable."""

    erasable_name = "taste-corrections"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Mirror[_Kept] = Mirror(database)

    def changed(self, *people: Pseudonym) -> None:
        """Their rows were written by somebody else."""
        self._known.changed(*people)

    def get(self, person: Pseudonym) -> tuple[Correction, ...]:
        """The person's wishes."""
        return self._held(person).wishes

    def set(self, person: Pseudonym, corrections: Sequence[Correction]) -> None:
        """Replace them; without anything the row goes. What cannot be understood is replaced whole."""
        with self._database.guard:
            held = self._understood(person) or _Kept()
            self._write(person, msgspec.structs.replace(held, wishes=tuple(corrections)))

    def disregarded(self, person: Pseudonym) -> Disregarded:
        """What of the person does not count."""
        return self._held(person).disregarded

    def disregard(self, person: Pseudonym, disregarded: Disregarded) -> None:
        """Replace it; without anything the row goes. What cannot be understood is replaced whole."""
        with self._database.guard:
            held = self._understood(person) or _Kept()
            self._write(person, msgspec.structs.replace(held, disregarded=disregarded))

    def all_disregarded(self) -> dict[Pseudonym, Disregarded]:
        """Of everybody of whom something does not count."""
        # A learner asks every second, and most rows hold wishes alone.
        rows = self._database.read(
            "SELECT pseudonym, content FROM corrections WHERE instr(content, CAST('\"disregarded\"' AS BLOB))"
        )
        found = dict[Pseudonym, Disregarded]()
        for name, content in rows:
            # A row that cannot be understood is a fault with one person, told where that person is served.
            with suppress(msgspec.DecodeError):
                found[Pseudonym(str(name))] = _decoded(cast(bytes, content)).disregarded
        return {person: disregarded for person, disregarded in found.items() if disregarded}

    def _held(self, person: Pseudonym) -> _Kept:
        return self._known.get(person, lambda: self._read(person))

    def _read(self, person: Pseudonym) -> _Kept:
        rows = self._database.read("SELECT content FROM corrections WHERE pseudonym = ?", (person,))
        return _decoded(cast(bytes, rows[0][0])) if rows else _Kept()

    def _understood(self, person: Pseudonym) -> _Kept | None:
        """What the row says; None where that cannot be understood."""
        try:
            return self._read(person)
        except msgspec.DecodeError:
            return None

    def _write(self, person: Pseudonym, held: _Kept) -> None:
        with self._database.write() as connection:
            _put(connection, person, held)
        self._known.changed(person)

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        """Wishes and what does not count, as JSON-able records."""
        held = self._held(person)
        return exported(held.wishes, held.disregarded)

    def erase_person(self, person: Pseudonym) -> int:
        """Remove them for good; returns how many there were."""
        held = self._understood(person)
        gone = 1 if held is None else len(exported(held.wishes, held.disregarded))
        if gone:
            self._write(person, _Kept())
        self._database.forget_for_good()
        return gone


def _decoded(content: bytes) -> _Kept:
    found = _rows.decode(content)
    return found if isinstance(found, _Kept) else _Kept(found)
