"""The users table: what a shop knows of its people, from files and requests. Only pseudonyms pass."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from penchant.errors import Conflict, InvalidInput
from penchant.events.attributes import Attributes, AttributeStore
from penchant.events.cells import BadCell, Limits, attribute, identifier, limits_of
from penchant.events.deadletters import DeadLetters
from penchant.events.door import (
    ErasureLedger,
    FileDoor,
    LetterMaker,
    Progress,
    Pseudonymizer,
    hidden,
    named_already,
    still_wrong,
    with_people,
)
from penchant.events.rules import Rows, Violation, read_column, rows_of_records, violation_of
from penchant.events.schema import Column
from penchant.settings import Settings
from penchant.types import Pseudonym

_USER_ID = Column("user_id", identifier, "text, the shop's own id of the person", required=True)
USER_NAMES: frozenset[str] = frozenset({_USER_ID.name})
_ERASED = "the person was erased, and no row says from when it is; send what is new with PUT"


class UsersReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file. ``users`` are good rows, ``changed`` people who differ from before.

    ``rejected`` counts dead letters by code; ``erased`` were not taken back.
    """

    source: str
    rows: int = 0
    users: int = 0
    changed: int = 0
    erased: int = 0
    rejected: dict[str, int] = {}
    examples: list[str] = []


@dataclass(frozen=True, slots=True)
class CheckedUsers:
    """Good rows in order, as user id and attributes with their index, and the rule that each other breaks."""

    users: list[tuple[str, dict[str, str]]]
    indices: list[int]
    violations: dict[int, Violation]


def check_users(rows: Rows, limits: Limits) -> CheckedUsers:
    """Read every row, or say why not.

    >>> rows = rows_of_records([{"user_id": "u", "city": "Bern", "plan": ""}], names=USER_NAMES)
    >>> check_users(rows, Limits()).users
    [('u', {'city': 'Bern'})]
    """
    bad: dict[int, Violation] = {}
    ids = read_column(_USER_ID, rows, limits, bad)
    attributes = _read_attributes(rows, limits, bad)
    good = [index for index in range(len(ids)) if index not in bad]
    return CheckedUsers([(ids[index], attributes[index]) for index in good], good, bad)


def _read_attributes(rows: Rows, limits: Limits, bad: dict[int, Violation]) -> list[dict[str, str]]:
    known: dict[tuple[str, type, Any], str | None] = {}
    found: list[dict[str, str]] = [{} for _ in rows.numbers]
    for index, other in enumerate(rows.others):
        for name, cell in other.items():
            try:
                value = _read_attribute(name, cell, limits, known)
            except BadCell as error:
                bad.setdefault(index, violation_of(rows, index, name, cell, error))
                break
            if value is None:
                continue
            if len(found[index]) == limits.max_attributes:
                error = BadCell("too-many", f"are more than {limits.max_attributes}, the limit for a person")
                bad.setdefault(index, violation_of(rows, index, "attributes", None, error))
                break
            found[index][name] = value
    return found


def _read_attribute(
    name: str, cell: Any, limits: Limits, known: dict[tuple[str, type, Any], str | None]
) -> str | None:
    """One cell; what was ``known`` once need not be looked at again."""
    try:
        return known[name, type(cell), cell]
    except (KeyError, TypeError):
        pass
    identifier(name, limits)
    value = None if cell is None else attribute(cell, limits)
    known[name, type(cell), cell] = value
    return value


class Users:
    """Takes attributes in; a row replaces what was known of its person.

    A row of a file does not say from when it is. So a person who was erased does not come back by one; what
    the shop sends by :meth:`put` is from now.
    """

    def __init__(
        self,
        store: AttributeStore,
        dead_letters: DeadLetters,
        pseudonymizer: Pseudonymizer,
        ledger: ErasureLedger,
        *,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._pseudonymizer = pseudonymizer
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._files = FileDoor(LetterMaker("users", pseudonymizer, ledger, clock), dead_letters)

    def put(self, user_id: str, given: Mapping[str, Any]) -> Attributes:
        """Replace what is known of one person, now; returns what is known then.

        Raises:
            InvalidInput: an attribute breaks a rule; nothing was changed.
            Conflict: the person was erased at this very moment.
        """
        if given.keys() & USER_NAMES:
            raise InvalidInput("attributes: user_id is the person's name in the path, not an attribute")
        checked = self._check([{**given, "user_id": user_id}])
        for violation in checked.violations.values():
            raise InvalidInput(f"attributes: {violation.message}; nothing was changed")
        ((_, attributes),) = checked.users
        (person,) = self._pseudonymizer.pseudonyms([user_id])
        if not self._ledger.obeys(person, self._clock()):
            raise Conflict("the person was erased at this moment; send it again if it is newer than that")
        self._store.replace({person: attributes})
        return attributes

    def import_file(self, path: Path, on_progress: Progress | None = None) -> UsersReport:
        """Take a whole file, chunk by chunk; the last row of a person holds.

        Raises:
            InvalidInput: the file cannot be read (further); rows before that are in.
            Interrupted: Ctrl-C; the chunk at hand was finished and is safe.
        """
        found = self._files.take(
            path, USER_NAMES, lambda rows: check_users(rows, self._limits()), self._keep, on_progress
        )
        return UsersReport(
            source=path.name,
            rows=found.rows,
            users=found.taken,
            changed=found.changed,
            erased=found.erased,
            rejected=dict(found.refused.counts.most_common()),
            examples=found.refused.examples,
        )

    def known(self, records: Sequence[Mapping[str, Any]], people: Sequence[str]) -> list[bool]:
        """Which repaired records are good and of people of whom something is known already.

        ``people`` holds the pseudonym of each that has one, else nothing.
        """
        checked = self._check(with_people(records, people))
        names = self._hidden(checked, named_already(records, people))
        there = self._store.many(names)
        of = dict(zip(checked.indices, names, strict=True))
        return [index in of and of[index] in there for index in range(len(records))]

    def take(self, records: Sequence[Mapping[str, Any]], people: Sequence[str]) -> list[Violation | None]:
        """Keep what is good of repaired records; the rule that each still breaks, or None."""
        checked = self._check(with_people(records, people))
        _, erased = self._keep(checked, named_already(records, people))
        return still_wrong(len(records), checked.violations, erased, _ERASED)

    def _limits(self) -> Limits:
        return limits_of(self._settings, self._clock())

    def _check(self, records: Sequence[Mapping[str, Any]]) -> CheckedUsers:
        return check_users(rows_of_records(records, names=USER_NAMES), self._limits())

    def _hidden(self, checked: CheckedUsers, already: Sequence[bool] | None = None) -> list[Pseudonym]:
        hashed = None if already is None else [already[index] for index in checked.indices]
        return hidden([user for user, _ in checked.users], self._pseudonymizer, hashed)

    def _keep(self, checked: CheckedUsers, already: Sequence[bool] | None = None) -> tuple[int, list[int]]:
        """Store the good rows; how many people changed, and the indices of those who were erased."""
        known: dict[Pseudonym, Attributes] = {}
        erased: list[int] = []
        names = self._hidden(checked, already)
        for person, index, (_, attributes) in zip(names, checked.indices, checked.users, strict=True):
            if self._ledger.obeys(person, -math.inf):
                known[person] = attributes
            else:
                erased.append(index)
        return (self._store.replace(known) if known else 0), erased
