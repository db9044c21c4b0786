"""What every door of people's records has: ids hidden, refusals kept with a reason, files taken in chunks."""

import math
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from penchant.errors import Interrupted
from penchant.events.cells import BadCell, time_of
from penchant.events.chunks import Chunk
from penchant.events.deadletters import DeadLetters
from penchant.events.letters import plain_id, safe_record
from penchant.events.rules import Rows, Violation, rows_of_columns, rows_of_records
from penchant.events.schema import EVENT_NAMES
from penchant.events.sources import open_source, table_of
from penchant.types import DeadLetter, Pseudonym

Progress = Callable[[int, int, int], None]
"""Called after each chunk with bytes done, bytes in all, and rows read."""


class Pseudonymizer(Protocol):
    """The keyed hash at the door."""

    def pseudonyms(self, user_ids: list[str]) -> list[Pseudonym]:
        """One for each id, in order."""
        ...


class ErasureLedger(Protocol):
    """Who was erased, and when."""

    def obeys(self, person: Pseudonym, timestamp: float) -> bool:
        """Whether an event of that time may be kept: never erased, or it happened after the erasure."""
        ...


@dataclass(slots=True)
class Refused:
    """Counts refusals by code and remembers the first few."""

    counts: Counter[str] = field(default_factory=Counter[str])
    examples: list[str] = field(default_factory=list[str])

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Some more of them."""
        self.counts.update(letter.code for letter in letters)
        more = letters[: 5 - len(self.examples)]
        self.examples += [f"row {letter.row}: {letter.message}" for letter in more]


@dataclass(frozen=True, slots=True)
class LetterMaker:
    """Dead letters of one ``table``, with pseudonyms in the place of user ids.

    An erased person leaves none behind, unless the record tells of a time after the erasure.
    """

    table: str
    pseudonymizer: Pseudonymizer
    ledger: ErasureLedger
    clock: Callable[[], float]

    def refused(self, rows: Rows, violations: Mapping[int, Violation], source: str) -> list[DeadLetter]:
        """A letter for each violation, by its index in ``rows``."""
        if not violations:
            return []
        now = self.clock()
        raw = {index: rows.record(index) for index in violations}
        users = {index: plain_id(record.get("user_id")) for index, record in raw.items()}
        distinct = sorted({user for user in users.values() if user})
        names = dict(zip(distinct, self.pseudonymizer.pseudonyms(distinct), strict=True))
        return [
            DeadLetter(
                source=source,
                row=v.row,
                column=v.column,
                code=v.code,
                message=v.message,
                content=safe_record(raw[index], self.table)
                | ({"user_id": names[users[index]]} if users[index] else {}),
                timestamp=now,
                user_id=names.get(users[index], ""),
                table=self.table,
            )
            for index, v in sorted(violations.items())
            if not users[index] or self._may_keep(names[users[index]], raw[index])
        ]

    def unreadable(self, chunk: Chunk, source: str) -> list[DeadLetter]:
        """A letter for each row of a file whose columns cannot be told apart."""
        return [
            DeadLetter(
                source=source,
                row=bad.row,
                column="",
                code=bad.code,
                message=f"{bad.message}; correct it in the file and import that again",
                content={},
                timestamp=self.clock(),
                table=self.table,
            )
            for bad in chunk.unreadable
        ]

    def _may_keep(self, person: Pseudonym, record: Mapping[str, Any]) -> bool:
        try:
            # Not every row says when it was; a column of that name in another table is the shop's own.
            time = time_of(record.get("timestamp") if self.table in ("events", "exposures") else None)
        except BadCell:
            time = -math.inf
        return self.ledger.obeys(person, time)


def with_people(records: Sequence[Mapping[str, Any]], people: Sequence[str]) -> list[dict[str, Any]]:
    """Records that name their person under ``user_id``: one who is written there, else the pseudonym.

    >>> with_people([{"city": "Bern"}, {"user_id": "anna"}], ["5e", "5e"])
    [{'city': 'Bern', 'user_id': '5e'}, {'user_id': 'anna'}]
    """
    return [
        {**record, "user_id": record.get("user_id") or person or None}
        for record, person in zip(records, people, strict=True)
    ]


def hidden(
    user_ids: Sequence[str], pseudonymizer: Pseudonymizer, already: Sequence[bool] | None = None
) -> list[Pseudonym]:
    """Pseudonyms of ``user_ids``; those that are some ``already`` stay as they are."""
    raw = (
        user_ids if already is None else [u for u, known in zip(user_ids, already, strict=True) if not known]
    )
    distinct = list(dict.fromkeys(raw))
    names = dict(zip(distinct, pseudonymizer.pseudonyms(distinct), strict=True))
    if already is None:
        return [names[user] for user in user_ids]
    return [Pseudonym(user) if known else names[user] for user, known in zip(user_ids, already, strict=True)]


def named_already(records: Sequence[Mapping[str, Any]], people: Sequence[str]) -> list[bool]:
    """Whose record names a pseudonym, one of ``people``, and no user id over it.

    >>> named_already([{}, {"user_id": "anna"}, {}], ["5e", "5e", ""])
    [True, False, False]
    """
    return [
        bool(person) and not record.get("user_id") for record, person in zip(records, people, strict=True)
    ]


def still_wrong(
    count: int, violations: Mapping[int, Violation], erased: Sequence[int], why: str
) -> list[Violation | None]:
    """The rule that each of ``count`` repaired records still breaks, or None; those of people who were
    ``erased`` do not come back, and are told ``why``."""
    found = dict(violations)
    for index in erased:
        found[index] = Violation(row=index, column="user_id", value="", code="erased", message=why)
    return [found.get(index) for index in range(count)]


def rows_of_chunk(chunk: Chunk, names: frozenset[str] = EVENT_NAMES) -> Rows:
    """Rows of a file's chunk, whatever its format; ``names`` are the known columns."""
    if chunk.columns is not None:
        return rows_of_columns(chunk.columns, chunk.rows, names)
    return rows_of_records(chunk.records or [], chunk.rows, names)


def each_chunk(
    path: Path, table: str, take: Callable[[Chunk], None], on_progress: Progress | None = None
) -> int:
    """Hand a file of ``table`` over, chunk by chunk; returns its rows, unreadable ones too.

    Raises:
        InvalidInput: the file cannot be read (further), or is of another table.
        Interrupted: Ctrl-C; the chunk at hand was finished.
    """
    source = open_source(path)
    table_of(source.columns, path.name, table)
    rows = 0
    with _stop_after_chunk(path.name) as check_stop:
        for chunk in source.chunks():
            take(chunk)
            rows += len(chunk.rows) + len(chunk.unreadable)
            if on_progress is not None:
                on_progress(chunk.done, source.total, rows)
            check_stop()
    return rows


class Checked(Protocol):
    """Rows that were looked at: indices of the good ones, and the rule that each other breaks."""

    @property
    def indices(self) -> list[int]: ...

    @property
    def violations(self) -> dict[int, Violation]: ...


CheckedT = TypeVar("CheckedT", bound=Checked)


@dataclass(slots=True)
class Taken:
    """What became of the rows of a file: ``changed`` and ``erased`` as the store told."""

    rows: int = 0
    taken: int = 0
    changed: int = 0
    erased: int = 0
    refused: Refused = field(default_factory=Refused)


@dataclass(frozen=True, slots=True)
class FileDoor:
    """Takes whole files in, chunk by chunk; what is refused becomes dead letters."""

    maker: LetterMaker
    letters: DeadLetters

    def take(
        self,
        path: Path,
        names: frozenset[str],
        check: Callable[[Rows], CheckedT],
        keep: Callable[[CheckedT], tuple[int, list[int]]],
        on_progress: Progress | None = None,
    ) -> Taken:
        """``keep`` stores the good rows; it returns how many changed something, and the indices of those
        who were erased.

        Raises:
            InvalidInput: the file cannot be read (further); rows before that are in.
            Interrupted: Ctrl-C; the chunk at hand was finished and is safe.
        """
        found = Taken()

        def take(chunk: Chunk) -> None:
            rows = rows_of_chunk(chunk, names)
            checked = check(rows)
            changed, erased = keep(checked)
            letters = self.maker.refused(rows, checked.violations, path.name)
            letters += self.maker.unreadable(chunk, path.name)
            self.letters.add(letters)
            found.refused.add(letters)
            found.taken += len(checked.indices) - len(erased)
            found.changed += changed
            found.erased += len(erased)

        found.rows = each_chunk(path, self.maker.table, take, on_progress)
        return found


@contextmanager
def _stop_after_chunk(name: str) -> Generator[Callable[[], None]]:
    """Within it the first Ctrl-C only asks to stop; calling what it yields then raises ``Interrupted``.

    Outside the main thread signals cannot be caught, and it does nothing.
    """
    message = f"{name}: import stopped. What was read is safe; run the same command again to finish it."
    asked = threading.Event()

    def ask(*_: object) -> None:
        if asked.is_set():
            raise Interrupted(message)
        asked.set()

    def check_stop() -> None:
        if asked.is_set():
            raise Interrupted(message)

    if threading.current_thread() is not threading.main_thread():
        yield check_stop
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield check_stop
    except KeyboardInterrupt as error:
        raise Interrupted(message) from error
    finally:
        signal.signal(signal.SIGINT, before)
