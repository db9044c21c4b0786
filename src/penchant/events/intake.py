"""The door: events come in from requests and files, are checked, lose their user ids, and are logged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

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
    rows_of_chunk,
    with_people,
)
from penchant.events.identity import OccurrenceCounter, give_ids
from penchant.events.letters import plain_id, safe_record
from penchant.events.log import Appended, EventLog
from penchant.events.rules import Checked, Rows, Violation, check, rows_of_records
from penchant.settings import Settings
from penchant.types import DeadLetter, Event, Pseudonym

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
        self._maker = LetterMaker("events", pseudonymizer, ledger, clock)

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
            accepted=appended.accepted,
            duplicates=len(appended.duplicates),
            erased=len(erased),
            letters=self._maker.refused(
                rows, {i: v for i, v in violations.items() if i not in erased}, source
            ),
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
        already = None if hashed is None else [hashed[index] for index in checked.indices]
        names = hidden([event.user_id for event in checked.events], self._pseudonymizer, already)
        for event, name in zip(checked.events, names, strict=True):
            msgspec.structs.force_setattr(event, "user_id", name)


def _refusal(rows: Rows, index: int, column: str, code: str, message: str) -> Violation:
    return Violation(row=rows.numbers[index], column=column, value="", code=code, message=message)
