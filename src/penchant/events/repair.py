"""Dead letters out for repair, and back in.

An exported line holds the record under ``record``. A person whom the shop already knows stands there as
``pseudonym``, never as ``user_id``: what is under ``pseudonym`` is not hashed again, and what a person
writes into ``record.user_id`` is hashed as at any door.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from penchant.errors import InvalidInput
from penchant.events.deadletters import DeadLetters
from penchant.events.intake import Intake
from penchant.events.rules import Violation
from penchant.types import DeadLetter

_BATCH = 10_000


class RepairReport(msgspec.Struct, frozen=True, kw_only=True):
    """``repaired`` are in the log now (or were) and left the dead letters; ``remaining`` counts by code."""

    tried: int = 0
    repaired: int = 0
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


def replay_letters(intake: Intake, letters: DeadLetters) -> RepairReport:
    """Try all letters again, unchanged: the rules or the settings may have changed."""
    return _replay(intake, letters, {})


def import_repaired(intake: Intake, letters: DeadLetters, path: Path) -> RepairReport:
    """Take the edited lines of :func:`export_letters`. What passes now leaves the dead letters.

    A line that is taken out of the file stays a dead letter. Doing it again changes nothing.

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
    return _replay(intake, letters, edited, only=True)


def _replay(
    intake: Intake, letters: DeadLetters, edited: Mapping[int, _Line], *, only: bool = False
) -> RepairReport:
    tried = repaired = 0
    remaining: dict[str, int] = {}
    waiting = [
        (n, letter)
        for n, letter in letters.all()
        if letter.content.get("table") != "items" and (letter.content or n in edited)
    ]
    if only:
        waiting = [(n, letter) for n, letter in waiting if n in edited]
    for start in range(0, len(waiting), _BATCH):
        batch = waiting[start : start + _BATCH]
        records = [_record(letter, edited.get(number)) for number, letter in batch]
        people = [letter.user_id for _, letter in batch]
        outcome = intake.take_pseudonymous(records, people)
        done = [number for (number, _), violation in zip(batch, outcome, strict=True) if violation is None]
        _keep_new_reasons(intake, letters, batch, records, outcome)
        letters.remove(done)
        tried, repaired = tried + len(batch), repaired + len(done)
        for violation in outcome:
            if violation is not None:
                remaining[violation.code] = remaining.get(violation.code, 0) + 1
    return RepairReport(tried=tried, repaired=repaired, remaining=remaining)


def _record(letter: DeadLetter, line: _Line | None) -> dict[str, Any]:
    if line is not None:
        return line.record
    return {name: value for name, value in letter.content.items() if name != "user_id"}


def _keep_new_reasons(
    intake: Intake,
    letters: DeadLetters,
    batch: Sequence[tuple[int, DeadLetter]],
    records: Sequence[Mapping[str, Any]],
    outcome: Sequence[Violation | None],
) -> None:
    """A letter that fails for another reason now, or with other content, is kept in its new form."""
    changed: list[DeadLetter] = []
    old: list[int] = []
    for (number, letter), record, violation in zip(batch, records, outcome, strict=True):
        if violation is None:
            continue
        person, content = intake.safe_content(record, letter.user_id)
        if (violation.code, content) != (letter.code, letter.content):
            old.append(number)
            changed.append(
                msgspec.structs.replace(
                    letter,
                    column=violation.column,
                    code=violation.code,
                    message=violation.message,
                    content=content,
                    user_id=person,
                )
            )
    letters.add(changed)
    letters.remove(old)
