"""The door: events come in from requests and files, are checked, lose their user ids, and are logged."""

import math
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from penchant.errors import Interrupted
from penchant.events.cells import BadCell, Limits, limits_of, time_of
from penchant.events.chunks import Chunk
from penchant.events.deadletters import DeadLetters
from penchant.events.identity import OccurrenceCounter, give_ids
from penchant.events.letters import plain_id, safe_record
from penchant.events.log import Appended, EventLog
from penchant.events.rules import Checked, Rows, Violation, check, rows_of_columns, rows_of_records
from penchant.events.schema import EVENT_NAMES
from penchant.events.sources import open_source, table_of
from penchant.settings import Settings
from penchant.types import DeadLetter, Event, Pseudonym

Progress = Callable[[int, int, int], None]
"""Called after each chunk with bytes done, bytes in all, and rows read."""
_CONFLICT = "event_id is known with different content; give changed content an id of its own"
_ERASED = "the person was erased after this happened; it is not taken back in"


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


class IntakeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request. ``rejected`` holds (index in the request, code, message)."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[tuple[int, str, str]] = []


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file. ``rejected`` counts dead letters by code; ``erased`` were not taken back."""

    source: str
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    erased: int = 0
    rejected: dict[str, int] = {}
    examples: list[str] = []


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    erased: int = 0
    rejected: Counter[str] = field(default_factory=Counter[str])
    examples: list[str] = field(default_factory=list[str])

    def add(self, result: "_Taken", unreadable: int) -> None:
        self.rows += result.rows + unreadable
        self.accepted += result.accepted
        self.duplicates += result.duplicates
        self.erased += result.erased
        for letter in result.letters:
            self.rejected[letter.code] += 1
            if len(self.examples) < 5:
                self.examples.append(f"row {letter.row}: {letter.message}")

    def report(self, source: str) -> ImportReport:
        return ImportReport(
            source=source,
            rows=self.rows,
            accepted=self.accepted,
            duplicates=self.duplicates,
            erased=self.erased,
            rejected=dict(self.rejected.most_common()),
            examples=self.examples,
        )


@dataclass(frozen=True, slots=True)
class _Taken:
    rows: int
    accepted: int
    duplicates: int
    erased: int
    letters: list[DeadLetter]
    rejected: list[tuple[int, str, str]]


class Intake:
    """Takes events in. Only pseudonyms pass; what is refused goes to the dead letters with its reason."""

    def __init__(
        self,
        log: EventLog,
        dead_letters: DeadLetters,
        pseudonymizer: Pseudonymizer,
        ledger: ErasureLedger,
        *,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._letters = dead_letters
        self._pseudonymizer = pseudonymizer
        self._ledger = ledger
        self._settings = settings
        self._clock = clock

    def accept(self, records: Sequence[Any], source: str = "http") -> IntakeResult:
        """Take the records of one request; durable when this returns.

        Raises:
            StorageError: nothing of the request was taken.
        """
        taken = self._take(rows_of_records(records), source, OccurrenceCounter())
        self._letters.add(taken.letters)
        return IntakeResult(
            accepted=taken.accepted, duplicates=taken.duplicates, rejected=sorted(taken.rejected)
        )

    def import_file(self, path: Path, on_progress: Progress | None = None) -> ImportReport:
        """Take a whole file, chunk by chunk, each durable before the next.

        Importing a file again changes nothing, and finishes an import that was cut off.

        Raises:
            InvalidInput: the file cannot be read (further); rows before that are in.
            Interrupted: Ctrl-C; the chunk at hand was finished and is safe.
        """
        source = open_source(path)
        table_of(source.columns, path.name, "events")
        counter, tally = OccurrenceCounter(), _Tally()
        with stop_after_chunk(path.name) as check_stop:
            for chunk in source.chunks():
                taken = self._take(rows_of_chunk(chunk), path.name, counter)
                broken = [self._unreadable(path.name, chunk, n) for n in range(len(chunk.unreadable))]
                taken.letters.extend(broken)
                self._letters.add(taken.letters)
                tally.add(taken, len(broken))
                if on_progress is not None:
                    on_progress(chunk.done, source.total, tally.rows)
                check_stop()
        return tally.report(path.name)

    def take_pseudonymous(
        self, records: Sequence[Mapping[str, Any]], people: Sequence[str]
    ) -> list[Violation | None]:
        """Take repaired records; ``people`` holds the pseudonym of each that has one, else nothing.

        A pseudonym is taken as it is; a ``user_id`` in a record is hashed as at any door.
        Returns the rule that each still breaks, or None where it is in the log now.
        """
        known = [
            {**record, "user_id": record.get("user_id") or person or None}
            for record, person in zip(records, people, strict=True)
        ]
        rows = rows_of_records(known)
        checked = check(rows, self._limits())
        hashed = [bool(person) and not records[i].get("user_id") for i, person in enumerate(people)]
        _, violations, _ = self._write(checked, rows, OccurrenceCounter(), hashed)
        return [violations.get(index) for index in range(len(records))]

    def safe_content(self, record: Mapping[str, Any], person: str) -> tuple[str, dict[str, Any]]:
        """Pseudonym and content of a dead letter made of a raw record; ``person`` where none is in it."""
        raw = plain_id(record.get("user_id"))
        person = self._pseudonymizer.pseudonyms([raw])[0] if raw else person
        return person, safe_record(record) | ({"user_id": person} if person else {})

    def _limits(self) -> Limits:
        return limits_of(self._settings, self._clock())

    def _take(self, rows: Rows, source: str, counter: OccurrenceCounter) -> _Taken:
        checked = check(rows, self._limits())
        appended, violations, erased = self._write(checked, rows, counter)
        return _Taken(
            rows=len(rows.numbers),
            accepted=appended.accepted,
            duplicates=len(appended.duplicates),
            erased=len(erased),
            letters=self._dead(rows, {i: v for i, v in violations.items() if i not in erased}, source),
            rejected=[(index, v.code, v.message) for index, v in violations.items()],
        )

    def _write(
        self, checked: Checked, rows: Rows, counter: OccurrenceCounter, hashed: Sequence[bool] | None = None
    ) -> tuple[Appended, dict[int, Violation], set[int]]:
        """Append what is good and allowed; all that breaks a rule, by index; the indices of the erased."""
        self._hide_users(checked, hashed)
        give_ids(checked.events, counter)
        violations, erased = dict(checked.violations), set[int]()
        events, indices = list[Event](), list[int]()
        for event, index in zip(checked.events, checked.indices, strict=True):
            if self._ledger.obeys(Pseudonym(event.user_id), event.timestamp):
                events.append(event)
                indices.append(index)
            else:
                erased.add(index)
                violations[index] = _refusal(rows, index, "user_id", "erased", _ERASED)
        appended = self._log.append(events) if events else Appended([], [], [])
        for place in appended.conflicts:
            violations[indices[place]] = _refusal(rows, indices[place], "event_id", "conflict", _CONFLICT)
        return appended, violations, erased

    def _hide_users(self, checked: Checked, hashed: Sequence[bool] | None = None) -> None:
        """Replace user ids by pseudonyms, in place: nobody else has seen these records yet."""
        raw = [
            event
            for event, index in zip(checked.events, checked.indices, strict=True)
            if hashed is None or not hashed[index]
        ]
        distinct = list({event.user_id for event in raw})
        names = dict(zip(distinct, self._pseudonymizer.pseudonyms(distinct), strict=True))
        for event in raw:
            msgspec.structs.force_setattr(event, "user_id", names[event.user_id])

    def _dead(self, rows: Rows, violations: Mapping[int, Violation], source: str) -> list[DeadLetter]:
        if not violations:
            return []
        now = self._clock()
        raw = {index: rows.record(index) for index in violations}
        users = {index: plain_id(record.get("user_id")) for index, record in raw.items()}
        distinct = sorted({user for user in users.values() if user})
        names = dict(zip(distinct, self._pseudonymizer.pseudonyms(distinct), strict=True))
        return [
            DeadLetter(
                source=source,
                row=v.row,
                column=v.column,
                code=v.code,
                message=v.message,
                content=safe_record(raw[index]) | ({"user_id": names[users[index]]} if users[index] else {}),
                timestamp=now,
                user_id=names.get(users[index], ""),
            )
            for index, v in sorted(violations.items())
            if not users[index] or self._may_keep(names[users[index]], raw[index].get("timestamp"))
        ]

    def _may_keep(self, person: Pseudonym, cell: Any) -> bool:
        """Whether a refused record may wait in the dead letters: an erased person leaves none behind."""
        try:
            return self._ledger.obeys(person, time_of(cell))
        except BadCell:
            return self._ledger.obeys(person, -math.inf)

    def _unreadable(self, source: str, chunk: Chunk, number: int) -> DeadLetter:
        bad = chunk.unreadable[number]
        return DeadLetter(
            source=source,
            row=bad.row,
            column="",
            code=bad.code,
            message=f"{bad.message}; correct it in the file and import that again",
            content={},
            timestamp=self._clock(),
        )


def rows_of_chunk(chunk: Chunk, names: frozenset[str] = EVENT_NAMES) -> Rows:
    """Rows of a file's chunk, whatever its format; ``names`` are the known columns."""
    if chunk.columns is not None:
        return rows_of_columns(chunk.columns, chunk.rows, names)
    return rows_of_records(chunk.records or [], chunk.rows, names)


@contextmanager
def stop_after_chunk(name: str) -> Generator[Callable[[], None]]:
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


def _refusal(rows: Rows, index: int, column: str, code: str, message: str) -> Violation:
    return Violation(row=rows.numbers[index], column=column, value="", code=code, message=message)
