"""Which price to suggest for an item, within limits, and what it should bring. A person decides.

Nothing here knows of a person: a price is for an item, the same for everybody.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.decide.prices.fit import FittedPrices, Item
from penchant.decide.prices.ladders import climb
from penchant.decide.prices.neighbours import Beside, Other, effects, normal_draws, others_gain
from penchant.decide.tables import Table
from penchant.errors import InvalidInput

Floats = NDArray[np.float64]

_CANDIDATES: Final = 400
_GRID: Final = 10_000
"""Prices that are looked at before limits thin them out: a fine step on a high price has too many."""
_NAMED: Final = 5
_DRAWS: Final = 401
_BEYOND: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What every suggestion obeys.

    Attributes:
        goal: "profit", which needs costs, or "revenue".
        margin: least share of the price that is left after the cost.
        most_change: of the price now, up and down.
        step: prices are multiples of it.
        ending: what a price ends in, such as .99; none where it is None.
        above: share by which a price may lie above that of a competitor, where one is known.
        rung: share by which the next rung of a ladder costs more, at least.
    """

    goal: str = "profit"
    margin: float = 0.0
    most_change: float = 0.2
    step: float = 0.01
    ending: float | None = None
    above: float = 0.0
    rung: float = 0.0


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """Of one item.

    Attributes:
        item, price: its name and its price now. suggested: the price to take; that of now where nothing is
            better.
        why: in words, where nothing is suggested or something is odd.
        gain: expected change of the goal a period, with its 95% interval.
        others: of ``gain``, what the other items of the group bring, to which buyers go or from which they
            come; 0 where that is not told from nothing.
        quantity, suggested_quantity: expected a period.
        curve: price, expected goal, and its 95% interval, for a plot.
    """

    item: str
    price: float
    suggested: float
    why: str
    gain: float
    gain_low: float
    gain_high: float
    quantity: float
    suggested_quantity: float
    others: float = 0.0
    curve: list[tuple[float, float, float, float]] = []


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one item.

    Attributes:
        cost: of a piece. competitor: price elsewhere. NaN where not known.
        lowest, highest: price that may be.
        ladder: name of a row of alike items, such as sizes or good, better, best; "" for none.
        rung: place in it: whatever stands higher costs more.
    """

    cost: float = math.nan
    lowest: float = 0.0
    highest: float = math.inf
    competitor: float = math.nan
    ladder: str = ""
    rung: float = math.nan


def suggestions(found: FittedPrices, limits: Limits, bounds: dict[str, Bounds]) -> list[Suggestion]:
    """One for each item, in their order; where nothing can be concluded, the price of now.

    Raises:
        InvalidInput: a limit makes no sense, or profit or a margin is asked for and an item has no cost.
    """
    check_limits(limits)
    if limits.goal == "profit" or limits.margin > 0:
        missing = [one.item for one in found.items if math.isnan(bounds.get(one.item, Bounds()).cost)]
        if missing:
            more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
            raise InvalidInput(
                f"no cost of {', '.join(map(repr, missing[:_NAMED]))}{more}: give a table with item and "
                "cost, or --goal revenue without a margin"
            )
    beside = _effects(found.items, limits.goal, bounds)
    ladders, said = _ladders(found.items, bounds), dict[str, Suggestion]()
    for rungs in ladders:
        choices = [_choice(one, limits, bounds.get(one.item, Bounds()), beside) for one in rungs]
        said |= {one.item.item: _said(one, at) for one, at in _together(choices, limits.rung)}
    for one in found.items:
        if one.item not in said:
            choice = _choice(one, limits, bounds.get(one.item, Bounds()), beside)
            said[one.item] = _said(choice, _best(choice))
    return [said[one.item] for one in found.items]


def _effects(items: list[Item], goal: str, bounds: dict[str, Bounds]) -> dict[str, Beside]:
    """What each item's price does to the others of its group."""
    others: list[Other] = []
    for one in items:
        cost = bounds.get(one.item, Bounds()).cost if goal == "profit" else 0.0
        cross = math.nan if one.cross is None else one.cross
        deviation = math.nan if one.cross_deviation is None else one.cross_deviation
        earned = (one.price - cost) * one.quantity
        others.append(Other(one.item, one.group, earned, one.quantity, cross, deviation))
    return effects(others)


def _ladders(items: list[Item], bounds: dict[str, Bounds]) -> list[list[Item]]:
    """Items of each ladder, the lowest rung first."""
    found: dict[str, list[tuple[float, Item]]] = {}
    for item in items:
        own = bounds.get(item.item, Bounds())
        if own.ladder:
            found.setdefault(own.ladder, []).append((own.rung, item))
    return [[item for _, item in sorted(rungs, key=lambda rung: rung[0])] for rungs in found.values()]


def check_limits(limits: Limits) -> None:
    """Refuse what makes no sense.

    Raises:
        InvalidInput: with the limit.
    """
    if limits.goal not in ("profit", "revenue"):
        raise InvalidInput(f"the goal is profit or revenue, not {limits.goal!r}")
    if not (0 <= limits.margin < 1 and limits.step > 0 and 0 < limits.most_change < 1):
        raise InvalidInput("margin and the largest change are shares below 1, the step is above 0")
    if not (limits.above > -1 and limits.rung >= 0):
        raise InvalidInput("a price above a competitor's is a share above -1, between rungs one of 0 or more")
    if limits.ending is not None and not 0 <= limits.ending < 1:
        raise InvalidInput(f"an ending is a part of one, such as .99, not {limits.ending:g}")


def bounds_of(table: Table) -> dict[str, Bounds]:
    """Costs and bounds from a table with ``item`` and, where known, the attributes of :class:`Bounds`.

    An empty cost or competitor's price is not known; an empty bound is none; no ladder, no order.

    Raises:
        InvalidInput: a column holds no numbers, a cost is below 0, a rung is missing or there twice, or an
            item is there twice.
    """
    items = table.names("item", "the items")

    def numbers(name: str, absent: float) -> Floats:
        if name not in table.columns or table.columns[name].kind == "empty":
            return np.full(table.rows, absent)
        values = table.number(name, f"the items' {name}")
        return np.where(np.isnan(values), absent, values)

    absent = {"cost": math.nan, "lowest": 0.0, "highest": math.inf, "competitor": math.nan, "rung": math.nan}
    columns = {name: numbers(name, value) for name, value in absent.items()}
    ladders = table.columns["ladder"].names() if "ladder" in table.columns else [None] * table.rows
    found: dict[str, Bounds] = {}
    for at, name in enumerate(items):
        if name is None:
            continue
        if name in found:
            raise InvalidInput(f"{table.name}: item {name!r} is there twice; give each item one row")
        own = {column: float(values[at]) for column, values in columns.items()}
        if own["cost"] < 0:
            raise InvalidInput(f"{table.name}: item {name!r} has a cost of {own['cost']:g}, below 0")
        found[name] = Bounds(**own, ladder=ladders[at] or "")
    _check_rungs(found, table.name)
    return found


def _check_rungs(found: dict[str, Bounds], table: str) -> None:
    seen: dict[tuple[str, float], str] = {}
    for name, one in found.items():
        if not one.ladder:
            continue
        if math.isnan(one.rung):
            raise InvalidInput(f"{table}: item {name!r} is on ladder {one.ladder!r} and has no rung")
        if other := seen.get((one.ladder, one.rung)):
            raise InvalidInput(f"{table}: {other!r} and {name!r} have the same rung of ladder {one.ladder!r}")
        seen[one.ladder, one.rung] = name


def candidates(item: Item, limits: Limits, bounds: Bounds) -> Floats:
    """Prices that break no limit, and are not far beyond those that were seen."""
    least, most = _range(item, limits, bounds)
    if most < least:
        return np.zeros(0)
    if limits.ending is not None and limits.step < 1:
        found = _whole(math.floor(least) - 1, math.ceil(most)) + limits.ending
    else:
        found = (
            _whole(math.ceil(least / limits.step - 1e-9), math.floor(most / limits.step + 1e-9)) * limits.step
        )
    found = np.round(found, 6)
    found = found[_allowed(found, item, limits, bounds)]
    if len(found) > _CANDIDATES:
        found = found[np.unique(np.linspace(0, len(found) - 1, _CANDIDATES).astype(np.int64))]
    return found


def _range(item: Item, limits: Limits, bounds: Bounds) -> tuple[float, float]:
    """Lowest and highest price; a cost that is not known bounds nothing."""
    cost = 0.0 if math.isnan(bounds.cost) else bounds.cost
    least = max(
        bounds.lowest, item.price * (1 - limits.most_change), item.lowest * (1 - _BEYOND),
        cost / (1 - limits.margin),
    )  # fmt: skip
    elsewhere = math.inf if math.isnan(bounds.competitor) else bounds.competitor * (1 + limits.above)
    return least, min(
        bounds.highest, elsewhere, item.price * (1 + limits.most_change), item.highest * (1 + _BEYOND)
    )


def _whole(first: int, last: int) -> Floats:
    """Whole numbers from first to last, both among them; some, evenly apart, where there are very many."""
    if last - first < _GRID:
        return np.arange(first, last + 1, dtype=np.float64)
    return np.round(np.linspace(first, last, _GRID))


def _allowed(prices: Floats, item: Item, limits: Limits, bounds: Bounds) -> NDArray[np.bool_]:
    """Which prices break no limit."""
    least, most = _range(item, limits, bounds)
    steps = prices / limits.step
    # A large number of steps is known no better than a float is.
    whole = np.abs(steps - np.round(steps)) < np.maximum(1e-6, 1e-15 * steps)
    if limits.ending is not None:
        apart = np.abs(prices - np.floor(prices) - limits.ending)
        whole &= np.minimum(apart, 1 - apart) < 1e-6
    return whole & (prices > 0) & (prices >= least - 1e-9) & (prices <= most + 1e-9)


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """What may be suggested for an item.

    Attributes:
        prices: (c,) that break no limit; none where ``fixed`` says why the price of now stays.
        gain: (draws, c) change of the goal, ``others`` (c,) of it by other items; ``goal`` (draws, c).
        now: whether the price of now breaks no limit.
    """

    item: Item
    prices: Floats
    gain: Floats
    others: Floats
    goal: Floats
    now: bool = True
    fixed: str = ""


def _choice(item: Item, limits: Limits, bounds: Bounds, beside: dict[str, Beside]) -> _Choice:
    none = np.zeros(0)
    if item.conclusion == "none":
        return _Choice(item, none, none, none, none, fixed=f"no conclusion: {item.why}")
    if item.quantity <= 0:
        return _Choice(item, none, none, none, none, fixed="nothing was sold lately")
    prices = candidates(item, limits, bounds)
    if not len(prices):
        return _Choice(item, none, none, none, none, fixed="no price meets all limits")
    goal, here = _outcomes(item, limits, bounds, prices), np.array([item.price])
    change = np.log(prices / item.price)
    others = others_gain(beside[item.item], change, _DRAWS)
    gain = goal - _outcomes(item, limits, bounds, here) + others
    allowed = bool(_allowed(here, item, limits, bounds)[0])
    return _Choice(item, prices, gain, others.mean(axis=0), goal, allowed)


def _best(choice: _Choice) -> int | None:
    """The price that should bring most; None for that of now."""
    if choice.fixed:
        return None
    mean = choice.gain.mean(axis=0)
    best = int(mean.argmax())
    return None if mean[best] <= 0 and choice.now else best


def _together(choices: list[_Choice], gap: float) -> list[tuple[_Choice, int | None]]:
    """The prices of a ladder that should bring most together."""
    prices, values = list[Floats](), list[Floats]()
    for one in choices:
        stay = bool(one.fixed) or one.now
        gain = np.zeros(0) if one.fixed else one.gain.mean(axis=0)
        prices.append(np.append(one.prices, one.item.price) if stay else one.prices)
        values.append(np.append(gain, 0.0) if stay else gain)
    chosen = climb(prices, values, gap)
    if chosen is None:
        why = "no prices within the limits keep the order of its ladder"
        return [(replace(one, fixed=one.fixed or why), None) for one in choices]
    return [(one, at if at < len(one.prices) else None) for one, at in zip(choices, chosen, strict=True)]


def _said(choice: _Choice, at: int | None) -> Suggestion:
    """The suggestion: one of the prices, or that of now."""
    item = choice.item
    if at is None:
        return Suggestion(
            item=item.item, price=item.price, suggested=item.price, gain=0.0, gain_low=0.0, gain_high=0.0,
            quantity=item.quantity, suggested_quantity=item.quantity,
            why=choice.fixed or "the price of now is the best within the limits",
        )  # fmt: skip
    gain = choice.gain[:, at]
    low, high = np.quantile(gain, [0.025, 0.975])
    change = math.log(choice.prices[at] / item.price)
    forced = "its ladder asks for it" if choice.now else "the price of now breaks a limit"
    return Suggestion(
        item=item.item,
        price=item.price,
        suggested=float(choice.prices[at]),
        why="" if gain.mean() > 0 else forced,
        gain=float(gain.mean()),
        gain_low=float(low),
        gain_high=float(high),
        quantity=item.quantity,
        suggested_quantity=item.quantity
        * math.exp(item.elasticity * change + 0.5 * (item.deviation * change) ** 2),
        others=float(choice.others[at]),
        curve=_curve(choice.prices, choice.goal),
    )


def _outcomes(item: Item, limits: Limits, bounds: Bounds, prices: Floats) -> Floats:
    """(draws, prices) goal a period, for elasticities all over what is possible."""
    elasticity = item.elasticity + item.deviation * normal_draws(_DRAWS, reach=3.0, points=_DRAWS)
    demand = item.quantity * np.exp(elasticity[:, None] * np.log(prices / item.price)[None, :])
    earned = prices - bounds.cost if limits.goal == "profit" else prices
    return demand * earned


def _curve(prices: Floats, each: Floats) -> list[tuple[float, float, float, float]]:
    some = np.unique(np.linspace(0, len(prices) - 1, 25).astype(np.int64))
    low, high = np.quantile(each[:, some], [0.025, 0.975], axis=0)
    mean = each[:, some].mean(axis=0)
    return [
        (float(price), float(value), float(least), float(most))
        for price, value, least, most in zip(prices[some], mean, low, high, strict=True)
    ]


def words(found: list[Suggestion], goal: str, most: int = 30) -> str:
    """The largest expected gains first, in plain words."""
    changed = sorted((one for one in found if one.suggested != one.price), key=lambda one: -one.gain)
    better = [one for one in changed if one.gain > 0]
    forced = [one for one in changed if one.gain <= 0]
    lines = [
        f"{len(better):,} of {len(found):,} items: another price should bring more {goal}. Nothing "
        "is changed by this command: a person decides."
    ]
    lines += _listed(better, goal, most)
    if forced:
        lines.append(
            f"{len(forced):,} items: a limit forces another price, which should bring no more {goal}."
        )
        lines += _listed(forced, goal, most)
    reasons: dict[str, int] = {}
    for one in found:
        if one.suggested == one.price and one.why:
            reasons[one.why] = reasons.get(one.why, 0) + 1
    lines += [f"{count:,} items are left as they are: {why}" for why, count in sorted(reasons.items())]
    return "\n".join(lines)


def _listed(changed: list[Suggestion], goal: str, most: int) -> list[str]:
    lines = [
        f"  {one.item}: {one.price:.2f} to {one.suggested:.2f}, {goal} {one.gain:+,.2f} a period "
        f"({one.gain_low:+,.2f} to {one.gain_high:+,.2f}), {one.quantity:,.1f} to "
        f"{one.suggested_quantity:,.1f} pieces" + (f"; {one.why}" if one.why else "")
        for one in changed[:most]
    ]
    if len(changed) > most:
        lines.append(f"  and {len(changed) - most:,} more, see --json-file")
    return lines
