"""The events table: its columns, how each is read, and its rule in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penchant.events.cells import (
    BadCell,
    Limits,
    amount,
    free_text,
    identifier,
    identifiers,
    shown,
    timestamp,
    timestamps,
    whole,
)
from penchant.types import EVENT_TYPES, EventType

Read = Callable[[Any, Limits], Any]
ReadAll = Callable[[list[Any], Limits], list[Any] | None]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``read`` gives the value or raises ``BadCell``; ``rule`` is for people.

    ``read_all`` reads good cells all together and gives None where one of them might not be good.
    """

    name: str
    read: Read
    rule: str
    required: bool = False
    read_all: ReadAll | None = None


_TYPES: Mapping[str, EventType] = {kind.value: kind for kind in EVENT_TYPES}


def event_type(cell: Any, limits: Limits) -> EventType:  # noqa: ARG001
    """One of the known types.

    >>> event_type("cart", Limits()).code
    3
    """
    kind = _TYPES.get(cell) if isinstance(cell, str) else None
    if kind is None:
        raise BadCell("unknown-type", f"is {shown(cell)}, which is none of {', '.join(_TYPES)}")
    return kind


_RETURN = "a return is an event of type refund"
_price = amount(lambda limits: limits.max_price, _RETURN)
_quantity = amount(lambda limits: limits.max_quantity, _RETURN)
_amount = amount(lambda limits: limits.max_amount, _RETURN)


def _id(name: str, rule: str, *, required: bool = False) -> Column:
    return Column(name, identifier, rule, required, identifiers)


EVENT_COLUMNS: tuple[Column, ...] = (
    _id("user_id", "text, the shop's own id of the person", required=True),
    Column("type", event_type, "one of " + ", ".join(_TYPES), required=True),
    Column("timestamp", timestamp, "unix seconds or ISO 8601, UTC where no zone is given", True, timestamps),
    _id("item_id", "text; none for a search"),
    _id("event_id", "text; made from the content where absent"),
    Column("value", _amount, "a rating from 1 to 5, or an amount from 0"),
    Column("quantity", _quantity, "number from 0"),
    Column("price", _price, "number from 0, in the shop's currency"),
    Column("query", free_text, "text of a search"),
    Column("text", free_text, "text of a review or message"),
    _id("session_id", "text"),
    Column("sequence", whole, "whole number, order within one timestamp"),
    _id("recommendation_id", "text, the list that the event answers"),
    Column("position", whole, "whole number from 0, place in that list"),
)
EVENT_NAMES: frozenset[str] = frozenset(column.name for column in EVENT_COLUMNS)
IGNORED: frozenset[str] = frozenset({"split"})
"""Columns that are neither read nor kept."""
REQUIRED: tuple[str, ...] = tuple(column.name for column in EVENT_COLUMNS if column.required)
