"""Dead letters out for repair, and back in.

An exported line holds the record under ``record``. A person whom the shop already knows stands there as
``pseudonym``, never as ``user_id``: what is under ``pseudonym`` is not hashed again, and what a person
writes into ``record.user_id`` is hashed as at any door. ``table``, beside the record, says whether it is of
an event, an item, a person or a further table; a column of that name in a record is the shop's own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import msgspec

from penchant.errors import InvalidInput
from penchant.events.deadletters import DeadLetters
from penchant.events.intake import Intake
from penchant.events.letters import MAX_KEPT, safe_record, was_cut
from penchant.events.rules import Violation
from penchant.types import DeadLetter

_BATCH = 10_000


class ItemDoor(Protocol):
    """Where repaired items go in."""

    def known(self, records: Sequence[Mapping[str, Any]]) -> Sequence[bool]:
        """Which records are good and of items that are in the catalogue already."""
        ...

    def take(self, records: Sequence[Mapping[str, Any]]) -> Sequence[Violation | None]:
        """Keep those that are good, and say of each which rule it still breaks, or None."""
        ...


class UserDoor(Protocol):
    """Where what is known of people goes in, or rows of a further table; ``people`` holds the pseudonym of
    each record that has one."""

    def known(self, records: Sequence[Mapping[str, Any]], people: Sequence[str]) -> Sequence[bool]:
        """Which records are good and of people of whom something is known already."""
        ...

    def take(self, records: Sequence[Mapping[str, Any]], people: Sequence[str]) -> Sequence[Violation | None]:
        """Keep those that are good, and say of each which rule it still breaks, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Doors:
    """Where repaired records go in; ``tables`` are further ones by name."""

    intake: Intake
    items: ItemDoor
    users: UserDoor
    tables: Mapping[str, UserDoor] = field(default_factory=dict[str, UserDoor])


class RepairReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of letters.

    ``repaired`` are in the log, the catalogue or what is known of people now and left the dead letters;
    ``remaining`` counts by code. ``answered`` left them too, and changed nothing: items and people whose
    record nobody edited and of whom the shop has got another one since. ``empty`` were not tried, for
    they have no record: nothing could be kept of it and nobody wrote one in its place, or somebody emptied
    it in the file.
    """

    tried: int = 0
    repaired: int = 0
    answered: int = 0
    empty: int = 0
    remaining: dict[str, int] = {}


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    letter: int
    record: dict[str, Any]
    table: str = ""
    """Empty in a file of an older version, where the record of an item says it itself."""
    pseudonym: str = ""
    source: str = ""
    row: int = 0
    column: str = ""
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Try:
    number: int
    letter: DeadLetter
    record: dict[str, Any]
    edited: bool

    @property
    def table(self) -> str:
        return self.letter.table

    def cut(self) -> str:
        """A column of which only the beginning was kept and which nobody wrote anew; empty for none."""
        left = (name for name, value in self.letter.content.items() if was_cut(value))
        return next((name for name in left if self.record.get(name) == self.letter.content[name]), "")


def export_letters(letters: DeadLetters) -> Iterator[bytes]:
    """Each letter as one JSON line that a person can edit: change ``record``, keep ``letter``."""
    for number, letter in letters.all():
        line = _Line(
            letter=number,
            table=letter.table,
            record=_without_person(letter.content),
            pseudonym=letter.user_id,
            source=letter.source,
            row=letter.row,
            column=letter.column,
            code=letter.code,
            message=letter.message,
        )
        yield msgspec.json.encode(line) + b"\n"


def replay_letters(doors: Doors, letters: DeadLetters) -> RepairReport:
    """Try all letters again, unchanged: the rules or the settings may have changed.

    A letter of an item or a person that the shop has got since is dropped instead: its record is the older
    one.
    """
    return _replay(doors, letters, None)


def import_repaired(doors: Doors, letters: DeadLetters, path: Path) -> RepairReport:
    """Take the edited lines of :func:`export_letters`. What passes now leaves the dead letters.

    A line that is taken out of the file stays a dead letter, and so does one whose ``record`` is empty. A
    line that is as it was is treated as by :func:`replay_letters`.
    Doing it again changes nothing.

    Raises:
        InvalidInput: a line is not of that form; nothing was changed.
    """
    edited: dict[int, _Line] = {}
    decoder = msgspec.json.Decoder(_Line)
    with path.open("rb") as file:
        for row, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                found = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                raise InvalidInput(
                    f"{path.name}: line {row}: not a letter of `penchant export-dead-letters`: {error}"
                ) from error
            edited[found.letter] = found
    return _replay(doors, letters, edited)


def _replay(doors: Doors, letters: DeadLetters, edited: Mapping[int, _Line] | None) -> RepairReport:
    """Try letters again: those that ``edited`` holds, in that form; all as they are for None."""
    found = _found(letters, edited)
    tries = [one for one in found if one.record]
    answered = _answered(doors, tries)
    letters.remove(sorted(answered))
    remaining, repaired = Counter[str](), 0
    for batch in _batches([one for one in tries if one.number not in answered]):
        outcome = _take(doors, batch)
        done = [one.number for one, violation in zip(batch, outcome, strict=True) if violation is None]
        _keep_new_reasons(doors.intake, letters, batch, outcome)
        letters.remove(done)
        repaired += len(done)
        remaining.update(violation.code for violation in outcome if violation is not None)
    return RepairReport(
        tried=len(tries),
        repaired=repaired,
        answered=len(answered),
        empty=len(found) - len(tries),
        remaining=dict(remaining),
    )


def _found(letters: DeadLetters, edited: Mapping[int, _Line] | None) -> list[_Try]:
    return [
        _try(number, letter, None if edited is None else edited[number])
        for number, letter in letters.all()
        if edited is None or number in edited
    ]


def _try(number: int, letter: DeadLetter, line: _Line | None) -> _Try:
    before = _without_person(letter.content)
    if line is None:
        return _Try(number, letter, before, edited=False)
    record = line.record
    if letter.table == "items":
        # An item has no person: what somebody wrote there would be kept raw, as an attribute.
        record = _without_person(record)
        if not line.table and record.get("table") == "items":
            del record["table"]
    return _Try(number, letter, record, edited=record != before)


def _without_person(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != "user_id"}


def _answered(doors: Doors, tries: Sequence[_Try]) -> set[int]:
    """Letters of what came in since. Looked for before anything is taken: letters answer no letter."""
    items = [one for one in tries if one.table == "items" and not one.edited]
    known = list(doors.items.known([one.record for one in items]) if items else ())
    for table, door in {"users": doors.users, **doors.tables}.items():
        rows = [one for one in tries if one.table == table and not one.edited]
        items += rows
        known += door.known([one.record for one in rows], _people(rows)) if rows else ()
    return {one.number for one, is_known in zip(items, known, strict=True) if is_known}


def _people(tries: Sequence[_Try]) -> list[str]:
    return [one.letter.user_id for one in tries]


def _batches(tries: Sequence[_Try]) -> Iterator[list[_Try]]:
    """Tries of one table together, oldest first."""
    for _, same in groupby(sorted(tries, key=lambda one: one.table), lambda one: one.table):
        kind = list(same)
        yield from (kind[start : start + _BATCH] for start in range(0, len(kind), _BATCH))


def _take(doors: Doors, batch: Sequence[_Try]) -> list[Violation | None]:
    still = [_still_wrong(one) for one in batch]
    taken = iter(_take_whole(doors, [one for one, why in zip(batch, still, strict=True) if why is None]))
    return [next(taken) if why is None else why for why in still]


def _still_wrong(one: _Try) -> Violation | None:
    """What no door could see: an id that was refused is a pseudonym like any other by now."""
    if one.letter.column == "user_id" and one.letter.user_id and not one.record.get("user_id"):
        letter = one.letter
        return Violation(
            row=letter.row, column=letter.column, value="", code=letter.code, message=letter.message
        )
    column = one.cut()
    return _too_long(one.letter.row, column) if column else None


def _take_whole(doors: Doors, batch: Sequence[_Try]) -> Sequence[Violation | None]:
    records = [one.record for one in batch]
    if not batch:
        return []
    if batch[0].table == "items":
        return doors.items.take(records)
    door = doors.users if batch[0].table == "users" else doors.tables.get(batch[0].table)
    if door is not None:
        return door.take(records, _people(batch))
    return doors.intake.take_pseudonymous(records, _people(batch))


def _too_long(row: int, column: str) -> Violation:
    message = f"{column} was too long to be kept whole (only {MAX_KEPT} characters are); write it anew"
    return Violation(row=row, column=column, value="", code="too-long", message=message)


def _keep_new_reasons(
    intake: Intake, letters: DeadLetters, batch: Sequence[_Try], outcome: Sequence[Violation | None]
) -> None:
    """A letter that fails for another reason now, or with other content, is kept in its new form."""
    changed: list[DeadLetter] = []
    old: list[int] = []
    for one, violation in zip(batch, outcome, strict=True):
        if violation is None:
            continue
        person, content = _kept(intake, one)
        if (violation.code, content) != (one.letter.code, one.letter.content):
            old.append(one.number)
            changed.append(
                msgspec.structs.replace(
                    one.letter,
                    column=violation.column,
                    code=violation.code,
                    message=violation.message,
                    content=content,
                    user_id=person,
                )
            )
    letters.add(changed)
    letters.remove(old)


def _kept(intake: Intake, one: _Try) -> tuple[str, dict[str, Any]]:
    if one.table == "items":
        return "", safe_record(one.record)
    return intake.safe_content(one.record, one.letter.user_id, one.table)
