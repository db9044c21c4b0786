"""Does it work? An experiment's report, the size of one, and another policy judged by the log."""

import argparse
import math

from rich.console import Group
from rich.table import Table

from penchant.adapters.lightgbm_rewards import TreeRewards
from penchant.app.experiment import Power, Sought, experiment_of, policy_of, power_of
from penchant.app.output import note, say
from penchant.app.shop import Shop
from penchant.errors import InvalidInput, MissingExtra
from penchant.evaluate.ab.policy import PolicyValue
from penchant.evaluate.ab.table import experiment_table
from penchant.events.cells import BadCell, time_of

Arguments = argparse.Namespace


def ab(arguments: Arguments) -> None:
    """One of ``report``, ``power`` and ``offpolicy``."""
    if arguments.file is not None and arguments.action != "offpolicy":
        raise InvalidInput(f"`penchant ab {arguments.action}` takes no file")
    {"report": _report, "power": _power, "offpolicy": _offpolicy}[arguments.action](arguments)


def _report(arguments: Arguments) -> None:
    since = 0.0 if arguments.since is None else _time(arguments.since)
    with Shop(arguments.shop, writer=False) as shop:
        found = experiment_of(shop, since=since, days=arguments.days)
    say(arguments, found, lambda: experiment_table(found))


def _time(text: str) -> float:
    try:
        return time_of(text)
    except BadCell as error:
        raise InvalidInput(f"--since {text!r}: {error}") from error


def _power(arguments: Arguments) -> None:
    sought = Sought(
        metric=arguments.metric, effect=arguments.effect, baseline=arguments.baseline,
        deviation=arguments.deviation, level=arguments.level, power=arguments.power, share=arguments.share,
    )  # fmt: skip
    if arguments.baseline is not None and not (arguments.shop / "shop.toml").is_file():
        found = power_of(None, sought)
    else:
        with Shop(arguments.shop, writer=False) as shop:
            found = power_of(shop, sought)
    say(arguments, found, lambda: _power_words(found))


def _power_words(found: Power) -> str:
    lines = [
        f"{found.metric}: {found.baseline:.4g} per person, to be found: {found.effect:+.1%} "
        f"({found.baseline * found.effect:+.4g}), in {found.power:.0%} of experiments",
        f"looked at once, at the end: {found.people_fixed:,} people{_days(found.days_fixed)}",
        f"looked at any time: {found.people_anytime:,} people{_days(found.days_anytime)}, fewer where the "
        "difference is larger",
    ]
    if found.people_a_day is not None:
        lines.append(f"{found.people_a_day:,.1f} people a day were shown lists lately")
    return "\n".join(lines)


def _days(days: float | None) -> str:
    return "" if days is None else f", {max(1, math.ceil(days)):,} days"


def _offpolicy(arguments: Arguments) -> None:
    if arguments.file is None:
        raise InvalidInput(
            "say which policy: a file with recommendation_id, position, item_id and probability, "
            "see docs/experiments.md"
        )
    make = TreeRewards
    try:
        TreeRewards()
    except MissingExtra as error:
        note(f"penchant: no doubly robust estimate: {error}")
        make = None
    with Shop(arguments.shop, writer=False) as shop:
        found = policy_of(shop, arguments.file, clip=arguments.clip, make=make)
    say(arguments, found, lambda: _policy_table(found))


def _policy_table(found: PolicyValue) -> Group:
    title = f"{found.decisions:,} places of lists to {found.people:,} people; answered: {found.shown:.3%}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="")
    for name in ("estimate", "answered", "95% interval"):
        table.add_column(name, justify="left" if name == "estimate" else "right")
    for name, (value, low, high) in found.estimates.items():
        table.add_row(name, f"{value:.3%}", f"{low:.3%} to {high:.3%}")
    lines = [
        f"the log is worth {found.effective:,.0f} decisions of this policy; "
        f"largest weight {found.largest:.1f}, mean {found.mean:.3f}",
    ]
    if found.clipped:
        lines.append(
            f"{found.clipped:.2%} of the weights are clipped: ips may be too low by up to {found.lost:.3f}"
        )
    return Group(table, "", *lines, *(f"! {warning}" for warning in found.warnings))
