"""What a shop holds and what was refused: numbers for ``penchant doctor`` and the console."""

from html import escape
from typing import Any

from penchant.app.shop import Shop
from penchant.types import EVENT_TYPES


def quality(shop: Shop) -> dict[str, Any]:
    """Counts of what is held, what was refused and why, and warnings in words."""
    types = shop.database.read("SELECT type, count(*) FROM events GROUP BY type ORDER BY 2 DESC")
    known = "SELECT count(*) FROM events WHERE item IS NOT NULL"
    unknown = int(str(shop.database.read(f"{known} AND item NOT IN (SELECT item_id FROM items)")[0][0]))
    named = int(str(shop.database.read(known)[0][0]))
    times = shop.database.read("SELECT min(timestamp), max(timestamp) FROM events")[0]
    found: dict[str, Any] = {
        "events": shop.log.count(),
        "people": shop.log.people_count(),
        "items": shop.items.count(),
        "first": times[0],
        "last": times[1],
        "types": {EVENT_TYPES[int(str(code))].value: int(str(n)) for code, n in types},
        "unknown_item_events": unknown,
        "dead_letters": shop.dead_letters.counts(),
        "opted_out": len(shop.consent.opted_out()),
    }
    return found | {"warnings": _warnings(found, named)}


def _warnings(found: dict[str, Any], named: int) -> list[str]:
    warnings: list[str] = []
    if not found["events"]:
        warnings.append("there are no events yet: import some with `penchant import`")
    if not found["items"]:
        warnings.append("the catalogue is empty: nothing can be recommended before the items are imported")
    elif found["unknown_item_events"] > 0.01 * named:
        share = found["unknown_item_events"] / named
        warnings.append(f"{share:.0%} of events are on items that are not in the catalogue")
    refused = sum(found["dead_letters"].values())
    if refused:
        warnings.append(f"{refused:,} records were refused and wait in the dead letters, with their reasons")
    return warnings


def quality_page(shop: Shop) -> str:
    """The same as a page."""
    found = quality(shop)
    notes = "".join(f"<li>{escape(note)}</li>" for note in found["warnings"])
    counts = {**{k: found[k] for k in ("events", "people", "items", "opted_out")}, **found["types"]}
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Data quality</title>"
        "<style>body{font:16px system-ui;margin:2rem;max-width:50rem}td{padding:.2rem 1rem .2rem 0}"
        "td:last-child{text-align:right}</style><h1>Data quality</h1>"
        f"<ul>{notes}</ul><h2>Held</h2>{_table(counts)}<h2>Refused, by reason</h2>"
        f"{_table(found['dead_letters']) if found['dead_letters'] else '<p>Nothing was refused.</p>'}</html>"
    )


def _table(rows: dict[str, int]) -> str:
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{count:,}</td></tr>" for name, count in rows.items())
    return f"<table>{cells}</table>"
