"""A small randomised test of prices: where the past cannot tell what a price does, chance can.

Each item takes a higher and a lower price in turn, in pairs of periods whose order is drawn, so that season
and trend fall on both alike. In a period the price is the same for everybody. The rows that come of it are
read by ``penchant prices fit`` like any others.
"""

import math
from typing import Final

import msgspec
import numpy as np

from penchant.decide.prices.fit import TELLS, FittedPrices, Item
from penchant.decide.prices.suggest import Bounds, Limits, candidates, check_limits
from penchant.errors import InvalidInput

LONGEST: Final = 52


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a test.

    Attributes:
        item, price: its name and its price now.
        low, high: the two prices.
        prices: of each period to come, in their order.
        error: standard error of its elasticity that the test will have, at the least: as if sales varied by
            no more than chance does.
        enough: periods, an even number, until that is small enough for the item's own sales to tell.
    """

    item: str
    price: float
    low: float
    high: float
    prices: list[float]
    error: float
    enough: int


class PriceTest(msgspec.Struct, frozen=True, kw_only=True):
    """What to try.

    Attributes:
        items: the best sold first. left_out: item → why it cannot be tested.
        periods, seed: length, and what the order was drawn by.
    """

    items: list[Tested]
    left_out: dict[str, str]
    periods: int
    seed: int


def price_test(
    found: FittedPrices, limits: Limits, bounds: dict[str, Bounds], *, periods: int, most: int, seed: int = 0
) -> PriceTest:
    """A test of the items whose own sales do not tell, at most ``most`` of them, the best sold first.

    The two prices are the lowest and the highest within ``limits`` (margins only where a cost is known).

    Raises:
        InvalidInput: a limit makes no sense, ``periods`` is odd or not from 2 to 52, or every item's own
            sales tell.
    """
    check_limits(limits)
    if periods % 2 or not 2 <= periods <= LONGEST:
        raise InvalidInput(f"a test has an even number of periods from 2 to {LONGEST}, not {periods}")
    untold = sorted((one for one in found.items if one.conclusion != "own"), key=lambda one: -one.quantity)
    if not untold:
        raise InvalidInput("nothing to test: every item's own sales tell what its price does")
    rng, tested, left_out = np.random.default_rng(seed), list[Tested](), dict[str, str]()
    for one in untold:
        if len(tested) == most:
            break
        pair = _pair(one, limits, bounds.get(one.item, Bounds()))
        if isinstance(pair, str):
            left_out[one.item] = pair
        else:
            tested.append(_tested(one, *pair, periods, rng))
    return PriceTest(items=tested, left_out=left_out, periods=periods, seed=seed)


def _pair(item: Item, limits: Limits, bounds: Bounds) -> tuple[float, float] | str:
    """The two prices, or why there are none. Prices may go beyond what was seen: that is what is tried."""
    if item.quantity <= 0:
        return "nothing was sold lately: it would take too long"
    if bounds.ladder:
        return "it is on a ladder, whose order two prices in turn would break"
    free = msgspec.structs.replace(item, lowest=0.0, highest=math.inf)
    found = candidates(free, limits, bounds)
    if len(found) < 2:
        return "the limits leave no two prices"
    return float(found[0]), float(found[-1])


def _tested(item: Item, low: float, high: float, periods: int, rng: np.random.Generator) -> Tested:
    first = rng.random(periods // 2) < 0.5
    each = np.where(first[:, None], [low, high], [high, low]).ravel()
    # Poisson: the information of a log price that is ±x around its middle is quantity · x² a period.
    told = item.quantity * (math.log(high / low) / 2) ** 2
    return Tested(
        item=item.item,
        price=item.price,
        low=low,
        high=high,
        prices=[float(price) for price in each],
        error=1 / math.sqrt(told * periods),
        enough=2 * math.ceil(1 / (told * TELLS**2) / 2),
    )


def words(found: PriceTest) -> str:
    """The test in plain words."""
    lines = [
        f"A test of {len(found.items):,} items over {found.periods} periods. In each the price is the same "
        "for everybody; nothing is changed by this command: a person decides."
    ]
    for one in found.items[:30]:
        more = f"; by itself it needs {one.enough:,} periods to tell" if one.enough > found.periods else ""
        lines.append(
            f"  {one.item}: {' '.join(f'{price:.2f}' for price in one.prices)} (now {one.price:.2f}); "
            f"the elasticity will be known to ± {1.96 * one.error:.2f} at best{more}"
        )
    if len(found.items) > 30:
        lines.append(f"  and {len(found.items) - 30:,} more, see --json-file")
    reasons: dict[str, int] = {}
    for why in found.left_out.values():
        reasons[why] = reasons.get(why, 0) + 1
    lines += [f"{count:,} items are left out: {why}" for why, count in sorted(reasons.items())]
    lines.append(
        "Add the periods to the table of sales when they are over, and run `penchant prices fit` again."
    )
    return "\n".join(lines)
