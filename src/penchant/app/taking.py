"""Files and dead letters into a shop, and the log cleaned once they are in."""

from collections.abc import Sequence
from pathlib import Path

from penchant.app.output import Told
from penchant.app.shop import Shop
from penchant.catalog.feeds import FeedReport, RepairedItems, import_items
from penchant.errors import InvalidInput
from penchant.events.cleaning.run import clean_log
from penchant.events.door import Progress as Bytes
from penchant.events.intake import ImportReport
from penchant.events.repair import Doors, RepairReport, import_repaired, replay_letters
from penchant.events.sources import open_source, table_of
from penchant.events.tables import SHAPES, TableReport
from penchant.events.users import UsersReport

Taken = ImportReport | FeedReport | UsersReport | TableReport
Report = Taken | RepairReport


def take_in(
    shop: Shop,
    paths: Sequence[Path],
    tell: Told,
    repaired: Path | None = None,
    table: str | None = None,
) -> list[Report]:
    """Import files and then dead letters, and clean the log once all are in.

    ``repaired`` is a file of edited dead letters, or an empty path for all of them as they are; ``table``
    what all the files are of, None to tell it by their columns.
    """
    reports, before = list[Report](), shop.log.end()
    try:
        for path in paths:
            reports.append(take_file(shop, path, _rows_told(path, tell), table))
        if repaired is not None:
            reports.append(take_repaired(shop, repaired))
    except InvalidInput:
        if shop.log.end() > before:
            clean(shop, tell)  # Rows before the broken one are in.
        raise
    if table not in SHAPES or repaired is not None:  # The others hold no event.
        clean(shop, tell)
    return reports


def take_repaired(shop: Shop, path: Path) -> RepairReport:
    """Take the dead letters that are edited in ``path`` back in; all, as they are, for an empty path."""
    items = RepairedItems(shop.items.upsert, shop.items.many, shop.settings)
    doors = Doors(shop.intake(), items, shop.users(), shop.tables())
    if path == Path():
        report = replay_letters(doors, shop.dead_letters)
    else:
        report = import_repaired(doors, shop.dead_letters, path)
    shop.assign_ids()
    return report


def clean(shop: Shop, tell: Told) -> None:
    """Mark anew, over the whole log, what is wrong with it."""
    tell("cleaning: the whole log", 0.0)
    clean_log(
        shop.log, shop.marks, shop.settings.cleaning, lambda what, share: tell(f"cleaning: {what}", share)
    )
    tell("cleaning: done", 1.0)


def take_file(shop: Shop, path: Path, tell: Bytes | None = None, table: str | None = None) -> Taken:
    """Import a file of ``table``; None tells events and items by its columns. Again, it changes nothing."""
    if not path.is_file():
        raise InvalidInput(f"no file {path}")
    table = table_of(open_source(path).columns, path.name, table)
    if table == "users":
        return shop.users().import_file(path, tell)
    if table in SHAPES:
        return shop.tables()[table].import_file(path, tell)
    if table == "items":
        return import_items(
            path, shop.items.upsert, shop.dead_letters,
            settings=shop.settings, clock=shop.clock, on_progress=tell,
        )  # fmt: skip
    report = shop.intake().import_file(path, tell)
    shop.assign_ids()
    return report


def _rows_told(path: Path, tell: Told) -> Bytes:
    return lambda done, total, rows: tell(f"importing {path.name}: {rows:,} rows", done / max(total, 1))


def refusals(reports: Sequence[Report]) -> str:
    """How many records were refused, and an example; empty where none was.

    >>> refusals([ImportReport(source="a.csv", rows=9, rejected={"negative": 1}, examples=["row 2: …"])])
    '1 of 9 records was refused and waits in the dead letters: a.csv: row 2: …'
    """
    counts = [report.remaining if isinstance(report, RepairReport) else report.rejected for report in reports]
    refused = sum(sum(count.values()) for count in counts)
    if not refused:
        return ""
    rows = sum(report.tried if isinstance(report, RepairReport) else report.rows for report in reports)
    first = next(report for report, count in zip(reports, counts, strict=True) if count)
    example = (
        "still " + ", ".join(first.remaining)
        if isinstance(first, RepairReport)
        else f"{first.source}: {first.examples[0]}"
    )
    verb = "was refused and waits" if refused == 1 else "were refused and wait"
    return f"{refused:,} of {rows:,} records {verb} in the dead letters: {example}"
