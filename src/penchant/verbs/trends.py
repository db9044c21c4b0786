"""Trends: what rises and fades, and what people look for that the shop does not sell."""

import argparse
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table

from penchant.app.output import iso, say
from penchant.app.shop import Shop
from penchant.app.trends import trends_of
from penchant.decide.trends.result import Change, Sought, Thing, Trends

SHOWN = 10
"""Rows of each table for people; the JSON has more."""


def trends(arguments: argparse.Namespace) -> None:
    """Of this shop, by its log."""
    with Shop(arguments.shop, writer=False) as shop:
        found = trends_of(shop)
    say(arguments, found, lambda: words(found))


def words(found: Trends) -> Group:
    """All of it in a few tables."""
    parts = [
        _things("items that rise", found.rising),
        _things("items that fade", found.fading),
        _things("categories that rise", found.rising_categories),
        _things("categories that fade", found.fading_categories),
        _searches("searches that find nothing on sale", found.missing),
        _searches("searches whose finds hardly anybody takes", found.ignored),
        _wishes(found),
    ]
    title = f"The four weeks until {iso(found.until)[:10]} beside the four before, by people."
    return Group(
        title, *(line for part in parts if part is not None for line in ("", part)), "", *found.notes
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="")
    for name in columns:
        table.add_column(name, justify="left" if name in {"", "nearest on sale"} else "right")
    return table


def _things(title: str, things: Sequence[Thing]) -> Table | str:
    if not things:
        return f"{title}: none beyond chance"
    table = _table(title, "", "people", "before", "times as many", "95% interval")
    for one in things[:SHOWN]:
        table.add_row(one.name if one.available else f"{one.name} (not on sale)", *_cells(one.change))
    return table


def _searches(title: str, found: Sequence[Sought]) -> Table | str:
    if not found:
        return f"{title}: none"
    table = _table(title, "", "people", "before", "times as many", "95% interval", "hits")
    for one in found[:SHOWN]:
        table.add_row(one.words, *_cells(one.change), f"{one.hits:,}")
    return table


def _wishes(found: Trends) -> Table | None:
    if not found.wishes:
        return None
    table = _table("looked for, and like nothing on sale", "", "people", "nearest on sale", "likeness")
    for one in found.wishes:
        table.add_row(" ".join(one.words), f"{one.people:,}", one.near[0].title, f"{one.likeness:.2f}")
    return table


def _cells(change: Change) -> list[str]:
    times = f"{change.ratio:.2f}{'' if change.sure else ' ?'}"
    return [_people(change.people), _people(change.before), times, f"{change.low:.2f} to {change.high:.2f}"]


def _people(count: int | None) -> str:
    return "<5" if count is None else f"{count:,}"
