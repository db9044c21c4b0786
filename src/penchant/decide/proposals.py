"""Prices, orders and campaigns as decisions that wait for people."""

from collections.abc import Callable, Mapping, Sequence

from penchant.decide.campaigns.plan import Planned
from penchant.decide.prices.suggest import Suggestion
from penchant.decide.stock.orders import Order
from penchant.errors import InvalidInput
from penchant.events.decisions import Decision, Offered
from penchant.types import Pseudonym, Scalar

Settings = dict[str, Scalar]
Named = Callable[[], str]
"""Makes ids."""


def of_prices(
    found: Sequence[Suggestion],
    named: Named,
    *,
    now: Mapping[str, float],
    lowest: Callable[[str], float | None],
    inputs: dict[str, str],
    settings: Settings,
) -> list[Decision]:
    """Those whose price should change. ``now``: what the shop's catalogue says, where it knows the
    item. ``lowest``: the lowest price of the last 30 days, which a discount is shown with.
    """
    made = list[Decision]()
    for one in found:
        price = now.get(one.item, one.price)
        if one.suggested in (one.price, price):
            continue
        reason = one.why or f"it should bring more {settings['goal']} than the price of now"
        if price != one.price:
            reason += f"; the newest price in the sales is {one.price:.12g}, which the gain is counted from"
        made.append(
            Decision(
                id=named(), kind="price", subject=one.item, suggested=one.suggested, now=price, reason=reason,
                goal=f"{settings['goal']} a period", expected=one.gain, low=one.gain_low, high=one.gain_high,
                curve=tuple(one.curve),
                lowest=lowest(one.item) if one.suggested < price else None,
                alternatives=tuple(point[0] for point in one.curve if point[0] != one.suggested),
                inputs=inputs, settings=settings,
            )
        )  # fmt: skip
    return made


def of_orders(
    found: Sequence[Order], named: Named, *, inputs: dict[str, str], settings: Settings
) -> list[Decision]:
    """Those of at least one pack."""
    return [
        Decision(
            id=named(), kind="order", subject=one.item, suggested=one.quantity, reason=one.reason,
            goal="demand until the next delivery", expected=one.expected, low=one.low, high=one.high,
            cost=one.cost, curve=tuple((pieces, chance, chance, chance) for pieces, chance in one.curve),
            alternatives=tuple(pieces for pieces, _ in one.curve if pieces != one.quantity),
            inputs=inputs, settings=settings,
        )
        for one in found
        if one.quantity > 0
    ]  # fmt: skip


def of_campaign(
    found: Planned, name: str, named: Named, *, inputs: dict[str, str], settings: Settings
) -> Decision:
    """The plan as a whole; who gets what of it is :func:`offers_of`. Its cost is not known where an offer's
    is not.
    """
    people = sum(one.people for one in found.offers)
    reason = (
        f"{people:,} offers to {found.people:,} people bring what no plan within the limits passes by more "
        f"than {max(found.bound - found.value, 0):,.2f}; {found.held_out:,} get nothing by lot, so that "
        "it is known what the campaign did"
    )
    return Decision(
        id=named(), kind="campaign", subject=name, suggested=found.spent,
        cost=found.spent if found.costs_known else None, reason=reason,
        goal="money, costs taken off" if found.in_money else "units of the outcome", expected=found.value,
        alternatives=(*(one.offer for one in found.offers), "nothing"), inputs=inputs, settings=settings,
    )  # fmt: skip


def offers_of(
    found: Planned, people: Sequence[Pseudonym | None], refused: frozenset[Pseudonym], time: float
) -> list[Offered]:
    """What each person gets; ``people`` has one for each row of the file, None where no id stands there.

    ``refused`` do not want to be profiled: they get nothing, and nothing of them is kept.

    Raises:
        InvalidInput: another number of rows than the plan has, or somebody stands there twice.
    """
    if len(people) != len(found.given):
        raise InvalidInput(
            f"the table of people has {len(people):,} rows, the plan {len(found.given):,}: they must be the "
            "same, in the same order"
        )
    share = found.held_out / max(found.people, 1)
    held, made = frozenset(found.holdout), dict[Pseudonym, Offered]()
    for row, (person, given) in enumerate(zip(people, found.given, strict=True)):
        if given is None:
            continue
        if person is None:
            raise InvalidInput(f"row {row + 1} of the people has no user_id")
        if person in made:
            raise InvalidInput(f"row {row + 1} of the people stands there twice: a person has one row")
        if person in refused:
            continue
        out = row in held
        made[person] = Offered(
            person=person, time=time, offers=tuple(given), held_out=out,
            propensity=share if out else 1 - share,
        )  # fmt: skip
    return list(made.values())
