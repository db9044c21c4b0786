"""Refused records in SQLite."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from penchant.adapters.sqlite.database import Database
from penchant.types import DeadLetter, Pseudonym


class _Field(msgspec.Struct, frozen=True):
    table: str = ""


_decoder = msgspec.json.Decoder(DeadLetter)
_fields = msgspec.json.Decoder(_Field)
_encoder = msgspec.json.Encoder(order="deterministic")


def join_letters(
    connection: Any, before: Pseudonym, person: Pseudonym, which: Callable[[float], bool]
) -> int:
    """Make records that were refused at times that are wanted another person's; returns how many."""
    letters = [found for found in _letters_of(connection, before) if which(found[1].timestamp)]
    for number, letter in letters:
        content = letter.content | ({"user_id": person} if letter.content.get("user_id") == before else {})
        moved = msgspec.structs.replace(letter, user_id=person, content=content)
        # The same record may have come under both names.
        connection.execute(
            "UPDATE OR REPLACE dead_letters SET digest = ?, pseudonym = ?, content = ? WHERE number = ?",
            [_digest(moved), person, _encoder.encode(moved), number],
        )
    return len(letters)


def _letters_of(connection: Any, person: Pseudonym) -> list[tuple[int, DeadLetter]]:
    sql = "SELECT number, content FROM dead_letters WHERE pseudonym = ?"
    return [(number, _letter(content)) for number, content in connection.execute(sql, [person]).fetchall()]


class SqliteDeadLetters:
    """:class:`~penchant.events.deadletters.DeadLetters` and ``Erasable``."""

    erasable_name = "dead-letters"

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, letters: Sequence[DeadLetter]) -> None:
        if not letters:
            return
        rows = [(_digest(x), x.code, x.user_id, _encoder.encode(x)) for x in letters]
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO dead_letters (digest, code, pseudonym, content) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (digest) DO NOTHING",
                rows,
            )

    def all(self) -> Iterator[tuple[int, DeadLetter]]:
        # Short reads: whoever mends letters writes to the same file in between.
        sql = "SELECT number, content FROM dead_letters WHERE number > ? ORDER BY number LIMIT 5000"
        last = 0
        while rows := self._database.read(sql, [last]):
            for number, content in rows:
                last = int(str(number))
                yield last, _letter(bytes(content))  # type: ignore[arg-type]

    def remove(self, numbers: Sequence[int]) -> None:
        with self._database.write() as connection:
            connection.executemany("DELETE FROM dead_letters WHERE number = ?", [(n,) for n in numbers])

    def counts(self) -> dict[str, int]:
        rows = self._database.read("SELECT code, count(*) FROM dead_letters GROUP BY code ORDER BY 2 DESC, 1")
        return {str(code): int(str(n)) for code, n in rows}

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        rows = self._database.read(
            "SELECT content FROM dead_letters WHERE pseudonym = ? ORDER BY number", [person]
        )
        return [msgspec.json.decode(bytes(row[0])) for row in rows]  # type: ignore[arg-type]

    def erase_until(self, person: Pseudonym, until: float) -> int:
        """Remove for good what was refused up to a time (unix seconds); returns how many."""
        with self._database.write() as connection:
            found = _letters_of(connection, person)
            old = [(number,) for number, letter in found if letter.timestamp <= until]
            connection.executemany("DELETE FROM dead_letters WHERE number = ?", old)
        self._database.forget_for_good()
        return len(old)

    def erase_person(self, person: Pseudonym) -> int:
        with self._database.write() as connection:
            gone = connection.execute("DELETE FROM dead_letters WHERE pseudonym = ?", [person]).rowcount
        self._database.forget_for_good()
        return gone


def _digest(letter: DeadLetter) -> bytes:
    """The same letter (source, row, code, content, table) is kept once, whenever it came."""
    # Events say no table, as before there was one: their letters of older versions stay the same.
    table = () if letter.table == "events" else (letter.table,)
    return blake2b(
        _encoder.encode((letter.source, letter.row, letter.code, letter.content, *table)), digest_size=16
    ).digest()


def _letter(stored: bytes) -> DeadLetter:
    """A stored letter. One of an older version has a mark of an item in its content instead of a field."""
    letter = _decoder.decode(stored)
    content = letter.content
    # An event could have had a column of that name: it has a person, or was refused for having none.
    event = content.get("table") != "items" or "user_id" in content or letter.column == "user_id"
    if event or _fields.decode(stored).table:
        return letter
    bare = {name: value for name, value in content.items() if name != "table"}
    return msgspec.structs.replace(letter, table="items", content=bare)
