"""The report of an experiment for a terminal."""

from rich.console import Group
from rich.table import Table

from penchant.evaluate.ab.report import SOUGHT, Difference, Experiment


def experiment_table(found: Experiment) -> Group:
    """Arms, differences and what to think of them."""
    return Group(_arms(found), "", _differences(found), "", *notes(found))


def _arms(found: Experiment) -> Table:
    title = f"experiment {found.name}: {found.days:.1f} days"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="")
    table.add_column("arm")
    names = ("share", "people", "lists", "answered", "purchases", "revenue", "refunds")
    for name in names:
        table.add_column(name, justify="right")
    for arm in found.arms:
        cells = [f"{arm.totals[name]:,.0f}" for name in names[2:]]
        table.add_row(arm.arm, f"{arm.share:.0%}", f"{arm.people:,}", *cells)
    return table


def _differences(found: Experiment) -> Table:
    table = Table(box=None, pad_edge=False, header_style="")
    for name in ("metric", "arm", found.control, "arm's", "difference", "interval", "finds", ""):
        table.add_column(name, justify="left" if name in ("metric", "arm", "") else "right")
    for one in found.differences:
        name = f"{one.metric} *" if one.metric == found.metric else one.metric
        table.add_row(
            f"{name} (guard)" if one.guard else name,
            one.arm,
            number(one.control_mean),
            number(one.mean),
            percent(one.relative),
            interval(one),
            percent(one.finds),
            one.verdict,
        )
    return table


def interval(one: Difference) -> str:
    """Bounds relative to the control; open where nothing is known."""
    if one.low is None or one.high is None or not one.control_mean:
        return "not known yet"
    return f"{one.low / one.control_mean:+.1%} to {one.high / one.control_mean:+.1%}"


def number(value: float | None) -> str:
    """A mean.

    >>> number(0.0512345), number(None)
    ('0.05123', '–')
    """
    return "–" if value is None else f"{value:.4g}"


def percent(value: float | None) -> str:
    """A relative difference."""
    return "–" if value is None else f"{value:+.1%}"


def notes(found: Experiment) -> list[str]:
    """What a reader should know, a line each."""
    lines = [
        f"* decides. Its intervals hold at all looks together at {found.level:.0%}; so do those of guards.",
        "finds: the smallest difference that these people would show in 80% of experiments.",
        f"Do people lie in the arms by their shares? p = {found.shares:.3f}",
    ]
    if found.days_left is not None:
        lines.append(
            f"A difference of {SOUGHT:.0%} in {found.metric} takes about {found.days_left:,.0f} more days."
        )
    if found.left_out:
        lines.append(
            "left out: " + ", ".join(f"{count:,} people {why}" for why, count in found.left_out.items())
        )
    if found.unpriced:
        lines.append(f"{found.unpriced:,} purchases had no price and bring no revenue.")
    return [*lines, "", found.verdict]
