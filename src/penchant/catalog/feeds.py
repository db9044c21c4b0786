"""Product feeds: items from files and requests, checked as precisely as events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from penchant.events.cells import BadCell, Limits, amount, free_text, identifier, limits_of, shown, truth
from penchant.events.chunks import Chunk, Unreadable
from penchant.events.deadletters import DeadLetters
from penchant.events.door import Progress, Refused, each_chunk, rows_of_chunk
from penchant.events.letters import safe_record
from penchant.events.rules import Rows, Violation, read_column, read_others, rows_of_records
from penchant.events.schema import Column
from penchant.settings import Settings
from penchant.types import DeadLetter, Item

MAX_DESCRIPTION = 100_000
"""Characters; a shop's own descriptions are longer than what people type."""


def category(cell: Any, limits: Limits) -> str | None:
    """Levels from wide to narrow, split by `` > ``.

    >>> category("Beauty >  Nails", Limits())
    'Beauty > Nails'
    """
    text = free_text(cell, limits)
    if text is None or ">" not in text:
        return text
    levels = [level.strip() for level in f" {text} ".split(" > ")]
    if "" in levels:
        raise BadCell("empty-level", f"has an empty level: {shown(text)}; write levels as 'Beauty > Nails'")
    return " > ".join(levels)


def _description(cell: Any, limits: Limits) -> str | None:
    return free_text(cell, msgspec.structs.replace(limits, max_text=max(limits.max_text, MAX_DESCRIPTION)))


ITEM_COLUMNS: tuple[Column, ...] = (
    Column("item_id", identifier, "text", required=True),
    Column("title", free_text, "text"),
    Column("category", category, "text, levels split by ' > '"),
    Column("brand", free_text, "text"),
    Column("description", _description, "text"),
    Column("price", amount(lambda limits: limits.max_price), "decimal from 0"),
    Column("image", free_text, "path or URL"),
    Column("available", truth, "true or false; true where absent"),
)
ITEM_NAMES: frozenset[str] = frozenset(column.name for column in ITEM_COLUMNS)


@dataclass(frozen=True, slots=True)
class CheckedItems:
    """Good items in order, and for each bad row (by index) the first rule that it breaks."""

    items: list[Item]
    violations: dict[int, Violation]


class FeedReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a feed. ``changed`` counts items that are new or differ from before."""

    source: str
    rows: int = 0
    items: int = 0
    changed: int = 0
    rejected: dict[str, int] = {}
    examples: list[str] = []


def check_items(rows: Rows, limits: Limits) -> CheckedItems:
    """Read every row as an item, or say why not."""
    bad: dict[int, Violation] = {}
    values = {column.name: read_column(column, rows, limits, bad) for column in ITEM_COLUMNS}
    attributes = read_others(rows, limits, bad)
    items: list[Item] = []
    for index, attribute in enumerate(attributes):
        if index not in bad:
            given = {name: cells[index] for name, cells in values.items() if cells[index] is not None}
            items.append(Item(**given, attributes=attribute))
    return CheckedItems(items, bad)


def items_of_records(records: Sequence[Any], settings: Settings) -> CheckedItems:
    """Items of a request (``PUT /items``).

    >>> items_of_records([{"item_id": "1", "price": "2.50", "colour": "red"}], Settings()).items[0].attributes
    {'colour': 'red'}
    """
    return check_items(rows_of_records(records, names=ITEM_NAMES), limits_of(settings, now=0.0))


@dataclass(frozen=True, slots=True)
class RepairedItems:
    """The :class:`~penchant.events.repair.ItemDoor` of a catalogue; ``many`` finds items by their ids."""

    upsert: Callable[[list[Item]], int]
    many: Callable[[list[str]], Mapping[str, Item]]
    settings: Settings

    def known(self, records: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Which records are good and of items that the catalogue has."""
        checked = items_of_records(records, self.settings)
        there = self.many([item.item_id for item in checked.items]) if checked.items else {}
        known = iter([item.item_id in there for item in checked.items])
        return [index not in checked.violations and next(known) for index in range(len(records))]

    def take(self, records: Sequence[Mapping[str, Any]]) -> list[Violation | None]:
        """Keep what is good of records that were refused once; the rule that each still breaks, or None."""
        checked = items_of_records(records, self.settings)
        if checked.items:
            self.upsert(checked.items)
        return [checked.violations.get(index) for index in range(len(records))]


def import_items(
    path: Path,
    upsert: Callable[[list[Item]], int],
    dead_letters: DeadLetters,
    *,
    settings: Settings,
    clock: Callable[[], float],
    on_progress: Progress | None = None,
) -> FeedReport:
    """Take a whole feed, chunk by chunk; ``upsert`` keeps items and says how many differ from before.

    Raises:
        InvalidInput: the file cannot be read (further); items before that are in.
        Interrupted: Ctrl-C; the chunk at hand was finished and is safe.
    """
    limits, refused = limits_of(settings, clock()), Refused()
    items = changed = 0

    def take(chunk: Chunk) -> None:
        nonlocal items, changed
        checked, letters = _read(chunk, path.name, limits, clock())
        changed += upsert(checked.items) if checked.items else 0
        dead_letters.add(letters)
        items += len(checked.items)
        refused.add(letters)

    rows = each_chunk(path, "items", take, on_progress)
    return FeedReport(
        source=path.name,
        rows=rows,
        items=items,
        changed=changed,
        rejected=dict(refused.counts.most_common()),
        examples=refused.examples,
    )


def _read(chunk: Chunk, source: str, limits: Limits, now: float) -> tuple[CheckedItems, list[DeadLetter]]:
    rows = rows_of_chunk(chunk, ITEM_NAMES)
    checked = check_items(rows, limits)
    letters = [
        _letter(source, violation, safe_record(rows.record(index)), now)
        for index, violation in checked.violations.items()
    ]
    return checked, letters + [_letter(source, bad, {}, now) for bad in chunk.unreadable]


def _letter(source: str, bad: Violation | Unreadable, content: dict[str, Any], now: float) -> DeadLetter:
    return DeadLetter(
        source=source,
        row=bad.row,
        column=bad.column if isinstance(bad, Violation) else "",
        code=bad.code,
        message=bad.message,
        content=content,
        timestamp=now,
        table="items",
    )
