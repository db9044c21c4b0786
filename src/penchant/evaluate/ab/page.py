"""The report of an experiment as a page."""

from typing import Final, NamedTuple

from penchant.evaluate.ab.report import METRICS, Difference, Experiment
from penchant.evaluate.ab.table import interval, notes, number, percent
from penchant.evaluate.page import page

WIDTH: Final = 150.0
MOST: Final = 1.0
"""Relative difference at the end of a picture; bounds beyond are drawn to its edge."""
LEAST: Final = 0.02


class Row(NamedTuple):
    """A difference as it is shown; ``low``, ``middle``, ``high``: places in the picture, None for none."""

    told: Difference
    decides: bool
    control: str
    arm: str
    relative: str
    interval: str
    finds: str
    low: float | None
    middle: float | None
    high: float | None


def experiment_page(found: Experiment | None) -> str:
    """A page that holds everything that it shows; what to do where there is no experiment.

    >>> from penchant.evaluate.ab.report import Experiment
    >>> nobody = Experiment(name="spring", metric="conversion", control="old", level=0.95, since=None,
    ...     days=0.0, arms=[], differences=[], shares=1.0, left_out={}, unpriced=0, days_left=None,
    ...     verdict="open")
    >>> "Experiment spring" in experiment_page(nobody), "No experiment" in experiment_page(None)
    (True, True)
    """
    if found is None:
        return page("experiment.html", e=None)
    edge = _edge(found.differences)
    rows = [_row(found, one, edge) for one in found.differences]
    *told, _, verdict = notes(found)
    return page(
        "experiment.html",
        e=found,
        groups=[
            ("What it is for", [row for row in rows if not row.told.guard]),
            ("What must not get worse", [row for row in rows if row.told.guard]),
        ],
        about={metric.name: metric.about for metric in METRICS},
        notes=told,
        verdict=verdict,
        edge=f"{edge:.0%}",
        width=WIDTH,
    )


def _edge(differences: list[Difference]) -> float:
    """The largest relative bound, within reason."""
    known = [
        abs(bound) / one.control_mean
        for one in differences
        for bound in (one.low, one.high)
        if bound is not None and one.control_mean
    ]
    return min(MOST, max([LEAST, *known]))


def _row(found: Experiment, one: Difference, edge: float) -> Row:
    def place(value: float | None) -> float | None:
        if value is None or not one.control_mean:
            return None
        relative = max(-edge, min(edge, value / one.control_mean))
        return round(WIDTH / 2 * (1 + relative / edge), 1)

    known = one.low is not None and one.high is not None
    return Row(
        told=one,
        decides=one.metric == found.metric,
        control=number(one.control_mean),
        arm=number(one.mean),
        relative=percent(one.relative),
        interval=interval(one),
        finds=percent(one.finds),
        low=place(one.low) if known else None,
        middle=place(one.difference) if known else None,
        high=place(one.high) if known else None,
    )
