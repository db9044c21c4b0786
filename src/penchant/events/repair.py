"""Dead letters out for repair, and back in.

An exported line holds the record under ``record``. A person whom the shop already knows stands there as
``pseudonym``, never as ``user_id``: what is under ``pseudonym`` is not hashed again, and what a person
writes into ``record.user_id`` is hashed as at any door. A record of an item says ``"table": "items"``.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from penchant.errors import InvalidInput
from penchant.events.deadletters import DeadLetters
from penchant.events.intake import Intake
from penchant.events.letters import safe_record
from penchant.events.rules import Violation
from penchant.types import DeadLetter

ITEMS = {"table": "items"}
"""What the content of a refused item says, to tell it from an event."""
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Doors:
    """Where repaired records go in.

    ``items`` keeps those of items that are good, and says of each which rule it still breaks, or None.
    """

    intake: Intake
    items: Callable[[Sequence[Mapping[str, Any]]], Sequence[Violation | None]]


class RepairReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of letters.

    ``repaired`` are in the log or the catalogue now and left the dead letters; ``remaining`` counts by code.
    ``empty`` were not tried: nothing could be kept of them, and nobody wrote a record in its place.
    """

    tried: int = 0
    repaired: int = 0
    empty: int = 0
    remaining: dict[str, int] = {}


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    letter: int
    record: dict[str, Any]
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
    item: bool


def export_letters(letters: DeadLetters) -> Iterator[bytes]:
    """Each letter as one JSON line that a person can edit: change ``record``, keep ``letter``."""
    for number, letter in letters.all():
        line = _Line(
            letter=number,
            record={name: value for name, value in letter.content.items() if name != "user_id"},
            pseudonym=letter.user_id,
            source=letter.source,
            row=letter.row,
            column=letter.column,
            code=letter.code,
            message=letter.message,
        )
        yield msgspec.json.encode(line) + b"\n"


def replay_letters(doors: Doors, letters: DeadLetters) -> RepairReport:
    """Try all letters again, unchanged: the rules or the settings may have changed."""
    return _replay(doors, letters, None)


def import_repaired(doors: Doors, letters: DeadLetters, path: Path) -> RepairReport:
    """Take the edited lines of :func:`export_letters`. What passes now leaves the dead letters.

    A line that is taken out of the file stays a dead letter, and so does one whose ``record`` is empty.
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
    remaining, repaired = Counter[str](), 0
    for batch in _batches(tries):
        outcome = _take(doors, batch)
        done = [one.number for one, violation in zip(batch, outcome, strict=True) if violation is None]
        _keep_new_reasons(doors.intake, letters, batch, outcome)
        letters.remove(done)
        repaired += len(done)
        remaining.update(violation.code for violation in outcome if violation is not None)
    return RepairReport(
        tried=len(tries), repaired=repaired, empty=len(found) - len(tries), remaining=dict(remaining)
    )


def _found(letters: DeadLetters, edited: Mapping[int, _Line] | None) -> list[_Try]:
    return [
        _try(number, letter, letter.content if edited is None else edited[number].record)
        for number, letter in letters.all()
        if edited is None or number in edited
    ]


def _try(number: int, letter: DeadLetter, content: Mapping[str, Any]) -> _Try:
    item = _is_item(letter.content) or (not letter.content and _is_item(content))
    marks = ITEMS.keys() if item else set[str]()
    if content is letter.content:
        marks = marks | {"user_id"}  # A pseudonym: it goes in beside the record.
    record = {name: value for name, value in content.items() if name not in marks}
    return _Try(number, letter, record, item)


def _is_item(content: Mapping[str, Any]) -> bool:
    # An event may have a column of that name too; an item never has a person.
    return ITEMS.items() <= content.items() and "user_id" not in content


def _batches(tries: Sequence[_Try]) -> Iterator[list[_Try]]:
    """Tries of one kind together, oldest first."""
    for _, same in groupby(sorted(tries, key=lambda one: one.item), lambda one: one.item):
        kind = list(same)
        yield from (kind[start : start + _BATCH] for start in range(0, len(kind), _BATCH))


def _take(doors: Doors, batch: Sequence[_Try]) -> Sequence[Violation | None]:
    records = [one.record for one in batch]
    if batch[0].item:
        return doors.items(records)
    return doors.intake.take_pseudonymous(records, [one.letter.user_id for one in batch])


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
    if one.item:
        return "", {**ITEMS, **safe_record(one.record)}
    return intake.safe_content(one.record, one.letter.user_id)
