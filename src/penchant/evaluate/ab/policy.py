"""Another policy judged by the lists that were shown, without showing it to anybody."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.evaluate.ab.lists import Lists, codes
from penchant.evaluate.rewards import Choices, RewardModel, cross_fitted
from penchant.metrics.offpolicy import Estimate, doubly_robust, ips, snips, weights

Floats = NDArray[np.float64]
DAY, HOUR = 86_400.0, 3_600.0
FEW: Final = 100.0
"""Decisions' worth below which no estimate is to be relied on."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What the other policy would have done at places of lists that were shown; R rows.

    Attributes:
        lists: recommendation_id. positions: (R,) place, from 0. items: item_id. chances: (R,) that it would
            put the item there; they sum to 1 at each place.
    """

    lists: list[str]
    positions: NDArray[np.int64]
    items: list[str]
    chances: Floats


class PolicyValue(msgspec.Struct, frozen=True, kw_only=True):
    """Share of places that are answered: as shown, and as the other policy would have it.

    ``estimates``: name → value, low, high at 95%. ``effective``: decisions of the other policy that the log
    is worth; the rest as in :class:`~penchant.metrics.offpolicy.Overlap`.
    """

    decisions: int
    people: int
    shown: float
    estimates: dict[str, tuple[float, float, float]]
    effective: float
    largest: float
    mean: float
    clipped: float
    lost: float
    warnings: list[str]


def policy_value(
    lists: Lists,
    answered: NDArray[np.bool_],
    wanted: Wanted,
    prices: dict[str, float],
    *,
    make: Callable[[], RewardModel] | None,
    clip: float = np.inf,
) -> PolicyValue:
    """Three estimates of the other policy; two where ``make`` makes no reward model.

    Args:
        lists: shown.
        answered: (S,) of ``evaluate.ab.lists.answered_slots``: the reward.
        wanted: the other policy.
        prices: of items, for the reward model.
        make: a new reward model.
        clip: largest weight.

    Raises:
        InvalidInput: a list or place that was not shown, or lists in which nothing was drawn.
    """
    slots, decision = _decisions(lists, wanted)
    chance = lists.slot_chance[slots]
    if (chance >= 1.0).all():
        raise InvalidInput(
            "nothing was drawn in these lists, every propensity is 1: nothing can be said of a policy that "
            "shows other items. Let the shop explore first."
        )
    item = codes(wanted.items, lists.items)  # One that was never shown is -1.
    shown = lists.slot_item[slots][decision] == item
    chosen = np.bincount(decision[shown], weights=wanted.chances[shown], minlength=len(slots))
    reward = answered[slots].astype(np.float64)
    people = lists.person[lists.slot_list[slots]]
    weight, overlap = weights(chance, np.minimum(chosen, 1.0), clip)
    made = {"ips": ips(weight, reward, people), "snips": snips(weight, reward, people)}
    if make is not None:
        of_item = np.append([prices.get(name, np.nan) for name in lists.items], np.nan)
        choices = Choices(decision, _features(lists, slots[decision], item, of_item), wanted.chances)
        of_shown = _features(lists, slots, lists.slot_item[slots], of_item)
        model = cross_fitted(make, (of_shown, reward), choices, people)
        made["doubly robust"] = doubly_robust(weight, reward, model, people)
    return PolicyValue(
        decisions=len(slots),
        people=len(np.unique(people)),
        shown=float(reward.mean()),
        estimates={name: _bounds(one) for name, one in made.items()},
        effective=overlap.effective,
        largest=overlap.largest,
        mean=overlap.mean,
        clipped=overlap.clipped,
        lost=overlap.lost,
        warnings=_warnings(overlap.effective, overlap.mean, reward),
    )


def _decisions(lists: Lists, wanted: Wanted) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of places that are asked for, (D,), and which of them each row of ``wanted`` is of, (R,)."""
    place = {name: row for row, name in enumerate(lists.ids)}
    rows = np.array([place.get(name, -1) for name in wanted.lists], dtype=np.int64)
    most = int(max(lists.slot_position.max(initial=0), wanted.positions.max(initial=0))) + 1
    keys = lists.slot_list * most + lists.slot_position
    order = np.argsort(keys, kind="stable")
    asked = np.where(rows >= 0, rows * most + wanted.positions, -1)
    if not len(asked) or not len(keys):
        raise InvalidInput("no place of a list is given, or no list was shown")
    found = np.minimum(np.searchsorted(keys[order], asked), len(order) - 1)
    wrong = np.flatnonzero((keys[order][found] != asked) | (wanted.positions < 0))
    if len(wrong):
        row = int(wrong[0])
        raise InvalidInput(
            f"{wanted.lists[row]!r} has no place {wanted.positions[row]}: it was not shown, was for nobody, "
            "or its person is erased or opted out"
        )
    slots, decision = np.unique(order[found], return_inverse=True)
    return slots.astype(np.int64), decision.astype(np.int64)


def _features(lists: Lists, slots: NDArray[np.int64], item: NDArray[np.int64], prices: Floats) -> Floats:
    """What a reward may hang on: item, price, place, placement, hour, weekday; how often it is shown."""
    row = lists.slot_list[slots]
    often = np.append(np.bincount(lists.slot_item, minlength=len(lists.items)), 0)
    time = lists.time[row]
    parts = (
        item, prices[item], often[item], lists.slot_position[slots], lists.placement[row],
        time % DAY // HOUR, time // DAY % 7,
    )  # fmt: skip
    return np.stack([np.asarray(part, dtype=np.float64) for part in parts], axis=1)


def _bounds(one: Estimate) -> tuple[float, float, float]:
    return one.interval.value, one.interval.low, one.interval.high


def _warnings(effective: float, mean: float, reward: Floats) -> list[str]:
    found: list[str] = []
    if effective < FEW:
        found.append(f"the log is worth {effective:.0f} decisions of the other policy: too few to rely on")
    if reward.sum() < 20:
        found.append(f"only {reward.sum():.0f} places were answered: the intervals are too narrow for so few")
    if abs(mean - 1.0) > 0.1:
        found.append(
            f"weights are {mean:.2f} on average and should be near 1: the other policy shows what this one "
            "never would, or chances are wrong"
        )
    return found
