"""The door: events come in from requests and files, are checked, lose their user ids, and are logged."""

import logging
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec

from penchant.errors import ShopError, StorageError
from penchant.events.cells import Limits, limits_of
from penchant.events.chunks import Chunk
from penchant.events.deadletters import DeadLetters
from penchant.events.door import (
    ErasureLedger,
    LetterMaker,
    Progress,
    Pseudonymizer,
    Refused,
    each_chunk,
    hidden,
    named_already,
    rows_of_chunk,
    with_people,
)
from penchant.events.guests import NO_LOGINS, Logins, owner_at
from penchant.events.identity import OccurrenceCounter, give_ids
from penchant.events.letters import plain_id, safe_record
from penchant.events.log import Appended, EventLog
from penchant.events.rules import Checked, Rows, Violation, check, rows_of_records
from penchant.settings import Settings
from penchant.types import DeadLetter, Event, Pseudonym

_log = logging.getLogger(__name__)

_CONFLICT = "event_id is known with different content; give changed content an id of its own"
_ERASED = "the person was erased after this happened; it is not taken back in"


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
    accepted: int = 0
    duplicates: int = 0
    erased: int = 0
    refused: Refused = field(default_factory=Refused)

    def add(self, result: "_Taken") -> None:
        self.accepted += result.accepted
        self.duplicates += result.duplicates
        self.erased += result.erased
        self.refused.add(result.letters)

    def report(self, source: str, rows: int) -> ImportReport:
        return ImportReport(
            source=source,
            rows=rows,
            accepted=self.accepted,
            duplicates=self.duplicates,
            erased=self.erased,
            rejected=dict(self.refused.counts.most_common()),
            examples=self.refused.examples,
        )


@dataclass(frozen=True, slots=True)
class _Taken:
    accepted: int
    duplicates: int
    erased: int
    letters: list[DeadLetter]
    rejected: list[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class _Ready:
    """Rows that were checked, those from index ``begin`` on: ``events`` may be written, each with its
    ``indices`` in the rows."""

    rows: Rows
    begin: int
    events: list[Event]
    indices: list[int]
    violations: dict[int, Violation]
    erased: set[int]


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
        logins: Logins = NO_LOGINS,
    ) -> None:
        self._log = log
        self._letters = dead_letters
        self._pseudonymizer = pseudonymizer
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._logins = logins
        self._maker = LetterMaker("events", pseudonymizer, ledger, clock)

    def accept(self, records: Sequence[Any], source: str = "http") -> IntakeResult:
        """Take the records of one request; durable when this returns.

        Raises:
            StorageError: nothing of the request was taken.
        """
        return self.accept_all([records], source)[0]

    def accept_all(self, requests: Sequence[Sequence[Any]], source: str = "http") -> list[IntakeResult]:
        """Take several requests with one commit, each answered as if it had come alone, in this order.

        Raises:
            StorageError, InvalidInput: nothing of any request was taken.
        """
        # All are checked at once: most come with a single event, and a check of a column costs what it costs.
        rows = rows_of_records(
            [record for records in requests for record in records],
            [number for records in requests for number in range(len(records))],
        )
        ready = self._ready_each(rows, [(len(records), OccurrenceCounter()) for records in requests])
        taken = [
            self._taken(one, found, source) for one, found in zip(ready, self._write(ready), strict=True)
        ]
        self._keep_letters(taken)
        return [
            IntakeResult(accepted=one.accepted, duplicates=one.duplicates, rejected=sorted(one.rejected))
            for one in taken
        ]

    def _keep_letters(self, taken: "Sequence[_Taken]") -> None:
        """What is refused is told in the answer as well; what was accepted is in the log by now, and must not
        be called a duplicate of itself because a letter could not be kept."""
        try:
            self._letters.add([letter for one in taken for letter in one.letters])
        except (StorageError, ShopError) as error:
            if not any(one.accepted for one in taken):
                raise
            _log.warning("refused records could not be kept: %s", error)

    def import_file(self, path: Path, on_progress: Progress | None = None) -> ImportReport:
        """Take a whole file, chunk by chunk, each durable before the next.

        Importing a file again changes nothing, and finishes an import that was cut off.

        Raises:
            InvalidInput: the file cannot be read (further); rows before that are in.
            Interrupted: Ctrl-C; the chunk at hand was finished and is safe.
        """
        counter, tally = OccurrenceCounter(), _Tally()

        def take(chunk: Chunk) -> None:
            taken = self._take(rows_of_chunk(chunk), path.name, counter)
            taken.letters.extend(self._maker.unreadable(chunk, path.name))
            self._letters.add(taken.letters)
            tally.add(taken)

        rows = each_chunk(path, "events", take, on_progress)
        return tally.report(path.name, rows)

    def take_pseudonymous(
        self, records: Sequence[Mapping[str, Any]], people: Sequence[str]
    ) -> list[Violation | None]:
        """Take repaired records; ``people`` holds the pseudonym of each that has one, else nothing.

        A pseudonym is taken as it is; a ``user_id`` in a record is hashed as at any door.
        Returns the rule that each still breaks, or None where it is in the log now.
        """
        rows = rows_of_records(with_people(records, people))
        ready = self._ready(rows, OccurrenceCounter(), named_already(records, people))
        self._write([ready])
        return [ready.violations.get(index) for index in range(len(records))]

    def safe_content(
        self, record: Mapping[str, Any], person: str, table: str = "events"
    ) -> tuple[str, dict[str, Any]]:
        """Pseudonym and content of a dead letter of ``table`` made of a raw record; ``person`` where
        none is in it."""
        raw = plain_id(record.get("user_id"))
        person = self._pseudonymizer.pseudonyms([raw])[0] if raw else person
        return person, safe_record(record, table) | ({"user_id": person} if person else {})

    def _limits(self) -> Limits:
        return limits_of(self._settings, self._clock())

    def _take(self, rows: Rows, source: str, counter: OccurrenceCounter) -> _Taken:
        ready = self._ready(rows, counter)
        return self._taken(ready, self._write([ready])[0], source)

    def _ready(self, rows: Rows, counter: OccurrenceCounter, hashed: Sequence[bool] | None = None) -> _Ready:
        return self._ready_each(rows, [(len(rows.numbers), counter)], hashed)[0]

    def _ready_each(
        self,
        rows: Rows,
        parts: Sequence[tuple[int, OccurrenceCounter]],
        hashed: Sequence[bool] | None = None,
    ) -> list[_Ready]:
        """Checked, without user ids, and without those who were erased; of each of the ``parts`` that the
        rows, so many each, came in."""
        checked = check(rows, self._limits())
        self._hide_users(checked, hashed)
        found, begin, done = list[_Ready](), 0, 0
        for size, counter in parts:
            first, begin = begin, begin + size
            before, done = done, bisect_left(checked.indices, begin, done)
            events, indices = checked.events[before:done], checked.indices[before:done]
            give_ids(events, counter)
            bad = checked.violations
            violations = {index: bad[index] for index in range(first, begin) if index in bad} if bad else {}
            ready = _Ready(rows, first, events, indices, violations, set())
            self._leave_out_erased(ready)
            found.append(ready)
        if self._give_to_owners([event for ready in found for event in ready.events]):
            for ready in found:
                self._leave_out_erased(ready)
        return found

    def _give_to_owners(self, events: Sequence[Event]) -> bool:
        """What a guest did before a login is the person's, also where it comes late; whether there was any.

        Its id was made of what the guest did: one that is sent again is the same.
        """
        known = self._logins.of_each(list({cast(Pseudonym, event.user_id): None for event in events}))
        owned = False
        for event in events if known else ():
            owner = owner_at(known.get(cast(Pseudonym, event.user_id), ()), event.timestamp)
            if owner is not None:
                msgspec.structs.force_setattr(event, "user_id", owner)
                owned = True
        return owned

    def _leave_out_erased(self, ready: _Ready) -> None:
        obeys, events = self._ledger.obeys, list(ready.events)
        may = [obeys(cast(Pseudonym, event.user_id), event.timestamp) for event in events]
        if all(may):
            return
        indices = list(ready.indices)
        ready.events.clear()
        ready.indices.clear()
        for event, index, good in zip(events, indices, may, strict=True):
            if good:
                ready.events.append(event)
                ready.indices.append(index)
            else:
                ready.erased.add(index)
                ready.violations[index] = _refusal(ready.rows, index, "user_id", "erased", _ERASED)

    def _write(self, several: Sequence[_Ready]) -> list[Appended]:
        """Append all with one commit; what became of each. Conflicts are added to the violations."""
        events = [event for ready in several for event in ready.events]
        appended = self._log.append(events) if events else Appended([], [], [])
        found = appended.parts([len(ready.events) for ready in several])
        for ready, part in zip(several, found, strict=True):
            for place in part.conflicts:
                index = ready.indices[place]
                ready.violations[index] = _refusal(ready.rows, index, "event_id", "conflict", _CONFLICT)
        return found

    def _taken(self, ready: _Ready, appended: Appended, source: str) -> _Taken:
        told = {index: why for index, why in ready.violations.items() if index not in ready.erased}
        return _Taken(
            accepted=appended.accepted,
            duplicates=len(appended.duplicates),
            erased=len(ready.erased),
            letters=self._maker.refused(ready.rows, told, source),
            rejected=[
                (index - ready.begin, why.code, why.message) for index, why in ready.violations.items()
            ],
        )

    def _hide_users(self, checked: Checked, hashed: Sequence[bool] | None = None) -> None:
        """Replace user ids by pseudonyms, in place: nobody else has seen these records yet."""
        already = None if hashed is None else [hashed[index] for index in checked.indices]
        names = hidden([event.user_id for event in checked.events], self._pseudonymizer, already)
        for event, name in zip(checked.events, names, strict=True):
            msgspec.structs.force_setattr(event, "user_id", name)


def _refusal(rows: Rows, index: int, column: str, code: str, message: str) -> Violation:
    return Violation(row=rows.numbers[index], column=column, value="", code=code, message=message)
