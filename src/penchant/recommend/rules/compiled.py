"""A document that can be used: its rules, and which of them hold of an item or of a request."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import top_level
from penchant.recommend.rules.cells import LONGEST, BadCell, Side, side_of
from penchant.recommend.rules.document import InvalidRules, Table, tables_of
from penchant.recommend.rules.port import Condition, Matcher, RuleEngine
from penchant.recommend.rules.rule import BadRule, Rule, rule_of
from penchant.types import Item

ITEMS_AT_ONCE = 2_000
"""Items that an engine is asked about at once."""


class CompiledRules:
    """Rules of a document, R in number, in the order of its tables and rows.

    A row holds of an item in a request where all its cells do; each cell looks at one of the two. So the
    items are asked about once, and a request once for all items: never each item in each request.
    """

    def __init__(self, rules: Sequence[Rule], matchers: Sequence[tuple[Matcher, Matcher]]) -> None:
        """``matchers``: of each table, of items and of requests."""
        self.rules = tuple(rules)
        self._matchers = tuple(matchers)

    def of_items(self, items: Sequence[Item]) -> NDArray[np.bool_]:
        """Whether the conditions on the item hold, shape (len(items), R)."""
        parts = [
            self._each([about_item(item) for item in items[start : start + ITEMS_AT_ONCE]], 0)
            for start in range(0, len(items), ITEMS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.rules)), dtype=bool)

    def of_request(self, about: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Whether the conditions on the request hold, shape (R,)."""
        return self._each([about], 1)[0]

    def _each(self, contexts: Sequence[Mapping[str, Any]], side: int) -> NDArray[np.bool_]:
        if not self._matchers:
            return np.zeros((len(contexts), 0), dtype=bool)
        return np.concatenate([pair[side].of_each(contexts) for pair in self._matchers], axis=1)


def about_item(item: Item) -> dict[str, Any]:
    """What cells may look at."""
    return {
        "item": {
            "item_id": item.item_id, "title": item.title, "category": item.category,
            "department": top_level(item.category), "brand": item.brand, "description": item.description,
            "price": item.price, "available": item.available, "attributes": item.attributes,
        }
    }  # fmt: skip


def compiled(document: bytes, engine: RuleEngine) -> CompiledRules:
    """A document, checked cell by cell.

    Raises:
        InvalidRules: with all that is wrong, each with its table, row and column.
    """
    problems: list[str] = []
    rules: list[Rule] = []
    matchers: list[tuple[Matcher, Matcher]] = []
    for number, table in enumerate(tables_of(document)):
        problems += (wrong := _wrong_columns(table))
        if not wrong:
            rules += _rules(table, number, engine, problems)
            sides = _sides(table, engine, problems)
            if not problems:
                matchers.append(
                    (_matcher(table, sides, "item", engine), _matcher(table, sides, "request", engine))
                )
    problems += [
        f"{n} rules are called {name!r}" for name, n in Counter(r.name for r in rules).items() if n > 1
    ]
    if problems:
        raise InvalidRules(problems)
    return CompiledRules(rules, matchers)


_REQUIRED, _KNOWN = {"rule", "action"}, {"rule", "action", "amount", "per", "starts", "ends", "on"}


def _wrong_columns(table: Table) -> list[str]:
    fields = Counter(column.field or "" for column in table.outputs)
    missing = [
        f"table {table.name!r} has no output column {name!r}" for name in sorted(_REQUIRED - fields.keys())
    ]
    odd = [
        f"table {table.name!r} has the output column {name!r}; there are {', '.join(sorted(_KNOWN))}, once"
        for name, count in fields.items()
        if name not in _KNOWN or count > 1
    ]
    return missing + odd


def _rules(table: Table, number: int, engine: RuleEngine, problems: list[str]) -> list[Rule]:
    found: list[Rule] = []
    for place, row in enumerate(table.rows, 1):
        where = f"table {table.name!r}, row {place}"
        try:
            values = {
                column.field or "": _value(row[column.id], column.title, engine) for column in table.outputs
            }
            found.append(rule_of(values, number, table.first))
        except BadRule as error:
            problems.append(f"{where}: {error}")
    return found


def _value(cell: str, column: str, engine: RuleEngine) -> Any:
    try:
        if side_of(cell) == "request":
            raise BadCell("must be a value, not a condition on the request")
        return engine.value(cell)
    except ValueError as error:
        raise BadRule(column, str(error)) from error


def _sides(table: Table, engine: RuleEngine, problems: list[str]) -> list[list[Side]]:
    """What each cell looks at, by column and row."""
    found: list[list[Side]] = []
    for column in table.inputs:
        field = column.field or ""
        sides: list[Side] = []
        for place, row in enumerate(table.rows, 1):
            side, why = _side(row[column.id], field, engine)
            sides.append(side)
            if why:
                problems.append(f"table {table.name!r}, row {place}: {column.title} {why}")
        found.append(sides)
    return found


def _side(cell: str, field: str, engine: RuleEngine) -> tuple[Side, str]:
    """And why the cell cannot be used, empty where it can."""
    fault = engine.fault(cell, unary=bool(field)) if 0 < len(cell.strip()) <= LONGEST else ""
    if fault:
        return "none", f"cannot be read: {fault}"
    try:
        return side_of(cell, field), ""
    except BadCell as error:
        return "none", str(error)


def _matcher(table: Table, sides: Sequence[Sequence[Side]], side: Side, engine: RuleEngine) -> Matcher:
    """Of the cells that look at one side; the others hold."""
    conditions = [
        Condition(
            column.field or "",
            tuple(row[column.id] if one == side else "" for row, one in zip(table.rows, of, strict=True)),
        )
        for column, of in zip(table.inputs, sides, strict=True)
        if side in of
    ]
    return engine.matcher(conditions, len(table.rows))
