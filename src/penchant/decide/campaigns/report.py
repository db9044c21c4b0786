"""What became of a shop's campaigns, by its log: who was told, who redeemed, and what a holdout tells."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.decide.campaigns.balance import Randomised
from penchant.decide.campaigns.fit import Asked, fit_trial
from penchant.decide.campaigns.result import Estimate
from penchant.decide.regression import Floats, TreeMaker
from penchant.decide.tables import Table, typed
from penchant.errors import NotEnoughData
from penchant.events.log import EventColumns
from penchant.events.offers import Exposure, Offer
from penchant.types import EventType, Pseudonym

DAY: Final = 86_400.0
NO_HOLDOUT: Final = (
    "Nobody was left out of it by lot, so nothing can be concluded about its effect: whoever redeemed might "
    "have bought without it."
)
NOT_BY_CHANCE: Final = (
    "Who was left out can be told from what they did before, so it was not by lot, and no effect can be told."
)

Mask = NDArray[np.bool_]


class CampaignReport(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign. People who opted out of profiling, or whom cleaning marked, are in no figure.

    Attributes:
        starts, ends: of its offers, unix seconds. offers, items: how many.
        exposed: people who were told of it. held_out: people who were left out by lot.
        bought: of the exposed, who bought something that it covers, within time and once they were told.
        named: of the exposed, who bought something and the purchase named one of its offers.
        redeemed: either of the two. purchases: how many purchases of these people did.
        held_out_bought: of those held out, who bought something that it covers, within time.
        effect: on the chance to buy something that it covers, with its 95% interval; None without a holdout
            by lot. randomised: whether it was by lot. said: what may be concluded, in words.
    """

    campaign_id: str
    starts: float
    ends: float
    offers: int
    items: int
    exposed: int
    held_out: int
    bought: int
    named: int
    redeemed: int
    purchases: int
    held_out_bought: int = 0
    effect: Estimate | None = None
    randomised: Randomised | None = None
    said: list[str] = []


class _Told(NamedTuple):
    """Of each person of the log, (P,): when they were told of a campaign, infinity where they were not; and
    whether they were held out."""

    since: Floats
    held_out: Mask


def campaign_reports(
    columns: EventColumns,
    offers: Sequence[Offer],
    exposures: Sequence[Exposure],
    named: Mapping[int, str],
    now: float,
    *,
    trees: TreeMaker | None = None,
) -> list[CampaignReport]:
    """Of each campaign that has an offer, oldest first.

    Args:
        columns: what counts of the log.
        offers: all of them.
        exposures: of people who count; some may not be in the log.
        named: offer that an event names, by its position in the log.
        now: unix seconds.
        trees: without them no effect is estimated.
    """
    bought = columns.keep(columns.type == EventType.PURCHASE.code)
    place = {person: code for code, person in enumerate(columns.people)}
    by_campaign = defaultdict[str, list[Offer]](list)
    for offer in offers:
        by_campaign[offer.campaign_id].append(offer)
    told = defaultdict[str, list[Exposure]](list)
    for exposure in exposures:
        told[exposure.campaign_id].append(exposure)
    found = [
        _report(_Shop(columns, bought, place, named, now), rows, told[campaign], trees)
        for campaign, rows in by_campaign.items()
    ]
    return sorted(found, key=lambda one: (one.starts, one.campaign_id))


class _Shop(NamedTuple):
    columns: EventColumns
    bought: EventColumns
    place: Mapping[Pseudonym, int]
    named: Mapping[int, str]
    now: float


def _report(
    shop: _Shop, offers: list[Offer], exposures: list[Exposure], trees: TreeMaker | None
) -> CampaignReport:
    told, out = _told(shop, exposures)
    within, covered = _after(shop, told.since), _covered(shop.bought, offers)
    by_item, by_name = covered & within, _names_one(shop, offers) & within
    of = shop.bought.person
    people = {name: set(of[rows].tolist()) for name, rows in (("item", by_item), ("name", by_name))}
    both, kept_out = people["item"] | people["name"], set(np.flatnonzero(told.held_out).tolist())
    plain = CampaignReport(
        campaign_id=offers[0].campaign_id,
        starts=min(offer.starts for offer in offers), ends=max(offer.ends for offer in offers),
        offers=len({offer.offer_id for offer in offers}), items=len({offer.item_id for offer in offers}),
        exposed=len({one.user_id for one in exposures} - out), held_out=len(out),
        bought=len(people["item"] - kept_out), named=len(people["name"] - kept_out),
        redeemed=len(both - kept_out), held_out_bought=len(people["item"] & kept_out),
        purchases=int((~told.held_out[of] & (by_item | by_name)).sum()),
    )  # fmt: skip
    if not out:
        return msgspec.structs.replace(plain, said=[NO_HOLDOUT])
    got = np.zeros(len(shop.columns.people))
    got[sorted(people["item"])] = 1
    return _with_effect(plain, _trial(shop, told, got, plain), trees)


def _told(shop: _Shop, exposures: list[Exposure]) -> tuple[_Told, set[Pseudonym]]:
    """Who was left out by lot stays so, whatever other rows say."""
    out = {one.user_id for one in exposures if one.held_out}
    since, held_out = np.full(len(shop.place), math.inf), np.zeros(len(shop.place), np.bool_)
    for one in exposures:
        if one.user_id in shop.place and (one.held_out or one.user_id not in out):
            code = shop.place[one.user_id]
            since[code] = min(since[code], one.timestamp)
            held_out[code] = one.user_id in out
    return _Told(since, held_out), out


def _after(shop: _Shop, since: Floats) -> Mask:
    """Purchases of people once they were told, (B,), that are not of the future."""
    return (shop.bought.time >= since[shop.bought.person]) & (shop.bought.time <= shop.now)


def _covered(bought: EventColumns, offers: list[Offer]) -> Mask:
    """Purchases of what an offer covers, within its time, (B,)."""
    code = {item: number for number, item in enumerate(bought.items)}
    spans = defaultdict[tuple[float, float], list[int]](list)
    for offer in offers:
        if offer.item_id in code:
            spans[offer.starts, offer.ends].append(code[offer.item_id])
    found = np.zeros(len(bought.time), np.bool_)
    for (starts, ends), items in spans.items():
        inside = np.zeros(len(code) + 1, np.bool_)  # The last one stands for no item.
        inside[items] = True
        found |= inside[bought.item] & (bought.time >= starts) & (bought.time < ends)
    return found


def _names_one(shop: _Shop, offers: list[Offer]) -> Mask:
    ours = {offer.offer_id for offer in offers}
    positions = [position for position, offer in shop.named.items() if offer in ours]
    return np.isin(shop.bought.position, positions)


def _trial(shop: _Shop, told: _Told, got: Floats, plain: CampaignReport) -> Table:
    """Everybody who was told or left out, and what they did before; those without an event did nothing."""
    rows = np.flatnonzero(np.isfinite(told.since))
    absent = plain.exposed + plain.held_out - len(rows)
    past = shop.columns.keep(shop.columns.time < plain.starts)
    purchase = past.type == EventType.PURCHASE.code
    count = len(shop.columns.people)
    paid = np.where(np.isnan(past.price), 0, past.price) * np.where(np.isnan(past.quantity), 1, past.quantity)
    last = np.full(count, -math.inf)
    np.maximum.at(last, past.person, past.time)
    pairs = np.unique(np.stack([past.person, past.item], axis=1)[past.item >= 0], axis=0)
    features = {
        "events before": np.bincount(past.person, minlength=count),
        "purchases before": np.bincount(past.person[purchase], minlength=count),
        "spent before": np.bincount(past.person[purchase], paid[purchase], minlength=count),
        "items before": np.bincount(pairs[:, 0], minlength=count),
        "days since the last event": np.where(np.isfinite(last), (plain.starts - last) / DAY, np.nan),
    }
    out = told.held_out[rows]
    cells: dict[str, list[Any]] = {
        "campaign": np.where(out, "held out", "told").tolist(),
        "bought": got[rows].tolist(),
        **{name: values[rows].astype(float).tolist() for name, values in features.items()},
    }
    # Of whom the log knows nothing it is known that nothing was bought.
    missing_out = plain.held_out - int(out.sum())
    cells["campaign"] += ["held out"] * missing_out + ["told"] * (absent - missing_out)
    for name in cells.keys() - {"campaign"}:
        cells[name] += [math.nan if name.startswith("days") else 0.0] * absent
    columns = {name: typed(name, [_cell(value) for value in values]) for name, values in cells.items()}
    return Table("campaign", columns, len(rows) + absent)


def _cell(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and math.isnan(value) else value


def _with_effect(plain: CampaignReport, table: Table, trees: TreeMaker | None) -> CampaignReport:
    if trees is None:
        return msgspec.structs.replace(plain, said=["Effects need `pip install 'penchant[decide]'`."])
    try:
        (arm,) = fit_trial(
            table, Asked(treatment="campaign", outcome="bought", control="held out"), trees
        ).arms
    except NotEnoughData as error:
        return msgspec.structs.replace(plain, said=[f"No effect can be told: {error}."])
    if arm.effect is None:
        return msgspec.structs.replace(plain, randomised=arm.randomised, said=[NOT_BY_CHANCE])
    return msgspec.structs.replace(
        plain, randomised=arm.randomised, effect=arm.effect, said=[_concluded(arm.effect)]
    )


def _concluded(effect: Estimate) -> str:
    """An effect in words.

    >>> _concluded(Estimate(0.02, 0.01, 0.03))
    'By it 2.0 more of 100 people bought something that it covers (95% interval 1.0 to 3.0).'
    """
    value, low, high = (100 * part for part in (effect.value, effect.low, effect.high))
    if effect.low <= 0 <= effect.high:
        inside = f"{value:+.1f} of 100 people (95% interval {low:.1f} to {high:.1f})"
        return f"No effect on who bought something that it covers was found: {inside}."
    more = "more" if value > 0 else "fewer"
    low, high = sorted((abs(low), abs(high)))
    return (
        f"By it {abs(value):.1f} {more} of 100 people bought something that it covers "
        f"(95% interval {low:.1f} to {high:.1f})."
    )
