"""Arms beside their control: each metric's difference with an interval that may be looked at any time."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np

from penchant.errors import InvalidInput
from penchant.evaluate.ab.outcomes import DAY, Outcomes
from penchant.metrics.power import people_needed
from penchant.metrics.sequential import Arm, anytime_difference, boundary, mean_arm, ratio_arm, share_evidence

LEVEL, POWER = 0.95, 0.8
UNTRUSTED: Final = 0.01
"""Below this the people do not lie in the arms by their shares, and nothing is said of winners."""
SOUGHT: Final = 0.1
"""Relative effect that the days left are told for."""

Verdict = Literal["better", "worse", "open"]


class Metric(NamedTuple):
    """Sum of ``top`` over sum of ``bottom``; over people where that is empty. ``ticks`` moves its clock."""

    name: str
    about: str
    top: str
    ticks: str
    bottom: str = ""
    good: int = 1


METRICS: Final = (
    Metric("click-through", "lists that were answered", "answered", "answered", "lists"),
    Metric("conversion", "people who bought something", "converted", "converted"),
    Metric("revenue", "revenue per person", "revenue", "purchases"),
)
GUARDS: Final = (
    Metric("refunds", "refunds per person", "refunds", "refunds", good=-1),
    Metric("fallbacks", "lists that the model did not make", "fallbacks", "fallbacks", "lists", good=-1),
    Metric("empty", "lists without any item", "empty", "empty", "lists", good=-1),
)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An arm beside the control. Bounds are None while they are infinite, values while nobody is there.

    ``relative``: the difference over the control's mean. ``finds``: the smallest relative difference that the
    people so far would show in 80% of experiments.
    """

    metric: str
    arm: str
    guard: bool
    control_mean: float | None
    mean: float | None
    difference: float | None
    low: float | None
    high: float | None
    relative: float | None
    finds: float | None
    verdict: Verdict


class ArmCount(msgspec.Struct, frozen=True, kw_only=True):
    """Who is in an arm, and what they did."""

    arm: str
    share: float
    people: int
    totals: dict[str, float]


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of an experiment.

    ``shares``: p-value of people not falling into the arms by their shares. ``days_left``: until a
    difference of a tenth in the deciding metric is found, at the traffic so far; None where that cannot be
    told.
    """

    name: str
    metric: str
    control: str
    level: float
    since: float | None
    days: float
    arms: list[ArmCount]
    differences: list[Difference]
    shares: float
    left_out: dict[str, int]
    unpriced: int
    days_left: float | None
    verdict: str


class Question(NamedTuple):
    """What is asked: ``metric`` decides; ``shares`` by arm, in order; ``control`` is one of the arms."""

    name: str
    metric: str
    control: str
    shares: Mapping[str, float]


def judge(found: Outcomes, asked: Question, now: float) -> Experiment:
    """The report at ``now``, unix seconds.

    All looks at the deciding metric, in all arms together, call a winner in at most 5% of experiments without
    any difference: each arm's interval is at 1 - 5% / arms. All guards together share another 5%. The
    other metrics have the same intervals as the deciding one and decide nothing.

    Raises:
        InvalidInput: an arm or a metric that is not there.
    """
    arms = list(asked.shares)
    if asked.control not in arms or asked.metric not in {metric.name for metric in METRICS}:
        raise InvalidInput(f"no metric {asked.metric!r} or no arm {asked.control!r} among {', '.join(arms)}")
    others = [arm for arm in arms if arm != asked.control]
    rows = {arm: np.flatnonzero(found.arm == place) for place, arm in enumerate(arms)}
    wide = 1 - (1 - LEVEL) / max(1, len(others))
    guarding = 1 - (1 - LEVEL) / max(1, len(others) * len(GUARDS))
    differences = [
        _difference(found, metric, (asked.control, arm), rows, guarding if guard else wide, guard=guard)
        for group, guard in ((METRICS, False), (GUARDS, True))
        for metric in group
        for arm in others
    ]
    counts = [len(rows[arm]) for arm in arms]
    positive = [place for place, arm in enumerate(arms) if asked.shares[arm] > 0]
    shares = share_evidence([counts[at] for at in positive], [asked.shares[arms[at]] for at in positive])
    since = float(found.came.min()) if len(found.came) else None
    days = 0.0 if since is None else max(0.0, (now - since) / DAY)
    return Experiment(
        name=asked.name,
        metric=asked.metric,
        control=asked.control,
        level=LEVEL,
        since=since,
        days=days,
        arms=[_count(found, arm, asked.shares[arm], rows[arm]) for arm in arms],
        differences=differences,
        shares=shares,
        left_out=found.left_out,
        unpriced=found.unpriced,
        days_left=_days_left(found, asked, days),
        verdict=_verdict(differences, asked, shares),
    )


def _count(found: Outcomes, arm: str, share: float, rows: np.ndarray) -> ArmCount:
    totals = {name: float(total[rows].sum()) for name, total in found.totals.items()}
    return ArmCount(arm=arm, share=share, people=len(rows), totals=totals)


def arm_metric(found: Outcomes, metric: Metric, rows: np.ndarray) -> Arm:
    """Of the people in ``rows``."""
    top = found.totals[metric.top][rows]
    return ratio_arm(top, found.totals[metric.bottom][rows]) if metric.bottom else mean_arm(top)


def _difference(
    found: Outcomes,
    metric: Metric,
    pair: tuple[str, str],
    rows: Mapping[str, np.ndarray],
    level: float,
    *,
    guard: bool,
) -> Difference:
    control, other = (arm_metric(found, metric, rows[arm]) for arm in pair)
    clock = float(sum(found.totals[metric.ticks][rows[arm]].sum() for arm in pair))
    value, low, high = (float(part) for part in anytime_difference(control, other, clock, level=level))
    before = float(control.mean)
    error = float(np.sqrt(np.add(control.error, other.error)))
    sure = float(boundary(clock, level)) + NormalDist().inv_cdf(POWER)
    good, bad = (low > 0, high < 0) if metric.good > 0 else (high < 0, low > 0)
    return Difference(
        metric=metric.name,
        arm=pair[1],
        guard=guard,
        control_mean=_finite(before),
        mean=_finite(float(other.mean)),
        difference=_finite(value),
        low=_finite(low),
        high=_finite(high),
        relative=_finite(value / before) if before > 0 else None,
        finds=_finite(sure * error / before) if before > 0 and error > 0 else None,
        verdict="better" if good else "worse" if bad else "open",
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _days_left(found: Outcomes, asked: Question, days: float) -> float | None:
    """By the control's mean and spread, for two arms of the traffic that all arms have."""
    metric = next(one for one in METRICS if one.name == asked.metric)
    place = list(asked.shares).index(asked.control)
    rows = np.flatnonzero(found.arm == place)
    arm = arm_metric(found, metric, rows)
    mean, people = float(arm.mean), len(found.arm)
    if not (np.isfinite(mean) and mean > 0 and float(arm.error) > 0 and days > 0):
        return None
    ticks = float(found.totals[metric.ticks][rows].sum()) / len(rows)
    level = 1 - (1 - LEVEL) / max(1, len(asked.shares) - 1)
    deviation = float(np.sqrt(float(arm.error) * len(rows)))
    control, total = asked.shares[asked.control], sum(asked.shares.values())
    needed = 0.0
    for name, share in asked.shares.items():
        if name == asked.control or not share > 0:
            continue
        pair = people_needed(
            mean, SOUGHT, deviation=deviation, clock=ticks, level=level, power=POWER,
            share=share / (share + control),
        )  # fmt: skip
        # Two of the arms are compared; the others take their part of the traffic too.
        needed = max(needed, pair.anytime * total / (share + control))
    missing = needed - people
    return max(0.0, missing / (people / days))


def _verdict(differences: Sequence[Difference], asked: Question, shares: float) -> str:
    if shares < UNTRUSTED:
        return (
            "not to be trusted: people do not lie in the arms by their shares. Something loses people of one "
            "arm, or the shares were changed on the way."
        )
    harmed = [one for one in differences if one.guard and one.verdict == "worse"]
    if harmed:
        return "stop: " + ", ".join(f"more {one.metric} in {one.arm}" for one in harmed)
    decided = [one for one in differences if one.metric == asked.metric and one.verdict != "open"]
    if not decided:
        return f"open: no difference in {asked.metric} is sure yet"
    return ", ".join(f"{one.arm} is {one.verdict} than {asked.control} in {one.metric}" for one in decided)
