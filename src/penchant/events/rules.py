"""Check rows of events against the schema. One way for files and for requests.

A column is checked one distinct value at a time, so that a million rows take seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import msgspec

from penchant.events.cells import BadCell, Limits, scalar, shown
from penchant.events.letters import PEOPLE
from penchant.events.schema import EVENT_COLUMNS, EVENT_NAMES, IGNORED, Column
from penchant.types import Event, EventType, Scalar

_HASHED = (str, int, float)
_NO_ITEM = frozenset({EventType.SEARCH, EventType.MESSAGE})


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One row that breaks a rule: where, what was there, and which rule. ``row`` as in its source."""

    row: int
    column: str
    value: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Raw rows: known columns as lists of equal length, all further columns as one dict a row.

    ``numbers`` are the row numbers that messages name.
    """

    numbers: Sequence[int]
    columns: Mapping[str, list[Any]]
    others: Sequence[Mapping[str, Any]]

    def record(self, index: int) -> dict[str, Any]:
        """One raw row with the columns that it has."""
        known = {name: cells[index] for name, cells in self.columns.items() if cells[index] is not None}
        return {**known, **self.others[index]}


@dataclass(frozen=True, slots=True)
class Checked:
    """Outcome of a check.

    Attributes:
        events: the good rows in order; ``user_id`` still the shop's own.
        indices: index in the rows of each event.
        violations: index in the rows → the first rule that the row breaks.
    """

    events: list[Event]
    indices: list[int]
    violations: dict[int, Violation]


def rows_of_records(
    records: Sequence[Any], numbers: Sequence[int] | None = None, names: frozenset[str] = EVENT_NAMES
) -> Rows:
    """JSON objects as rows; what is not an object becomes a row with nothing in it.

    >>> rows_of_records([{"user_id": "u", "colour": "red"}]).others
    [{'colour': 'red'}]
    """
    maps: list[Mapping[str, Any]] = [r if isinstance(r, dict) else {} for r in records]
    found = set[str]().union(*maps)
    columns = {name: [record.get(name) for record in maps] for name in sorted(found & names)}
    others: list[Mapping[str, Any]] = [{}] * len(maps)
    if found - names:
        others = [_others(record, names) if record.keys() - names else {} for record in maps]
    return Rows(range(len(records)) if numbers is None else numbers, columns, others)


def rows_of_columns(
    columns: Mapping[str, list[Any]], numbers: Sequence[int], names: frozenset[str] = EVENT_NAMES
) -> Rows:
    """A table as rows. Absent columns are empty."""
    further = sorted(name for name in columns if name not in names and name not in IGNORED)
    known = {name: cells for name, cells in columns.items() if name in names}
    others: list[Mapping[str, Any]] = [{}] * len(numbers)
    if further:
        others = [
            {name: cell for name, cell in zip(further, row, strict=True) if cell is not None}
            for row in zip(*(columns[name] for name in further), strict=True)
        ]
    return Rows(numbers, known, others)


def check(rows: Rows, limits: Limits) -> Checked:
    """Read every row, or say why not.

    >>> record = {"user_id": "u", "type": "view", "timestamp": 5, "item_id": "a", "price": -1}
    >>> check(rows_of_records([record]), Limits()).violations[0].message
    'price is negative: -1; a return is an event of type refund'
    """
    violations: dict[int, Violation] = {}
    values = {c.name: read_column(c, rows, limits, violations) for c in EVENT_COLUMNS}
    contexts = read_others(rows, limits, violations)
    _check_together(values, rows, violations)
    indices = [index for index in range(len(rows.numbers)) if index not in violations]
    return Checked(_events(values, contexts, indices), indices, violations)


def _others(record: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    names = sorted(record.keys() - known - IGNORED)
    return {name: record[name] for name in names if record[name] is not None}


def read_column(column: Column, rows: Rows, limits: Limits, bad: dict[int, Violation]) -> list[Any]:
    """One column of all rows, read; what breaks its rule is None and noted in ``bad``."""
    cells = rows.columns.get(column.name)
    if cells is None:
        cells = [None] * len(rows.numbers)
        if not column.required:
            return cells
    if column.read_all is not None and not (column.required and None in cells):
        together = column.read_all(cells, limits)
        if together is not None:
            return together
    kinds = set(map(type, cells)) - {NoneType}
    if not kinds and not column.required:
        return cells
    if len(kinds) <= 1 and kinds.issubset(_HASHED):
        values, refused = _read_distinct(column, cells, limits)
    else:
        values, refused = _read_each(column, cells, limits)
    for index, error in refused.items():
        bad.setdefault(index, violation_of(rows, index, column.name, cells[index], error))
    return values


def _read(column: Column, cell: Any, limits: Limits) -> Any:
    if cell is not None:
        return column.read(cell, limits)
    if column.required:
        raise BadCell(f"missing-{column.name}", f"is missing; it must be {column.rule}")
    return None


def _read_distinct(column: Column, cells: list[Any], limits: Limits) -> tuple[list[Any], dict[int, BadCell]]:
    known: dict[Any, Any] = {}
    errors: dict[Any, BadCell] = {}
    for cell in set(cells):
        try:
            known[cell] = _read(column, cell, limits)
        except BadCell as error:
            known[cell] = None
            errors[cell] = error
    refused = {i: errors[cell] for i, cell in enumerate(cells) if cell in errors} if errors else {}
    return [known[cell] for cell in cells], refused


def _read_each(column: Column, cells: list[Any], limits: Limits) -> tuple[list[Any], dict[int, BadCell]]:
    values: list[Any] = [None] * len(cells)
    refused: dict[int, BadCell] = {}
    for index, cell in enumerate(cells):
        try:
            values[index] = _read(column, cell, limits)
        except BadCell as error:
            refused[index] = error
    return values, refused


def read_others(rows: Rows, limits: Limits, bad: dict[int, Violation]) -> list[dict[str, Scalar]]:
    """Columns that Penchant does not know, a dict for each row, in the order of their names."""
    known: dict[tuple[str, type, Any], Scalar] = {}
    found: list[dict[str, Scalar]] = [{} for _ in rows.numbers]
    for index, other in enumerate(rows.others):
        if not other:
            continue
        if len(other) > limits.max_context:
            error = BadCell(
                "too-many", f"has {len(other)} further columns, the limit is {limits.max_context}"
            )
            bad.setdefault(index, violation_of(rows, index, "context", None, error))
            continue
        context = found[index]
        for name, cell in other.items():
            try:
                context[name] = known[name, type(cell), cell]
                continue
            except (KeyError, TypeError):
                pass
            try:
                scalar(name, limits)
                context[name] = scalar(cell, limits)
                known[name, type(cell), cell] = context[name]
            except BadCell as error:
                bad.setdefault(index, violation_of(rows, index, name, cell, error))
    return found


def _check_together(values: Mapping[str, list[Any]], rows: Rows, bad: dict[int, Violation]) -> None:
    """Rules that need more than one column of a row."""
    items, queries, texts, amounts = (values[n] for n in ("item_id", "query", "text", "value"))
    search, rating = EventType.SEARCH, EventType.RATING  # Looking them up for each row would take most of it.
    for index, kind in enumerate(values["type"]):
        if index in bad:
            continue
        error = None
        if kind is search:
            error = _bad_search(items[index], queries[index])
        elif items[index] is None and not (kind in _NO_ITEM and texts[index]):
            error = "item_id", BadCell("missing-item_id", f"is missing; a {kind} is about an item")
        elif kind is rating:
            error = _bad_rating(amounts[index])
        if error is not None:
            column, reason = error
            cells = rows.columns.get(column)
            bad[index] = violation_of(rows, index, column, cells[index] if cells else None, reason)


def _bad_search(item: str | None, query: str | None) -> tuple[str, BadCell] | None:
    if query is None:
        return "query", BadCell("missing-query", "is missing; a search needs the text that was searched")
    if item is not None:
        hint = "a search has none, log a click on a result as an event of its own"
        return "item_id", BadCell("item-on-search", f"is {shown(item)}; {hint}")
    return None


def _bad_rating(value: float | None) -> tuple[str, BadCell] | None:
    if value is None:
        return "value", BadCell("missing-value", "is missing; a rating needs a number from 1 to 5")
    if not 1 <= value <= 5:
        return "value", BadCell("rating-range", f"is {value:g}; a rating is from 1 to 5")
    return None


def violation_of(rows: Rows, index: int, column: str, cell: Any, error: BadCell) -> Violation:
    """The error in one cell, without a person's id in it."""
    secret = column in PEOPLE
    name = shown(column)[1:-1] if column not in EVENT_NAMES else column
    quoted = "" if secret or cell is None else shown(cell)
    # A message is shown and logged: it must not quote a person's id.
    reason = str(error) if not secret else str(error).replace(shown(cell), "…")
    return Violation(
        row=rows.numbers[index], column=name, value=quoted, code=error.code, message=f"{name} {reason}"
    )


def _events(
    values: Mapping[str, list[Any]], contexts: Sequence[dict[str, Scalar]], indices: list[int]
) -> list[Event]:
    columns = [values[column.name] for column in EVENT_COLUMNS]
    if len(indices) < len(contexts):
        columns = [[cells[index] for index in indices] for cells in columns]
        contexts = [contexts[index] for index in indices]
    return [_event(*row) for row in zip(contexts, *columns, strict=True)]


def _event(  # noqa: PLR0917 - one value a column, in the order of EVENT_COLUMNS: the fastest way to call
    context: dict[str, Scalar],
    user_id: str,
    kind: EventType,
    timestamp: float,
    item_id: str | None,
    event_id: str | None,
    value: float | None,
    quantity: float | None,
    price: float | None,
    query: str | None,
    text: str | None,
    session_id: str | None,
    sequence: int | None,
    recommendation_id: str | None,
    position: int | None,
) -> Event:
    return Event(
        user_id=user_id,
        type=kind,
        timestamp=timestamp,
        item_id=item_id,
        event_id=event_id,
        value=value,
        quantity=quantity,
        price=price,
        query=query,
        text=text,
        session_id=session_id,
        sequence=sequence,
        recommendation_id=recommendation_id,
        position=position,
        context=context,
    )
