"""Tables beside events, items and people: offers, exposures, stock and follows, from files and requests."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from penchant.errors import InvalidInput
from penchant.events.cells import (
    BadCell,
    Limits,
    amount,
    identifier,
    limits_of,
    shown,
    time_of,
    timestamp,
    truth,
)
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
from penchant.events.follows import Follow
from penchant.events.guests import NO_LOGINS, Logins, owner_at
from penchant.events.offers import Exposure, Offer, StockLevel
from penchant.events.rules import Rows, Violation, read_column, rows_of_records, violation_of
from penchant.events.schema import Column
from penchant.settings import Settings
from penchant.types import Pseudonym

Row = TypeVar("Row")
Stored_contra = TypeVar("Stored_contra", contravariant=True)
Values = Mapping[str, Any]
Records = Sequence[Mapping[str, Any]]
LAST: Final = 253_402_300_799.0
"""The last second of the year 9999, which every format can hold."""
MOST_DAYS: Final = 3_650.0
_ERASED = "the person was erased after this; a row of before does not come back"


class TableStore(Protocol[Stored_contra]):
    """Where rows go; see :mod:`penchant.events.offers`."""

    def put(self, rows: Sequence[Stored_contra]) -> int: ...

    def holds(self, rows: Sequence[Stored_contra]) -> list[bool]: ...


class TableReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file. ``taken`` are good rows, ``changed`` those that are new or differ from before.

    ``rejected`` counts dead letters by code; ``erased`` were of people who were erased since and were not
    taken back; ``not_kept`` names columns that the table does not have.
    """

    source: str
    table: str
    rows: int = 0
    taken: int = 0
    changed: int = 0
    erased: int = 0
    not_kept: list[str] = []
    rejected: dict[str, int] = {}
    examples: list[str] = []


@dataclass(frozen=True, slots=True)
class Shape(Generic[Row]):
    """One table: its columns, the row that their values make, and what is wrong with several together.

    ``time`` names the column that says when a row of a person happened, ``other`` one that names another
    person.
    """

    name: str
    columns: tuple[Column, ...]
    make: Callable[[Values], Row]
    wrong: Callable[[Values], tuple[str, BadCell] | None] = lambda _: None
    time: str = ""
    other: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Of its columns."""
        return frozenset(column.name for column in self.columns)


def moment(cell: Any, limits: Limits) -> float:
    """Unix seconds, of what is to come too.

    >>> moment("2030-01-01", Limits())
    1893456000.0
    """
    value = time_of(cell)
    if not limits.earliest <= value <= LAST:
        raise BadCell("out-of-range", f"is not from {limits.earliest:g} to the year 9999: {shown(cell)}")
    return value


def share(cell: Any, limits: Limits) -> float:
    """From 0 to 1.

    >>> share("0.15", Limits())
    0.15
    """
    value = amount(lambda _: math.inf)(cell, limits)
    if value > 1:
        raise BadCell("too-large", f"is above 1: {shown(cell)}; give a share of the price, such as 0.15")
    return value


def _backwards(values: Values) -> tuple[str, BadCell] | None:
    if values["ends"] <= values["starts"]:
        return "ends", BadCell("ends-first", "is not after starts")
    return None


def _themselves(values: Values) -> tuple[str, BadCell] | None:
    if values["user_id"] == values["follows"]:
        return "follows", BadCell("follows-self", "is the person themselves")
    return None


def _follow(values: Values) -> Follow:
    return Follow(
        user_id=values["user_id"], follows=values["follows"], removed=bool(values["removed"])
    )  # fmt: skip


def _exposure(values: Values) -> Exposure:
    return Exposure(
        user_id=values["user_id"], campaign_id=values["campaign_id"], timestamp=values["timestamp"],
        held_out=bool(values["held_out"]),
    )  # fmt: skip


_USER = Column("user_id", identifier, "text, the shop's own id of the person", required=True)
_ITEM = Column("item_id", identifier, "text", required=True)
_CAMPAIGN = Column("campaign_id", identifier, "text", required=True)
_TIME = "unix seconds or ISO 8601, UTC where no zone is given"

OFFERS: Final = Shape(
    "offers",
    (
        Column("offer_id", identifier, "text", required=True),
        _CAMPAIGN,
        _ITEM,
        Column("starts", moment, _TIME, required=True),
        Column("ends", moment, f"{_TIME}; the first moment after it", required=True),
        Column("discount", share, "share of the price, from 0 to 1"),
    ),
    lambda values: Offer(**values),
    _backwards,
)
EXPOSURES: Final = Shape(
    "exposures",
    (
        _USER,
        _CAMPAIGN,
        Column("timestamp", timestamp, _TIME, required=True),
        Column("held_out", truth, "true where the person was left out by lot; false where absent"),
    ),
    _exposure,
    time="timestamp",
)
STOCK: Final = Shape(
    "stock",
    (
        _ITEM,
        Column("timestamp", timestamp, _TIME, required=True),
        Column("on_hand", amount(lambda limits: limits.max_amount), "pieces, from 0", required=True),
        Column("lead_time_days", amount(lambda _: MOST_DAYS), "days until a delivery comes"),
    ),
    lambda values: StockLevel(**values),
)
FOLLOWS: Final = Shape(
    "follows",
    (
        _USER,
        Column("follows", identifier, "text, the shop's own id of who is followed", required=True),
        Column("removed", truth, "true where the person follows them no more; false where absent"),
    ),
    _follow,
    _themselves,
    other="follows",
)
SHAPES: Final[Mapping[str, Shape[Any]]] = {shape.name: shape for shape in (OFFERS, EXPOSURES, STOCK, FOLLOWS)}


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """Values of the good rows in order with their index, and the rule that each other breaks."""

    values: list[dict[str, Any]]
    indices: list[int]
    violations: dict[int, Violation]


def check_rows(shape: Shape[Any], rows: Rows, limits: Limits) -> CheckedRows:
    """Read every row, or say why not.

    >>> rows = rows_of_records([{"item_id": "tea", "timestamp": 5, "on_hand": "-1"}], names=STOCK.names)
    >>> check_rows(STOCK, rows, Limits()).violations[0].message
    "on_hand is negative: '-1'; it must be 0 or more"
    """
    bad: dict[int, Violation] = {}
    cells = {column.name: read_column(column, rows, limits, bad) for column in shape.columns}
    values = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    for index, row in enumerate(values):
        if index not in bad and (wrong := shape.wrong(row)) is not None:
            column, error = wrong
            bad[index] = violation_of(rows, index, column, rows.columns[column][index], error)
    good = [index for index in range(len(values)) if index not in bad]
    return CheckedRows([values[index] for index in good], good, bad)


class TableDoor(Generic[Row]):
    """Takes rows of one table in; only pseudonyms pass. A row of a person who was erased after its time does
    not come back, nor does one that names somebody else who ever was erased. One of a guest of before a login
    is the person's, also where it comes late."""

    def __init__(
        self,
        shape: Shape[Row],
        store: TableStore[Row],
        dead_letters: DeadLetters,
        hide: tuple[Pseudonymizer, ErasureLedger],
        *,
        settings: Settings,
        clock: Callable[[], float],
        logins: Logins = NO_LOGINS,
    ) -> None:
        self.shape = shape
        self._store = store
        self._pseudonymizer, self._ledger = hide
        self._settings = settings
        self._clock = clock
        self._logins = logins
        self._files = FileDoor(LetterMaker(shape.name, *hide, clock), dead_letters)

    def put(self, records: Records) -> dict[str, int]:
        """Keep all of a request or none: ``received``, ``changed``, ``erased``.

        Raises:
            InvalidInput: a record breaks a rule; nothing was written.
        """
        checked = self._check(records)
        if checked.violations:
            first = checked.violations[min(checked.violations)]
            raise InvalidInput(f"{self.shape.name}: record {first.row}: {first.message}; nothing was written")
        changed, erased = self._keep(checked)
        return {"received": len(records), "changed": changed, "erased": len(erased)}

    def import_file(self, path: Path, on_progress: Progress | None = None) -> TableReport:
        """Take a whole file, chunk by chunk; the last row of a key holds.

        Raises:
            InvalidInput: the file cannot be read (further); rows before that are in.
            Interrupted: Ctrl-C; the chunk at hand was finished and is safe.
        """
        others = set[str]()

        def check(rows: Rows) -> CheckedRows:
            others.update(name for other in rows.others for name in other)
            return check_rows(self.shape, rows, self._limits())

        found = self._files.take(path, self.shape.names, check, self._keep, on_progress)
        return TableReport(
            source=path.name, table=self.shape.name, rows=found.rows, taken=found.taken,
            changed=found.changed, erased=found.erased,
            not_kept=[shown(name)[1:-1] for name in sorted(others)],
            rejected=dict(found.refused.counts.most_common()), examples=found.refused.examples,
        )  # fmt: skip

    def known(self, records: Records, people: Sequence[str]) -> list[bool]:
        """Which repaired records are good and of a key that is there; ``people``: as in ``Users.known``."""
        checked = self._check(self._named(records, people))
        named = self._owners(checked, self._hidden(checked, named_already(records, people)))
        there = self._store.holds(self._made(checked, named))
        of = dict(zip(checked.indices, there, strict=True))
        return [of.get(index, False) for index in range(len(records))]

    def take(self, records: Records, people: Sequence[str]) -> list[Violation | None]:
        """Keep what is good of repaired records; the rule that each still breaks, or None."""
        checked = self._check(self._named(records, people))
        _, erased = self._keep(checked, named_already(records, people))
        return still_wrong(len(records), checked.violations, erased, _ERASED)

    def _named(self, records: Records, people: Sequence[str]) -> Records:
        return with_people(records, people) if self._personal else records

    @property
    def _personal(self) -> bool:
        return "user_id" in self.shape.names

    def _limits(self) -> Limits:
        return limits_of(self._settings, self._clock())

    def _check(self, records: Records) -> CheckedRows:
        return check_rows(self.shape, rows_of_records(records, names=self.shape.names), self._limits())

    def _hidden(self, checked: CheckedRows, already: Sequence[bool] | None = None) -> list[Pseudonym]:
        """Pseudonym of each good row; of a table without people none at all."""
        if not self._personal:
            return []
        hashed = None if already is None else [already[index] for index in checked.indices]
        return hidden([row["user_id"] for row in checked.values], self._pseudonymizer, hashed)

    def _owners(self, checked: CheckedRows, people: Sequence[Pseudonym]) -> list[Pseudonym]:
        """Whose each good row is: what a guest was told before a login is the person's."""
        known = self._logins.of_each(list(dict.fromkeys(people))) if people and self.shape.time else {}
        if not known:
            return list(people)
        return [
            owner_at(known.get(person, ()), row[self.shape.time]) or person
            for person, row in zip(people, checked.values, strict=True)
        ]

    def _erased(self, checked: CheckedRows, people: Sequence[Pseudonym]) -> set[int]:
        """Indices of the good rows whose person was erased after them."""
        return {
            index
            for index, person, row in zip(checked.indices, people, checked.values, strict=False)
            if not self._ledger.obeys(person, row[self.shape.time] if self.shape.time else -math.inf)
        }

    def _others(self, checked: CheckedRows) -> list[Pseudonym]:
        """Who else each good row names; of a table that names nobody else none at all."""
        name = self.shape.other
        return hidden([row[name] for row in checked.values], self._pseudonymizer) if name else []

    def _made(self, checked: CheckedRows, people: Sequence[Pseudonym]) -> list[Row]:
        if not self._personal:
            return [self.shape.make(row) for row in checked.values]
        named = [{**row, "user_id": person} for row, person in zip(checked.values, people, strict=True)]
        for row, other in zip(named, self._others(checked), strict=False):
            row[self.shape.other] = other
        return [self.shape.make(row) for row in named]

    def _keep(self, checked: CheckedRows, already: Sequence[bool] | None = None) -> tuple[int, list[int]]:
        """Store the good rows; how many are new or differ, and the indices of those who were erased."""
        named = self._hidden(checked, already)
        people = self._owners(checked, named)
        gone = self._erased(checked, named) | self._erased(checked, people)
        gone |= self._erased(checked, self._others(checked))
        rows = self._made(checked, people)
        kept = [row for row, index in zip(rows, checked.indices, strict=True) if index not in gone]
        return (self._store.put(kept) if kept else 0), sorted(gone)
