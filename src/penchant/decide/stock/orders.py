"""Orders for people: how much of what, and why."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.outlook import Outlook
from penchant.decide.stock.policy import LONGEST, Plan, Supply, plan_orders
from penchant.decide.stock.quantiles import LEVELS
from penchant.decide.stock.table import item_names
from penchant.decide.tables import Table
from penchant.errors import InvalidInput

Floats = NDArray[np.float64]
_POINTS = 25


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal for one item. ``cost`` is None where it is not known.

    ``expected`` is the demand until what is ordered next is there, ``low`` to ``high`` its 95% interval;
    ``curve`` has the chance that nothing is missing until then, by the pieces that are ordered.
    """

    item: str
    packs: int
    quantity: float
    cost: float | None
    on_hand: float
    on_order: float
    expected: float
    reorder_point: float
    order_up_to: float
    service: float
    reason: str
    low: float = 0.0
    high: float = 0.0
    curve: list[tuple[float, float]] = []


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Proposals, the largest cost first; nothing is sent to anybody.

    Attributes:
        cost: of all whose cost is known. left_out: items of the supply that the forecast does not know.
    """

    orders: list[Order]
    items: int
    cost: float
    budget: float | None
    left_out: list[str]
    notes: list[str]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds where the table does not say otherwise. See ``Supply`` of ``policy.py``."""

    service: float = 0.95
    lead: int = 1
    review: int = 1
    fixed: float = 0.0
    holding: float = 0.005
    budget: float | None = None
    seed: int = 0


def read_outlook(path: Path) -> Outlook:
    """The JSON that a forecast wrote.

    Raises:
        InvalidInput: it is something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Outlook)
    except (msgspec.MsgspecError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidInput(
            f"{path} is not a forecast: {error}. Make one with `penchant stock fit TABLE --json-file {path}`"
        ) from error


def propose(table: Table, outlook: Outlook, terms: Terms) -> Orders:
    """Orders for the items of a table of supply.

    Columns: ``item`` (or ``item_id``) and ``on_hand``; where there are any ``on_order``, ``lead_time``,
    ``pack_size``, ``shelf_life`` (periods), ``cost``, ``price`` and ``service``.

    Raises:
        InvalidInput: a column is missing or wrong, or a budget without costs.
    """
    name = "item" if "item" in table.columns else "item_id"
    labels = _labels(table, name)
    quantiles = _quantiles(outlook)
    rows = np.array([row for row, label in enumerate(labels) if label in quantiles], np.int64)
    left_out = sorted({label for label in labels if label not in quantiles})
    if not len(rows):
        raise InvalidInput(f"{table.name}: none of its items is in the forecast, such as {labels[0]!r}")
    supply = _supply(table, labels, rows, terms)
    found = plan_orders(
        supply, np.stack([quantiles[labels[row]] for row in rows]), budget=terms.budget, seed=terms.seed
    )
    orders = [
        _order(labels[row], at, supply, found) for at, row in enumerate(rows.tolist()) if found.wanted[at] > 0
    ]
    orders.sort(key=lambda one: (-(one.cost or 0.0), -one.quantity, one.item))
    return Orders(
        orders=orders,
        items=len(rows),
        cost=round(sum(order.cost or 0.0 for order in orders), 2),
        budget=terms.budget,
        left_out=left_out,
        notes=_notes(supply, outlook, terms, left_out),
    )


def _labels(table: Table, name: str) -> list[str]:
    """Item of each row, each once.

    Raises:
        InvalidInput: one stands there twice: nobody knows whether its rows add up or one is old.
    """
    labels = [label or "" for label in item_names(table.column(name, "the items"), table.name)]
    twice = [label for label, count in Counter(labels).items() if count > 1 and label]
    if twice:
        raise InvalidInput(
            f"{table.name}: item {twice[0]!r} stands in {labels.count(twice[0])} rows "
            f"(items that do: {len(twice):,}); give one row for each item"
        )
    return labels


def _quantiles(outlook: Outlook) -> Mapping[str, Floats]:
    """(H, L) of each item."""
    found: dict[str, list[list[float]]] = {}
    levels = [f"{level:g}" for level in LEVELS.tolist()]
    for row in sorted(outlook.forecast, key=lambda one: one.horizon):
        found.setdefault(row.item, []).append([row.quantiles[level] for level in levels])
    return {item: np.array(values) for item, values in found.items()}


def _supply(table: Table, labels: list[str], rows: NDArray[np.int64], terms: Terms) -> Supply:
    def column(name: str, default: float) -> Floats:
        if name not in table.columns:
            return np.full(len(rows), default)
        values = table.number(name, name.replace("_", " "))[rows]
        return np.where(np.isnan(values), default, values)

    unknown = np.flatnonzero(np.isnan(table.number("on_hand", "what is on hand")[rows]))
    if len(unknown):
        raise InvalidInput(
            f"{table.name}: on_hand of item {labels[rows[unknown[0]]]!r} is blank "
            f"(rows that are: {len(unknown):,}); give 0 where nothing is there, and "
            "leave out what was not counted"
        )
    return Supply(
        on_hand=column("on_hand", 0.0),
        on_order=column("on_order", 0.0),
        lead=np.ceil(column("lead_time", terms.lead)).astype(np.int64),
        pack=column("pack_size", 1.0),
        shelf_life=column("shelf_life", np.inf),
        cost=column("cost", np.nan),
        price=column("price", np.nan),
        service=column("service", terms.service),
        fixed=terms.fixed,
        holding=terms.holding,
        review=terms.review,
    )


def _order(item: str, row: int, supply: Supply, found: Plan) -> Order:
    packs = int(found.packs[row])
    quantity, cost = packs * float(supply.pack[row]), float(supply.cost[row])
    return Order(
        item=item,
        packs=packs,
        quantity=quantity,
        cost=None if np.isnan(cost) else round(quantity * cost, 2),
        on_hand=float(supply.on_hand[row]),
        on_order=float(supply.on_order[row]),
        expected=round(float(found.expected[row]), 2),
        reorder_point=float(found.point[row]),
        order_up_to=float(found.target[row]),
        service=round(float(found.service[row]), 4),
        reason=_reason(row, supply, found),
        low=round(float(np.quantile(found.drawn[row], 0.025)), 2),
        high=round(float(np.quantile(found.drawn[row], 0.975)), 2),
        curve=_curve(row, supply, found),
    )


def _curve(row: int, supply: Supply, found: Plan) -> list[tuple[float, float]]:
    """From nothing to twice what is wanted, in whole packs."""
    packs = np.unique(np.linspace(0, 2 * max(int(found.wanted[row]), 1), _POINTS).astype(np.int64))
    pieces = packs * supply.pack[row]
    enough = (found.drawn[row][None, :] <= supply.position[row] + pieces[:, None] + 1e-9).mean(axis=1)
    return [(float(piece), round(float(chance), 4)) for piece, chance in zip(pieces, enough, strict=True)]


def _reason(row: int, supply: Supply, found: Plan) -> str:
    periods = int(supply.lead[row]) + supply.review
    parts = [
        f"{supply.on_hand[row]:g} on hand, {supply.on_order[row]:g} on the way; in the {periods} periods "
        f"until what is ordered next is there {found.expected[row]:,.1f} are expected"
    ]
    if found.capped[row]:
        parts.append(
            f"more than {found.target[row]:g} would probably spoil in {supply.shelf_life[row]:g} periods"
        )
    else:
        parts.append(f"with {found.point[row]:g} the shelf stays full in {found.service[row]:.0%} of cases")
    if found.target[row] > found.point[row]:
        parts.append(f"up to {found.target[row]:g}, because each order costs something")
    if supply.pack[row] != 1:
        parts.append(f"packs of {supply.pack[row]:g}")
    if found.packs[row] < found.wanted[row]:
        parts.append(f"{int(found.wanted[row])} packs wanted; the budget serves others first")
    return "; ".join(parts)


def _notes(supply: Supply, outlook: Outlook, terms: Terms, left_out: list[str]) -> list[str]:
    found = ["These are proposals; a person decides, and nothing is sent."]
    longest = int(supply.lead.max()) + supply.review
    if (supply.keeps & np.isfinite(supply.shelf_life)).any():
        found.append(f"Shelf lives of {LONGEST:,} periods and more are taken for goods that keep.")
    if longest > outlook.horizon:
        found.append(
            f"Lead times reach {longest} periods ahead, the forecast {outlook.horizon}: it is taken to "
            f"go on as in its last period. Say --horizon {longest} for a better one."
        )
    if np.isnan(supply.cost).any() and terms.fixed > 0:
        found.append("Where no cost is known, the cost of an order does not make it larger.")
    if left_out:
        found.append(
            f"{len(left_out):,} items are not in the forecast and get no proposal, such as {left_out[0]!r}."
        )
    return [*found, *(note for note in outlook.notes if "empty shelves" in note or "too few" in note)]
