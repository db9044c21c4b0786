"""One rule: what it does, how much, and when. Its conditions are in the engine."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

from penchant.events.cells import BadCell as BadTime
from penchant.events.cells import time_of
from penchant.types import Scalar

ACTIONS: Final = ("pin", "boost", "bury", "exclude", "limit", "age")
PER: Final = ("", "brand", "category", "department")
MOST_PLACE, MOST_SHIFT, MOST_AGE, MOST_ITEMS = 200, 100.0, 120, 1_000
LONGEST_NAME: Final = 200
FOREVER: Final = float("inf")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a row of a table does with the items that fit it.

    Attributes:
        name: unique in a document; a reason names it.
        action: ``exclude``: never shown. ``age``: shown only to people known to have ``amount`` years.
            ``boost``, ``bury``: scores up or down by ``amount`` standard deviations. ``limit``: at most
            ``amount`` of them in a list, or of each ``per`` (brand, category, department) among them.
            ``pin``: the best of them stands at place ``amount``, from 1.
        starts, ends: unix seconds, the end not included.
        table, first: number of its table, and whether only the first of its rows that fits an item acts.
    """

    name: str
    action: str
    amount: float = 1.0
    per: str = ""
    starts: float = -FOREVER
    ends: float = FOREVER
    on: bool = True
    table: int = 0
    first: bool = False

    def due(self, now: float) -> bool:
        """Whether it acts at ``now``, if its conditions hold."""
        return self.on and self.starts <= now < self.ends


class BadRule(ValueError):
    """Why a row is no rule: the column and what is wrong there."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(f"{column} {why}")


def rule_of(values: Mapping[str, Scalar], table: int, first: bool) -> Rule:
    """A rule of what its output cells say.

    Raises:
        BadRule: a column is missing or says something impossible.

    >>> rule_of({"rule": "Ours first", "action": "boost", "amount": 0.5}, 0, False).amount
    0.5
    """
    action = _text(values, "action")
    if action not in ACTIONS:
        raise BadRule("action", f"must be one of {', '.join(ACTIONS)}, not {action!r}")
    rule = Rule(
        name=_name(values), action=action,
        amount=_amount(action, values.get("amount")), per=_per(action, values),
        starts=_time(values, "starts", -FOREVER), ends=_time(values, "ends", FOREVER), on=_on(values),
        table=table, first=first,
    )  # fmt: skip
    if rule.starts >= rule.ends:
        raise BadRule("ends", "must be after starts")
    return rule


def _name(values: Mapping[str, Scalar]) -> str:
    name = _text(values, "rule").strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise BadRule("rule", f"must be a name of 1 to {LONGEST_NAME} characters")
    return name


def _text(values: Mapping[str, Scalar], column: str) -> str:
    value = values.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRule(column, f"must be a text, not {value!r}")
    return value


def _per(action: str, values: Mapping[str, Scalar]) -> str:
    per = _text(values, "per")
    if per not in PER:
        raise BadRule("per", f"must be empty or one of {', '.join(PER[1:])}, not {per!r}")
    if per and action != "limit":
        raise BadRule("per", "is for the action limit only")
    return per


def _on(values: Mapping[str, Scalar]) -> bool:
    on = values.get("on")
    if on is not None and not isinstance(on, bool):
        raise BadRule("on", f"must be true, false or empty, not {on!r}")
    return on is not False


def _time(values: Mapping[str, Scalar], column: str, otherwise: float) -> float:
    text = _text(values, column).strip()
    if not text:
        return otherwise
    try:
        return time_of(text)
    except BadTime as error:
        raise BadRule(column, f"{error}; write it as 2026-12-01T00:00Z") from error


_RANGES: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "pin": (lambda x: x == int(x) and 1 <= x <= MOST_PLACE, f"is a place from 1 to {MOST_PLACE}"),
    "boost": (lambda x: 0 < x <= MOST_SHIFT, f"is above 0, at most {MOST_SHIFT:g} (standard deviations)"),
    "bury": (lambda x: 0 < x <= MOST_SHIFT, f"is above 0, at most {MOST_SHIFT:g} (standard deviations)"),
    "limit": (lambda x: x == int(x) and 1 <= x <= MOST_ITEMS, f"is a number of items from 1 to {MOST_ITEMS}"),
    "age": (lambda x: x == int(x) and 1 <= x <= MOST_AGE, f"is an age from 1 to {MOST_AGE}"),
}


def _amount(action: str, given: Scalar) -> float:
    if action == "exclude":
        if given is not None:
            raise BadRule("amount", "must be empty: an excluded item is never shown")
        return 1.0
    if given is None and action in ("boost", "bury"):
        return 1.0
    fits, words = _RANGES[action]
    number = float(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else math.inf
    if not math.isfinite(number) or not fits(number):
        raise BadRule("amount", f"of {action} {words}, not {given!r}")
    return number


def told(rule: Rule) -> dict[str, Any]:
    """A rule as JSON has it: open ends of its schedule are None."""
    plain = cast(dict[str, Any], msgspec.to_builtins(rule))
    times = {name: None if abs(plain[name]) == FOREVER else plain[name] for name in ("starts", "ends")}
    return {name: plain[name] for name in ("name", "action", "amount", "per", "on")} | times
