"""What is found about a trial, as it is written to JSON."""

from typing import NamedTuple

import msgspec

from penchant.decide.campaigns.balance import Randomised


class Estimate(msgspec.Struct, frozen=True):
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


class Point(NamedTuple):
    """Of a Qini curve: share of the people, the best first, and gain per treated person of the trial."""

    share: float
    gain: float


class Tenth(msgspec.Struct, frozen=True):
    """A tenth of the people: mean predicted uplift, and the effect that was seen."""

    predicted: float
    seen: Estimate


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One treatment against the control.

    Attributes:
        treatment: its value in the table.
        treated, control: people of each arm.
        randomised: whether it was given by chance.
        difference: of the outcomes' means; an effect only where it was given by chance.
        effect: mean effect, with what the columns explain of the outcome taken off.
        qini: area between the Qini curve and that of a random order, per treated person, in units of the
            outcome.
        curve: points of the Qini curve at every hundredth of the people.
        tenths: of the people by predicted uplift, the highest first.
        weights: of the learners, mean over the folds.
        people_differ: whether ``qini`` is above 0 beyond doubt.
    """

    treatment: str
    treated: int
    control: int
    randomised: Randomised
    difference: Estimate
    effect: Estimate | None = None
    qini: Estimate | None = None
    curve: list[Point] = []
    tenths: list[Tenth] = []
    weights: dict[str, float] = {}
    people_differ: bool = False


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """A trial.

    Attributes:
        rows, rows_left_out: with a known treatment and outcome, and without.
        treatment, outcome: columns.
        success: value of the outcome that counted as 1; None of an amount.
        binary: the outcome is 0 or 1.
        control: value of the people who got no offer.
        features: columns that people are told by.
        columns_left_out: others, and why.
        arms: one for each treatment.
        qini: that of the one treatment; of several, by treatment, those that were given by chance.
        uplift: of each row of the file in its order, learned from other rows, None of a row that could not
            be read; by treatment where there are several. Nothing where none was given by chance.
    """

    rows: int
    rows_left_out: int
    treatment: str
    outcome: str
    success: str | None
    binary: bool
    control: str
    features: list[str]
    columns_left_out: dict[str, str]
    arms: list[Arm]
    qini: Estimate | dict[str, Estimate] | None
    uplift: list[float | None] | dict[str, list[float | None]] | None
