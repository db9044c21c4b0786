"""The data-quality report: what the log holds, what is missing, what was refused, and what to do."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.events.log import EventColumns
from penchant.events.marks import StepReport
from penchant.types import EVENT_TYPES, EventType

_DAY = 86_400.0
_QUANTILES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution: how many, and its least, 1%, quartiles, 99% and greatest value."""

    count: int
    least: float
    p01: float
    p25: float
    median: float
    p75: float
    p99: float
    greatest: float


class QualityReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``penchant doctor`` says. JSON-able; times in unix seconds.

    Attributes:
        per_day: (day, events of that day, UTC), in order; days without events are there with 0.
        described: people of whom attributes are known. histories: events of one person.
        missing: column → share of the events that should have it.
        repeats: share of purchases whose person bought the item before.
        doubles: events equal to another in person, type, item, time, price and quantity.
        price_histogram, quantity_histogram: (lower edge, count), bins even on a log scale.
    """

    events: int
    people: int
    described: int
    items: int
    catalogue: int
    first: float | None
    last: float | None
    types: dict[str, int]
    per_day: list[tuple[str, int]]
    histories: Spread | None
    repeats: float
    missing: dict[str, float]
    unknown_item_events: int
    unknown_items: int
    doubles: int
    price: Spread | None
    quantity: Spread | None
    price_histogram: list[tuple[float, int]]
    quantity_histogram: list[tuple[float, int]]
    history_histogram: list[tuple[float, int]]
    dead_letters: dict[str, int]
    cleaning: list[StepReport]
    marked_events: dict[str, int]
    marked_people: dict[str, int]
    warnings: list[str]


def assess(
    columns: EventColumns,
    catalogue: Collection[str],
    *,
    dead_letters: Mapping[str, int],
    described: int = 0,
    cleaning: Sequence[StepReport] = (),
    marked_events: Mapping[str, int] | None = None,
    marked_people: Mapping[str, int] | None = None,
) -> QualityReport:
    """Look at a whole log.

    ``catalogue`` holds the ids of all items of the feed; ``dead_letters`` counts by code; ``described`` the
    people with attributes, ``marked_events`` and ``marked_people`` by reason; ``cleaning`` holds the reports
    of the steps, if they ran.
    """
    lengths = np.bincount(columns.person, minlength=len(columns.people)).astype(np.float64)
    lengths = lengths[lengths > 0]
    for_sale = frozenset(catalogue)
    known = np.array([item in for_sale for item in columns.items], dtype=np.bool_)
    present = np.unique(columns.item[columns.item >= 0])
    of_known = np.append(known, True)[columns.item]
    price, quantity = _positive(columns.price), _positive(columns.quantity)
    counts = np.bincount(columns.type, minlength=len(EVENT_TYPES))
    report = QualityReport(
        events=len(columns.time),
        people=len(lengths),
        described=described,
        items=len(present),
        catalogue=len(catalogue),
        first=float(columns.time.min()) if len(columns.time) else None,
        last=float(columns.time.max()) if len(columns.time) else None,
        types={kind.value: int(counts[kind.code]) for kind in EVENT_TYPES if counts[kind.code]},
        per_day=_per_day(columns.time),
        histories=_spread(lengths),
        repeats=_repeats(columns),
        missing=_missing(columns),
        unknown_item_events=int((~of_known).sum()),
        unknown_items=int((~known[present]).sum()),
        doubles=_doubles(columns),
        price=_spread(price),
        quantity=_spread(quantity),
        price_histogram=_histogram(price),
        quantity_histogram=_histogram(quantity),
        history_histogram=_histogram(lengths),
        dead_letters=dict(sorted(dead_letters.items(), key=lambda pair: -pair[1])),
        cleaning=list(cleaning),
        marked_events=dict(marked_events or {}),
        marked_people=dict(marked_people or {}),
        warnings=[],
    )
    return msgspec.structs.replace(report, warnings=warnings_of(report))


def warnings_of(report: QualityReport) -> list[str]:
    """What a person should know or do, worst first."""
    if not report.events:
        return ["There are no events yet: import some with `penchant import FILE`."]
    events = report.events
    notes = [
        (
            not report.catalogue,
            "The catalogue is empty: nothing can be recommended; import the product feed.",
        ),
        (
            report.catalogue > 0 and report.unknown_item_events > 0.01 * events,
            f"{_share(report.unknown_item_events, events)} of events are on items that are not in the "
            f"catalogue ({report.unknown_items:,} item{'s'[: report.unknown_items != 1]}): "
            "import the product feed.",
        ),
        (bool(report.dead_letters), _refused(report.dead_letters)),
        (
            report.doubles > 0.01 * events,
            f"{_share(report.doubles, events)} of events are equal to another: is something logged twice?",
        ),
        (
            len(report.types) == 1,
            f"All events are of type {next(iter(report.types))}: views and carts would show taste sooner.",
        ),
        (
            report.missing.get("price", 0) > 0.5,
            f"{report.missing.get('price', 0):.0%} of purchases have no price: its level cannot be learned.",
        ),
        (
            report.missing.get("session_id", 0) > 0.5,
            f"{report.missing.get('session_id', 0):.0%} of events have no session_id: no baskets are seen.",
        ),
        (
            report.histories is not None and report.histories.median < 3,
            "Half of all people have fewer than 3 events: their lists will lean on popularity and text.",
        ),
        (
            any(n for n in report.marked_people.values()),
            "People who do not train: "
            + ", ".join(f"{n:,} {reason}" for reason, n in report.marked_people.items())
            + ".",
        ),
        (_gap(report.per_day) >= 7, f"There is a gap of {_gap(report.per_day)} days without any event."),
    ]
    return [text for holds, text in notes if holds]


def _refused(dead_letters: Mapping[str, int]) -> str:
    count, most = sum(dead_letters.values()), next(iter(dead_letters), "")
    what = f"1 record was refused ({most})" if count == 1 else f"{count:,} records were refused"
    often = f", most often {most}" if count > 1 else ""
    it = "it" if count == 1 else "them"
    return (
        f"{what}{often}: see {it} with `penchant export-dead-letters`, "
        f"bring {it} back with `penchant import --repaired`."
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if part >= 0.01 * whole else f"{part / whole:.1%}"


def _gap(per_day: Sequence[tuple[str, int]]) -> int:
    """Longest run of days without events."""
    longest = run = 0
    for _, count in per_day:
        run = 0 if count else run + 1
        longest = max(longest, run)
    return longest


def _positive(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return values[np.isfinite(values)].astype(np.float64)


def _spread(values: NDArray[np.float64]) -> Spread | None:
    if not len(values):
        return None
    least, p01, p25, median, p75, p99, greatest = (
        round(float(q), 6) for q in np.quantile(values, _QUANTILES, method="nearest")
    )
    return Spread(
        count=len(values), least=least, p01=p01, p25=p25, median=median, p75=p75, p99=p99, greatest=greatest
    )


def _histogram(values: NDArray[np.float64], bins: int = 30) -> list[tuple[float, int]]:
    values = values[values > 0]
    if not len(values):
        return []
    low, high = float(values.min()), float(values.max())
    edges = np.geomspace(low, high if high > low else low * 2, bins + 1)
    counts, edges = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return [(float(edge), int(count)) for edge, count in zip(edges, counts, strict=False)]


def _per_day(times: NDArray[np.float64]) -> list[tuple[str, int]]:
    if not len(times):
        return []
    days = np.floor(times / _DAY).astype(np.int64)
    first = int(days.min())
    return [
        (datetime.fromtimestamp((first + n) * _DAY, UTC).date().isoformat(), int(count))
        for n, count in enumerate(np.bincount(days - first))
    ]


def _repeats(columns: EventColumns) -> float:
    buys = (columns.type == EventType.PURCHASE.code) & (columns.item >= 0)
    pairs = columns.person[buys].astype(np.int64) * max(len(columns.items), 1) + columns.item[buys]
    return 1 - len(np.unique(pairs)) / len(pairs) if len(pairs) else 0.0


def _missing(columns: EventColumns) -> dict[str, float]:
    """Share of events without a value, among those that should have one."""
    buys = columns.type == EventType.PURCHASE.code
    shares = {"session_id": _mean(columns.session < 0)}
    if buys.any():
        shares |= {
            "price": _mean(np.isnan(columns.price[buys])),
            "quantity": _mean(np.isnan(columns.quantity[buys])),
        }
    return shares


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _doubles(columns: EventColumns) -> int:
    """Events that equal an earlier one in everything that matters."""
    if not len(columns.time):
        return 0
    keys = (
        columns.quantity,
        columns.price,
        columns.query,
        columns.item,
        columns.type,
        columns.time,
        columns.person,
    )
    order = np.lexsort(keys)
    same = np.ones(len(order) - 1, dtype=np.bool_)
    for values in keys:
        ordered = np.nan_to_num(values[order], nan=-1.0)
        same &= ordered[1:] == ordered[:-1]
    return int(same.sum())
