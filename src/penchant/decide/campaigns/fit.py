"""A trial from its table to effects, each row's learned from others, with what may be concluded."""

import logging
import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.decide.campaigns.arms import Arms, arms_of
from penchant.decide.campaigns.balance import check
from penchant.decide.campaigns.features import Read, read_features
from penchant.decide.campaigns.learners import LEARNERS
from penchant.decide.campaigns.outcome import outcome_of
from penchant.decide.campaigns.result import Arm, Estimate, Fitted, Point, Tenth
from penchant.decide.campaigns.sample import Sample
from penchant.decide.campaigns.stack import Found, out_of_fold
from penchant.decide.regression import Floats, TreeMaker
from penchant.decide.tables import Table
from penchant.errors import NotEnoughData
from penchant.metrics.uplift import qini_curve, qini_interval

LEAST: Final = 50
"""People of each arm."""
_POINTS: Final = 100
_TENTHS: Final = 10
_Z: Final = 1.959964
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to read a table as.

    Attributes:
        treatment: column of who got what.
        outcome: column of numbers, or of words.
        control: value of ``treatment`` of the people who got no offer; told by itself where it is clear.
        success: value of ``outcome`` that counts as 1, all others as 0; told by itself where it is clear.
        leave_out: columns that are no features, such as what came after the offer.
        seed: of folds and trees.
    """

    treatment: str
    outcome: str
    control: str | None = None
    success: str | None = None
    leave_out: tuple[str, ...] = ()
    seed: int = 0


class _People(NamedTuple):
    """Everybody of a table: features, arms, (n,) outcomes, and whether these are known."""

    read: Read
    arms: Arms
    outcome: Floats
    known: NDArray[np.bool_]


def fit_trial(table: Table, asked: Asked, trees: TreeMaker) -> Fitted:
    """Effects of every treatment against the control.

    Where the columns tell who was treated there is no effect and no Qini: they would mix up what the offer
    did with whom it went to.

    Raises:
        InvalidInput: a column is missing or cannot be what it is said to be.
        NotEnoughData: an arm of too few people, or nothing to tell people by.
    """
    table.names(asked.treatment, "the treatment")
    arms = arms_of(table.columns[asked.treatment], asked.control)
    outcome, success = outcome_of(table.column(asked.outcome, "the outcome"), asked.success)
    for name in asked.leave_out:
        table.column(name, "to be left out")
    gone = {asked.treatment, asked.outcome, *asked.leave_out}
    known = (arms.labels != "") & ~np.isnan(outcome)
    _enough(arms, known)
    read = read_features([column for name, column in table.columns.items() if name not in gone])
    people = _People(read, arms, outcome, known)
    fitted = [_arm(people, name, trees, asked.seed) for name in arms.treatments]
    judged = {arm.treatment: arm for arm, _ in fitted if arm.qini is not None}
    uplift = {arm.treatment: _in_places(table, each) for arm, each in fitted if arm.treatment in judged}
    qini = {arm.treatment: arm.qini for arm in judged.values() if arm.qini is not None}
    alone = len(arms.treatments) == 1
    name = arms.treatments[0]
    return Fitted(
        rows=int(known.sum()),
        rows_left_out=int(table.rows - known.sum()) + table.unreadable,
        treatment=asked.treatment,
        outcome=asked.outcome,
        success=success,
        binary=bool(np.isin(outcome[known], (0.0, 1.0)).all()),
        control=arms.control,
        features=read.used,
        columns_left_out={**read.left_out, **dict.fromkeys(asked.leave_out, "as asked")},
        arms=[arm for arm, _ in fitted],
        qini=qini[name] if alone and qini else qini or None,
        uplift=uplift[name] if alone and uplift else uplift or None,
    )


def _in_places(table: Table, values: Floats) -> list[float | None]:
    """Of each row of the file; None of those that could not be read."""
    made: list[float | None] = [None] * (table.rows + len(table.lost))
    for place, value in zip(table.places().tolist(), values, strict=True):
        made[place] = float(f"{value:.7g}")
    return made


def _enough(arms: Arms, known: NDArray[np.bool_]) -> None:
    for name in [arms.control, *arms.treatments]:
        count = int(((arms.labels == name) & known).sum())
        if count < LEAST:
            raise NotEnoughData(f"only {count} people with a known outcome got {name!r}; {LEAST} are needed")


def _arm(people: _People, name: str, trees: TreeMaker, seed: int) -> tuple[Arm, Floats]:
    read, arms, outcome, known = people
    inside = known & ((arms.labels == name) | (arms.labels == arms.control))
    rows = np.flatnonzero(inside)
    treated = arms.labels[rows] == name
    here = Read(read.features.take(rows), read.used, read.left_out, read.summary[rows])
    _log.info("%s: was it given by chance?", name)
    arm = Arm(
        treatment=name, treated=int(treated.sum()), control=int((~treated).sum()),
        randomised=check(here, treated, trees, seed),
        difference=difference(outcome[rows][treated], outcome[rows][~treated]),
    )  # fmt: skip
    if arm.randomised.verdict == "no":
        return arm, np.zeros(0)
    sample = Sample(here.features, treated, outcome[rows], float(treated.mean()))
    found = out_of_fold(sample, trees, seed=seed, others=read.features.take(np.flatnonzero(~inside)))
    uplift = np.empty(len(known))
    uplift[rows], uplift[~inside] = found.uplift, found.others
    return _judged(sample, found, arm, seed), uplift


def difference(one: Floats, other: Floats) -> Estimate:
    """Of two means, with its 95% interval.

    >>> difference(np.array([1.0, 1.0]), np.array([0.0, 0.0]))
    Estimate(value=1.0, low=1.0, high=1.0)
    """
    error = math.sqrt(one.var() / len(one) + other.var() / len(other))
    return estimate(float(one.mean() - other.mean()), error)


def estimate(value: float, error: float) -> Estimate:
    """A value with its 95% interval."""
    return Estimate(value, value - _Z * error, value + _Z * error)


def _judged(sample: Sample, found: Found, arm: Arm, seed: int) -> Arm:
    inside = qini_interval(found.uplift, sample.treated, sample.outcome, seed=seed)
    error = float(found.pseudo.std()) / math.sqrt(len(sample))
    return msgspec.structs.replace(
        arm,
        effect=estimate(float(found.pseudo.mean()), error),
        qini=Estimate(*inside),
        curve=_points(sample, found.uplift),
        tenths=_tenths(found),
        weights=dict(zip(LEARNERS, (round(float(w), 4) for w in found.weights), strict=True)),
        people_differ=inside.low > 0,
    )


def _points(sample: Sample, uplift: Floats) -> list[Point]:
    curve = qini_curve(uplift, sample.treated, sample.outcome)
    shares = np.linspace(0.0, 1.0, _POINTS + 1)
    return [
        Point(round(float(share), 4), float(gain))
        for share, gain in zip(shares, np.interp(shares, curve.share, curve.gain), strict=True)
    ]


def _tenths(found: Found) -> list[Tenth]:
    """What the offer did to each tenth of the people, those with the highest uplift first."""
    parts = np.array_split(np.argsort(-found.uplift, kind="stable"), _TENTHS)
    made: list[Tenth] = []
    for part in parts:
        error = float(found.pseudo[part].std()) / math.sqrt(len(part))
        seen = estimate(float(found.pseudo[part].mean()), error)
        made.append(Tenth(float(found.uplift[part].mean()), seen))
    return made
