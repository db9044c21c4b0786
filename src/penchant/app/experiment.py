"""The experiment of a shop, judged from its log; and the power of one, and another policy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from penchant.app.shop import Shop
from penchant.errors import InvalidInput
from penchant.evaluate.ab.lists import Lists, answered_slots, lists_of
from penchant.evaluate.ab.outcomes import DAY, Outcomes, Period, outcomes_of
from penchant.evaluate.ab.policy import PolicyValue, Wanted, policy_value
from penchant.evaluate.ab.report import METRICS, Experiment, Question, arm_metric, judge
from penchant.evaluate.rewards import RewardModel
from penchant.events.cells import BadCell, Limits, identifier, number, whole
from penchant.events.cleaning.run import clean
from penchant.events.door import rows_of_chunk
from penchant.events.rules import Violation, read_column
from penchant.events.schema import Column
from penchant.events.sources import open_source
from penchant.metrics.power import Needed, people_needed
from penchant.types import Impression

AT_ONCE = 5_000
"""Lists read from the log at once."""
TRAFFIC_DAYS = 28.0
"""Newest days that the traffic is read from."""


def shown(shop: Shop) -> Iterator[Impression]:
    """All lists in the log, in many short reads."""
    after, found = 0, shop.impressions.follow(0, AT_ONCE)
    while found:
        yield from (impression for _, impression in found)
        after = found[-1][0]
        found = shop.impressions.follow(after, AT_ONCE)


def experiment_of(shop: Shop, *, since: float = 0.0, days: float | None = None) -> Experiment:
    """What the log says of the arms in the settings.

    Args:
        shop: opened.
        since: unix seconds from which lists count.
        days: of each person, see
            :class:`~penchant.evaluate.ab.outcomes.Period`.

    Raises:
        InvalidInput: there are fewer than two arms.
    """
    settings = shop.settings.experiment
    if len(settings.arms) < 2:
        raise InvalidInput(
            "no experiment: shop.toml needs two or more [experiment.arms.NAME], each with its share"
        )
    shares = {name: arm.share for name, arm in settings.arms.items()}
    now = shop.clock()
    arms = [impression for impression in shown(shop) if impression.arm]
    found = _outcomes(shop, lists_of(arms), list(shares), Period(since=since, until=now, days=days))
    control = settings.control or next(iter(shares))
    return judge(found, Question(settings.name, settings.metric, control, shares), now)


def _outcomes(shop: Shop, lists: Lists, arms: list[str], period: Period) -> Outcomes:
    columns = shop.log.columns()
    cleaned = clean(columns, shop.settings.cleaning)
    named, out = shop.impressions.named(), shop.consent.opted_out()
    return outcomes_of(lists, columns, named, arms, cleaned=cleaned, opted_out=out, period=period)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is to be found: a relative ``effect`` on ``metric``.

    ``baseline`` and ``deviation`` of people are those of :func:`~penchant.metrics.power.people_needed`; None
    for what the shop's log says.
    """

    metric: str
    effect: float
    baseline: float | None = None
    deviation: float | None = None
    level: float = 0.95
    power: float = 0.8
    share: float = 0.5


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """People of both arms, and days until so many people have come; days None where no traffic is known."""

    metric: str
    baseline: float
    effect: float
    level: float
    power: float
    share: float
    people_fixed: int
    people_anytime: int
    people_a_day: float | None
    days_fixed: float | None
    days_anytime: float | None


def power_of(shop: Shop | None, sought: Sought) -> Power:
    """How long an experiment takes; by the shop's lists of the newest four weeks where there are any.

    Raises:
        InvalidInput: neither a baseline nor lists to read it from.
    """
    found = None if shop is None else _recent(shop)
    given, baseline, clock = sought, sought.baseline, None
    if baseline is None:
        if found is None:
            raise InvalidInput("no list was shown yet: say --baseline, the mean without the change")
        baseline, given, clock = _read(found[0], sought)
    needed: Needed = people_needed(
        baseline, given.effect, deviation=given.deviation, level=given.level, power=given.power,
        share=given.share, clock=clock,
    )  # fmt: skip
    daily = None if found is None else found[1]
    return Power(
        metric=given.metric,
        baseline=baseline,
        effect=given.effect,
        level=given.level,
        power=given.power,
        share=given.share,
        people_fixed=needed.fixed,
        people_anytime=needed.anytime,
        people_a_day=daily,
        days_fixed=needed.fixed / daily if daily else None,
        days_anytime=needed.anytime / daily if daily else None,
    )


def _recent(shop: Shop) -> tuple[Outcomes, float] | None:
    """Everybody with a list in the newest weeks as one arm, and people a day."""
    now = shop.clock()
    lists = lists_of(
        msgspec.structs.replace(impression, arm="all")
        for impression in shown(shop)
        if now - TRAFFIC_DAYS * DAY <= impression.timestamp < now
    )
    found = _outcomes(shop, lists, ["all"], Period(until=now))
    if not len(found.arm):
        return None
    return found, len(found.arm) / max(1.0, (now - float(found.came.min())) / DAY)


def _read(found: Outcomes, sought: Sought) -> tuple[float, Sought, float]:
    """Baseline from the log, what is sought with the deviation from there, and the clock per person."""
    metric = next(one for one in METRICS if one.name == sought.metric)
    rows = np.arange(len(found.arm))
    arm = arm_metric(found, metric, rows)
    mean, deviation = float(arm.mean), float(np.sqrt(float(arm.error) * len(rows)))
    if not (mean > 0 and np.isfinite(deviation) and deviation > 0):
        raise InvalidInput(f"the log of the newest weeks has no {sought.metric} to go by: say --baseline")
    clock = float(found.totals[metric.ticks].mean())
    return mean, replace(sought, baseline=mean, deviation=deviation), clock


def policy_of(
    shop: Shop, file: Path, *, clip: float = np.inf, make: Callable[[], RewardModel] | None = None
) -> PolicyValue:
    """What the policy in ``file`` would have earned at the places that it names.

    Args:
        shop: opened.
        file: CSV, Parquet or JSON lines of ``recommendation_id``, ``position``, ``item_id``, ``probability``.
        clip: largest weight.
        make: a new reward model, None for no doubly robust estimate.

    Raises:
        InvalidInput: the file cannot be read, or does not fit the lists that were shown.
    """
    wanted = read_wanted(file)
    columns = shop.log.columns()
    robots = set(clean(columns, shop.settings.cleaning).all_people())
    out = robots | set(shop.consent.opted_out())
    # All lists: an answer to one that the file does not name is no answer to one that it does.
    lists = lists_of(one for one in shown(shop) if one.user_id not in out)
    answered = answered_slots(lists, columns, shop.impressions.named())
    prices = {item.item_id: item.price for item in shop.items.all() if item.price is not None}
    return policy_value(lists, answered, wanted, prices, make=make, clip=clip)


def read_wanted(file: Path) -> Wanted:
    """The rows of such a file; see :func:`policy_of`."""
    source = open_source(file)
    missing = [column.name for column in _POLICY if column.name not in source.columns]
    if missing:
        raise InvalidInput(f"{file.name}: a policy needs the columns {', '.join(missing)}")
    found: dict[str, list[Any]] = {column.name: [] for column in _POLICY}
    for chunk in source.chunks():
        bad: dict[int, Violation] = {}
        rows = rows_of_chunk(chunk, frozenset(found))
        for column in _POLICY:
            found[column.name] += read_column(column, rows, Limits(), bad)
        for wrong in (*chunk.unreadable, *bad.values()):
            raise InvalidInput(f"{file.name}: row {wrong.row}: {wrong.message}")
    lists, positions, items, chances = found.values()
    return Wanted(lists, np.array(positions, np.int64), items, np.array(chances, np.float64))


def _chance(cell: Any, limits: Limits) -> float:  # noqa: ARG001 (every reader has it)
    value = number(cell)
    if not 0 <= value <= 1:
        raise BadCell("out-of-range", f"is not from 0 to 1: {cell}")
    return value


_POLICY = (
    Column("recommendation_id", identifier, "text, of a list that was shown", True),
    Column("position", whole, "whole number from 0, place in that list", True),
    Column("item_id", identifier, "text", True),
    Column("probability", _chance, "number from 0 to 1", True),
)
