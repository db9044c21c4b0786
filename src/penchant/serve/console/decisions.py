"""The page of decisions: what waits with its reason and what each choice would do, and who decided what."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from penchant.decide.approval import Person
from penchant.errors import InvalidInput
from penchant.serve.console.actions import json
from penchant.serve.console.desk import Desk, page
from penchant.serve.console.guard import Action, session_of
from penchant.serve.console.sessions import Session
from penchant.serve.decisions import KINDS, STATES, among, value_in
from penchant.serve.rules import note_in, number_in

SHOWN: Final = 50
"""Newest decisions on a page."""
WIDTH, HEIGHT = 600.0, 160.0
PLOTS: Final = {"price": "What each price should bring", "order": "Chance that nothing is missing"}
DONE: Final = {
    "proposed": "Proposed", "replaced": "Replaced", "approved": "Approved", "edited": "Edited",
    "rejected": "Rejected", "sending": "On its way", "sent": "Sent", "taken-back": "Taken back",
    "outcome": "What came of it",
}  # fmt: skip


class Plot(msgspec.Struct, frozen=True):
    """A curve and its interval in the units of the picture, and where ``now`` and the suggestion lie."""

    name: str
    line: str
    band: str
    now: float | None
    value: float | None
    ticks: list[str]
    ends: list[str]


def decisions(desk: Desk, request: Request, session: Session) -> Response:
    """What waits, or what the address asks for: ``?state=`` and ``?kind=``."""
    kind, state = request.query_params.get("kind", ""), request.query_params.get("state", "waiting")
    among(kind, KINDS, "kind")
    among(state, (*STATES, "all"), "state")
    if kind == "list":
        state = "shown"
    found = desk.services.decided.decisions(kind, "" if state == "all" else state, SHOWN)
    return page(
        desk, request, "decisions.html", session=session, kind=kind, state=state, states=STATES, kinds=KINDS,
        lists=[one for one in found if one["kind"] == "list"], most=SHOWN, who=session.who,
        cards=[(one, plot(one), change(one)) for one in found if one["kind"] != "list"],
        amount=partial(amount, currency=desk.services.settings.currency), deed=step_words,
    )  # fmt: skip


def amount(one: Mapping[str, Any], value: float, currency: str) -> str:
    """A value with its unit.

    >>> amount({"kind": "order"}, 48.0, "CHF"), amount({"kind": "campaign"}, 2.5, "CHF")
    ('48 pieces', 'costs 2.50 CHF')
    """
    if one["kind"] == "order":
        return f"{value:,g} pieces"
    return ("costs " if one["kind"] == "campaign" else "") + f"{value:,.2f} {currency}".rstrip()


def step_words(step: Mapping[str, Any]) -> str:
    """One thing that happened, in words.

    >>> step_words({"what": "edited", "value": 2.5, "by": "Ann", "via": "key 1", "note": "rounder"})
    'Edited: 2.5, by Ann (key 1): rounder'
    """
    value = f": {step['value']:.12g}" if "value" in step else ""
    former = ", the former price" if step.get("back") else ""
    by = f", by {step['by']}" if step["by"] else ""
    via = f" ({step['via']})" if step["via"] not in ("", step["by"]) else ""
    came = ", ".join(f"{name} {figure}" for name, figure in step.get("came", {}).items())
    more = "".join(f": {words}" for words in (came, step["note"]) if words)
    return DONE[step["what"]] + value + former + by + via + more


def change(one: Mapping[str, Any]) -> str:
    """By how much a value differs from the one now, as people say it.

    >>> change({"now": 3.5, "value": 2.8}), change({"now": None, "value": 2.8})
    ('−20%', '')
    """
    if not one["now"]:
        return ""
    share = 100 * (one["value"] / one["now"] - 1)
    return f"{share:+.0f}%".replace("-", "−")


def plot(one: Mapping[str, Any]) -> Plot | None:
    """The what-if curve; None where there is none.

    >>> made = plot({"kind": "price", "curve": [[2.0, 1.0, 0.0, 2.0], [4.0, 2.0, 1.0, 3.0]], "now": 3.0,
    ...              "value": 9.0, "goal": "profit a period"})
    >>> made.now, made.value, made.ends
    (300.0, None, ['2.00', '4.00'])
    """
    curve: Sequence[Sequence[float]] = one["curve"]
    if len(curve) < 2:
        return None
    first, last = curve[0][0], curve[-1][0]
    low, high = min(point[2] for point in curve), max(point[3] for point in curve)

    def across(value: float | None) -> float | None:
        inside = value is not None and first <= value <= last
        return round((value - first) / (last - first) * WIDTH, 2) if inside and value is not None else None

    def dots(place: int, points: Sequence[Sequence[float]]) -> str:
        height = (high - low) or 1.0
        return " ".join(
            f"{across(point[0])},{round((1 - (point[place] - low) / height) * HEIGHT, 2)}" for point in points
        )

    chance = one["kind"] == "order"
    name = PLOTS["order"] if chance else f"{PLOTS['price']}: {one['goal']}"
    ticks = [f"{value:.0%}" if chance else f"{value:,.2f}" for value in (high, (high + low) / 2, low)]
    ends = [f"{value:.12g}" if chance else f"{value:,.2f}" for value in (first, last)]
    band = f"{dots(2, curve)} {dots(3, curve[::-1])}"
    return Plot(name, dots(1, curve), band, across(one["now"]), across(one["value"]), ticks, ends)


def approve(desk: Desk, request: Request, body: dict[str, Any]) -> Response:
    """``{"id", "author", "note", "seen"}``: a yes; what is approved by as many as it needs goes out."""
    return json(desk.services.decided.approve(*_asked(desk, request, body)))


def edit(desk: Desk, request: Request, body: dict[str, Any]) -> Response:
    """``{"id", "value", "author", "note", "seen"}``: that value is suggested instead."""
    name, who, note, seen = _asked(desk, request, body)
    return json(desk.services.decided.edit(name, value_in(body), who, note, seen))


def reject(desk: Desk, request: Request, body: dict[str, Any]) -> Response:
    """``{"id", "author", "note", "seen"}``: a no."""
    return json(desk.services.decided.reject(*_asked(desk, request, body)))


def take_back(desk: Desk, request: Request, body: dict[str, Any]) -> Response:
    """``{"id", "author", "note", "seen"}``: the former price holds again."""
    return json(desk.services.decided.take_back(*_asked(desk, request, body)))


def _asked(desk: Desk, request: Request, body: dict[str, Any]) -> tuple[str, Person, str, int | None]:
    name, author = body.get("id"), body.get("author")
    if not isinstance(name, str) or not 0 < len(name) <= desk.services.settings.serve.max_id:
        raise InvalidInput("id must be that of a decision, as text")
    if not isinstance(author, str) or not author.strip():
        raise InvalidInput("say who you are: the record keeps who decided what")
    session = session_of(desk, request)
    via = session.who if session is not None else ""
    return name, Person(author, via), note_in(body), number_in(body, "seen")


ACTIONS: Final[dict[str, Action]] = {
    "approve": approve, "edit": edit, "reject": reject, "take-back": take_back,
}  # fmt: skip
