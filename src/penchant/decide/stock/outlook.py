"""A forecast as people and files get it: items, categories and the total, and what can be concluded."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.combine import GROUPS
from penchant.decide.stock.forecast import HELD, Forecaster, Trial, learn
from penchant.decide.stock.panel import LEAST_IN_STOCK, Panel, demand_of, panel_of
from penchant.decide.stock.quantiles import LEVELS, mean_of, quantile_at
from penchant.decide.stock.reconcile import reconcile
from penchant.decide.stock.seasons import CYCLES
from penchant.decide.stock.smoothing import exponential
from penchant.decide.stock.trees import Grow

Floats = NDArray[np.float64]


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """Demand of one item in one period. ``quantiles`` by level. ``new``: nothing was sold of it so far."""

    item: str
    period: str
    horizon: int
    mean: float
    quantiles: dict[str, float]
    new: bool = False


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """Demand of a category in one period, or of everything where ``category`` is empty."""

    category: str
    period: str
    horizon: int
    mean: float
    quantiles: dict[str, float]


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What will be wanted, as far as the past tells.

    Attributes:
        periods: known ones. first, last: what they are called.
        models: share of each in the forecast of items by what they sell a period.
        notes: what can and cannot be concluded, in plain words.
    """

    items: int
    periods: int
    first: str
    last: str
    horizon: int
    levels: list[float]
    models: dict[str, dict[str, float]]
    tested: Trial | None
    notes: list[str]
    forecast: list[Foreseen]
    categories: list[Together]


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Quantiles of items (N, H, L), of categories (C, H, L) and of all (1, H, L); their means agree."""

    items: Floats
    names: list[str]
    categories: Floats
    total: Floats


def foresee(
    panel: Panel, horizons: int, grow: Grow | None, name: Callable[[int], str], notes: list[str] | None = None
) -> Outlook:
    """Learn, test on the newest periods, forecast, and say what it is worth.

    ``name`` is that of a period by its place after the first one of the panel; ``notes`` come first.

    Raises:
        InvalidInput, NotEnoughData: see :func:`~penchant.decide.stock.forecast.learn`.
    """
    learned = learn(panel, horizons, grow)
    found = agreeing(panel, learned)
    ahead = [name(len(panel.periods) + step) for step in range(horizons)]
    return Outlook(
        items=len(panel.items),
        periods=len(panel.periods),
        first=panel.periods[0],
        last=panel.periods[-1],
        horizon=horizons,
        levels=LEVELS.tolist(),
        models=_models(learned),
        tested=learned.trial,
        notes=[*(notes or []), *notes_on(panel, learned)],
        forecast=_rows(panel, found.items, ahead),
        categories=_together(found, ahead),
    )


def agreeing(panel: Panel, learned: Forecaster) -> Distribution:
    """The forecast of items, with categories and the total forecast by themselves and made to agree."""
    items = learned.forecast(panel)
    names, codes = np.unique(np.asarray(panel.categories, dtype=np.str_), return_inverse=True)
    # What does not come back in the items does not in their sums.
    panel = panel if learned.seasonal else replace(panel, season=1)
    above = _forecast_of(_added(panel, codes, len(names)), learned.horizons)
    top = _forecast_of(_added(panel, np.zeros(len(codes), np.int64), 1), learned.horizons)
    # What was never sold is in no sum of the past: it comes on top.
    old = ~_new(panel)
    summed = (_moments(above), _moments(top))
    agreed = reconcile(_moments(items[old]), codes[old], summed[0], (summed[1][0][0], summed[1][1][0]))
    means = mean_of(items)
    means[old] = agreed.items
    middle = np.zeros((len(names), learned.horizons))
    np.add.at(middle, codes, means)
    return Distribution(
        items=_moved(items, means),
        names=[str(name) for name in names],
        categories=_moved(above, middle),
        total=_moved(top, middle.sum(axis=0)[None]),
    )


def _forecast_of(panel: Panel, horizons: int) -> Floats:
    return learn(panel, horizons).forecast(panel)


def _added(panel: Panel, codes: NDArray[np.int64], count: int) -> Panel:
    """Demand of each group of items together; what is not known of an item is what was usual of it."""
    demand = demand_of(panel)
    usual = np.zeros_like(demand)
    usual[:, 1:] = np.nan_to_num(exponential(demand, np.full(len(demand), np.nan), 0.2))[:, :-1]
    sums = np.zeros((count, demand.shape[1]))
    np.add.at(sums, codes, np.where(np.isnan(demand), usual, demand))
    names = [str(code) for code in range(count)]
    return panel_of(names, panel.periods, sums, season=panel.season)


def _moments(quantiles: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of errors, (n, H) each, the variance by the middle 80% as of a normal one."""
    width = quantile_at(quantiles, 0.9) - quantile_at(quantiles, 0.1)
    return mean_of(quantiles), (width / 2.563) ** 2 + 0.01


def _moved(quantiles: Floats, means: Floats) -> Floats:
    """The same shape with other means."""
    now = mean_of(quantiles)
    return quantiles * np.where(now > 0, means / np.where(now > 0, now, 1.0), 1.0)[..., None]


def _models(learned: Forecaster) -> dict[str, dict[str, float]]:
    """Shares by pieces a period, those above 0."""
    edges = ["0", *(f"{edge:g}" for edge in GROUPS)]
    names = [f"{low} to {high}" for low, high in pairwise(edges)] + [f"{edges[-1]} and more"]
    mixed = learned.combination
    return {
        name: {
            model: round(float(share), 3)
            for model, share in zip(mixed.models, shares, strict=True)
            if share > 0
        }
        for name, shares in zip(names, mixed.shares, strict=True)
    }


def _rows(panel: Panel, quantiles: Floats, ahead: list[str]) -> list[Foreseen]:
    means, new = mean_of(quantiles), _new(panel)
    return [
        Foreseen(
            item=item, period=period, horizon=step + 1, mean=_short(means[row, step]),
            quantiles=_named(quantiles[row, step]), new=bool(new[row]),
        )
        for row, item in enumerate(panel.items)
        for step, period in enumerate(ahead)
    ]  # fmt: skip


def _new(panel: Panel) -> NDArray[np.bool_]:
    """Items without any history."""
    return np.asarray(np.isnan(panel.sold).all(axis=1), np.bool_)


def _together(found: Distribution, ahead: list[str]) -> list[Together]:
    named = [(name, values) for name, values in zip(found.names, found.categories, strict=True) if name]
    return [
        Together(
            category=name, period=period, horizon=step + 1, mean=_short(float(mean_of(values[step]))),
            quantiles=_named(values[step]),
        )
        for name, values in [*named, ("", found.total[0])]
        for step, period in enumerate(ahead)
    ]  # fmt: skip


def _named(quantiles: Floats) -> dict[str, float]:
    return {
        f"{level:g}": _short(value) for level, value in zip(LEVELS.tolist(), quantiles.tolist(), strict=True)
    }


def _short(value: float) -> float:
    return round(float(value), 4)


def notes_on(panel: Panel, learned: Forecaster) -> list[str]:
    """What can and cannot be concluded from this panel."""
    periods, missing = len(panel.periods), int((panel.in_stock < LEAST_IN_STOCK).sum())
    found: list[str] = []
    if learned.trial is None:
        found.append(
            f"{periods} periods are too few to test a forecast: the models count alike, and "
            "nobody knows how far off they are."
        )
    if panel.season > 1 and periods < 2 * panel.season:
        found.append(
            f"Less than two seasons of {panel.season} periods are known: what comes back every season, "
            "such as Christmas, is not foreseen."
        )
    elif panel.season > 1 and not learned.seasonal:
        found.append(
            f"A season of {panel.season} periods is not used: "
            + (
                "it did not make the forecasts of the newest periods better."
                if periods >= CYCLES * panel.season + HELD
                else f"to test one, {CYCLES * panel.season + HELD} periods are needed."
            )
        )
    if missing or panel.sold_out.any():
        found.append(
            f"{missing:,} periods of items without stock count as unknown, and {int(panel.sold_out.sum()):,} "
            "in which all was sold as at least what was usual: how much more was wanted nobody saw."
        )
    else:
        found.append(
            "Nothing is known of empty shelves: a period without stock looks like one without demand."
        )
    if learned.trees is None:
        found.append("Without trees (pip install 'penchant[ranking]') prices and other columns are not used.")
    new = int(_new(panel).sum())
    if new:
        found.append(
            f"{new:,} items have no history: they are taken to begin as the items most like them did."
        )
    found.append(
        "It is what happens if prices, offers and placement stay as they were; no cause is known from this."
    )
    return found
