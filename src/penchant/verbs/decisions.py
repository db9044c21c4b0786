"""Decisions: see what waits, approve, edit or reject it, send it, take it back, and say what came of it."""

import argparse
import math
from collections.abc import Callable, Mapping
from typing import Any

from penchant.app.deciding import DecisionDesk
from penchant.app.output import iso, plain, say, who_asks
from penchant.app.shop import Shop
from penchant.decide.approval import Person
from penchant.errors import InvalidInput
from penchant.serve.decisions import KINDS, STATES, among
from penchant.types import Scalar

Arguments = argparse.Namespace


def decisions(arguments: Arguments) -> None:
    """One of its actions."""
    with Shop(arguments.shop, writer=False) as shop:
        _ACTIONS[arguments.action](arguments, DecisionDesk(shop))


def _list(arguments: Arguments, desk: DecisionDesk) -> None:
    among(arguments.kind, KINDS, "--kind")
    among(arguments.state, STATES, "--state")
    found = desk.decisions(arguments.kind, arguments.state, arguments.limit)
    say(arguments, found, lambda: "\n".join(map(decision_words, found)) or "no decisions")


def _show(arguments: Arguments, desk: DecisionDesk) -> None:
    found = [desk.decision(name) for name in _ids(arguments)]
    words = [plain({name: value for name, value in one.items() if name != "curve"}) for one in found]
    say(arguments, found[0] if len(found) == 1 else found, lambda: "\n\n".join(words))


def _approve(arguments: Arguments, desk: DecisionDesk) -> None:
    _each(arguments, lambda name, who: desk.approve(name, who, arguments.note))


def _reject(arguments: Arguments, desk: DecisionDesk) -> None:
    _each(arguments, lambda name, who: desk.reject(name, who, arguments.note))


def _take_back(arguments: Arguments, desk: DecisionDesk) -> None:
    _each(arguments, lambda name, who: desk.take_back(name, who, arguments.note))


def _edit(arguments: Arguments, desk: DecisionDesk) -> None:
    if arguments.value is None:
        raise InvalidInput("say what is suggested instead: --value NUMBER")
    _each(arguments, lambda name, who: desk.edit(name, arguments.value, who, arguments.note))


def _outcome(arguments: Arguments, desk: DecisionDesk) -> None:
    came = dict(map(_figure, arguments.came))
    _each(arguments, lambda name, who: desk.outcome(name, came, who, arguments.note))


def _send(arguments: Arguments, desk: DecisionDesk) -> None:
    sent = desk.send()
    problem = f"; {sent.problem}" if sent.problem else ""
    say(arguments, sent, lambda: f"{sent.sent:,} prices sent, {sent.waiting:,} wait{problem}")


_ACTIONS: Mapping[str, Callable[[Arguments, DecisionDesk], None]] = {
    "list": _list, "show": _show, "approve": _approve, "edit": _edit, "reject": _reject,
    "take-back": _take_back, "send": _send, "outcome": _outcome,
}  # fmt: skip


def _each(arguments: Arguments, change: Callable[[str, Person], dict[str, Any]]) -> None:
    who = Person(who_asks(arguments))
    found = [change(name, who) for name in _ids(arguments)]
    say(arguments, found[0] if len(found) == 1 else found, lambda: "\n".join(map(decision_words, found)))


def _ids(arguments: Arguments) -> list[str]:
    if not arguments.ids:
        raise InvalidInput(f"say which: penchant decisions {arguments.action} ID; `list` shows them")
    return arguments.ids


def _figure(text: str) -> tuple[str, Scalar]:
    """A figure as it is typed.

    >>> _figure("profit=12.5"), _figure("season=spring")
    (('profit', 12.5), ('season', 'spring'))
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidInput(f"--came takes NAME=VALUE, not {text!r}")
    try:
        number = float(value)
    except ValueError:
        return name, value
    return (name, number) if math.isfinite(number) else (name, value)


def decision_words(one: Mapping[str, Any]) -> str:
    """A decision as one line.

    >>> decision_words({"id": "d1", "kind": "price", "subject": "tea", "state": "waiting", "now": 3.5,
    ...                 "value": 3.2, "needed": 2, "approved_by": ["Ann"], "time": 0.0, "reason": "it pays"})
    'd1 price tea: 3.5 to 3.2, waiting (1 of 2 people), 1970-01-01T00:00:00Z: it pays'
    """
    if one["kind"] == "list":
        return f"{one['id']} list {one['subject']}: {len(one['items'])} items, {iso(one['time'])}"
    now = "" if one["now"] is None else f"{one['now']:.12g} to "
    waits = f" ({len(one['approved_by'])} of {one['needed']} people)" if one["state"] == "waiting" else ""
    delivery = one.get("delivery", {}).get("problem", "")
    unsent = f"; not sent: {delivery}" if delivery else ""
    return (
        f"{one['id']} {one['kind']} {one['subject']}: {now}{one['value']:.12g}, {one['state']}{waits}, "
        f"{iso(one['time'])}: {one['reason']}{unsent}"
    )
