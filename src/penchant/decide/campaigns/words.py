"""What is found about a trial, in plain words."""

from collections.abc import Callable

from penchant.decide.campaigns.features import words_left_out
from penchant.decide.campaigns.result import Arm, Estimate, Fitted

Shown = Callable[[float], str]


def words(found: Fitted) -> str:
    """A page of text for people."""
    shown = _percent if found.binary else _amount
    lines = [
        f"{found.rows:,} people, {found.outcome!r} by {found.treatment!r}; nothing was done to "
        f"{found.control!r}",
        f"told apart by: {', '.join(found.features)}",
    ]
    if found.success is not None:
        lines.insert(1, f"counted as 1 of {found.outcome!r}: {found.success!r}")
    if found.columns_left_out:
        lines.append(f"columns left out: {words_left_out(found.columns_left_out)}")
    if found.rows_left_out:
        lines.append(f"{found.rows_left_out:,} rows have no treatment, no outcome, or cannot be read")
    for arm in found.arms:
        lines += ["", *(_arm(arm, shown) if arm.qini is not None else _not_by_chance(arm, shown))]
    return "\n".join(lines)


def _arm(arm: Arm, shown: Shown) -> list[str]:
    lines = [f"{arm.treatment!r}: {arm.treated:,} people, against {arm.control:,}", _chance(arm)]
    if arm.effect is not None and arm.qini is not None:
        lines.append(f"effect on the outcome, mean of all: {_estimate(arm.effect, shown)}")
        lines.append(
            f"Qini, on people left out: {arm.qini.value:.6g} ({arm.qini.low:.6g} to {arm.qini.high:.6g})"
        )
        lines += _conclusion(arm, arm.effect)
    lines.append("effect by tenths of the people, the highest predicted first:")
    lines += [
        f"  {place:>2}: predicted {shown(one.predicted)}, seen {_estimate(one.seen, shown)}"
        for place, one in enumerate(arm.tenths, 1)
    ]
    return lines


def _chance(arm: Arm) -> str:
    found = arm.randomised
    sure = f"AUC {found.auc:.3f} ({found.low:.3f} to {found.high:.3f}), .5 is chance"
    if found.verdict == "yes":
        return f"who got it cannot be told from the columns: as in a randomised trial ({sure})"
    return (
        f"who got it can just be told from the columns ({sure}{_by(arm)}): too little to change "
        f"what follows, but "
        "find out why; a column that came after the offer is no feature (--leave-out)"
    )


def _by(arm: Arm) -> str:
    return f"; most by {', '.join(arm.randomised.told_by[:5])}" if arm.randomised.told_by else ""


def _not_by_chance(arm: Arm, shown: Shown) -> list[str]:
    found = arm.randomised
    return [
        f"{arm.treatment!r}: {arm.treated:,} people, against {arm.control:,}",
        f"This was not randomised: who got it can be told from the columns, AUC {found.auc:.3f} "
        f"({found.low:.3f} to {found.high:.3f}); .5 would be chance{_by(arm)}.",
        f"Outcomes differ by {_estimate(arm.difference, shown)}, but nobody can say how much of it "
        f"is the offer and "
        "how much the people whom it was given to. So there is no effect, no Qini and no uplift of a person.",
        "What helps: give it by the toss of a coin to some of those who would get it, and keep the "
        "others without. "
        "If it was drawn and a column came after the offer (a visit, an answer), leave that column out by "
        "--leave-out.",
    ]


def _conclusion(arm: Arm, effect: Estimate) -> list[str]:
    lines: list[str] = []
    if effect.low <= 0 <= effect.high:
        lines.append("No effect on the whole was found: the interval holds 0.")
    if not arm.people_differ:
        lines.append(
            "No difference between people was found: offering it to all, or to nobody, is as good "
            "as choosing by "
            "these columns, as far as this trial can tell."
        )
        return lines
    lines.append("People differ: whom it is offered to matters, and these columns tell something of it.")
    put_off = [one for one in arm.tenths if one.seen.high < 0]
    if put_off:
        lines.append(f"{len(put_off)} of 10 tenths were put off by it: leave them alone.")
    return lines


def _estimate(found: Estimate, shown: Shown) -> str:
    return f"{shown(found.value)} ({shown(found.low)} to {shown(found.high)})"


def _percent(value: float) -> str:
    return f"{100 * value:+.2f} points"


def _amount(value: float) -> str:
    return f"{value:+.4g}"
