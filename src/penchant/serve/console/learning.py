"""The page on learning: what serves, how good it is, what moved, and the way back."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from penchant.errors import InvalidInput
from penchant.serve.console.actions import json
from penchant.serve.console.desk import Desk, day, moment, page
from penchant.serve.console.sessions import Session

WIDTH, HEIGHT = 600.0, 200.0

TOPS = (0.02, 0.04, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Where the picture may end, so that half of it is a round number too."""

FEW = 500
"""First times below which shares are mostly chance."""

MAX_NAME = 100
"""Characters of a snapshot's name; ours have 17."""

LINES = {
    "serves": "What serves",
    "still": "Without what was learned since the snapshot",
    "frozen": "A frozen model, which neither learns nor follows anybody",
}

Point = Mapping[str, Any]


class Dot(msgspec.Struct, frozen=True):
    """A point of a line, and what it says on hover."""

    x: float
    y: float
    label: str


class Line(msgspec.Struct, frozen=True):
    """``share`` is that of all points together."""

    key: str
    name: str
    share: float
    dots: list[Dot]


class Mark(msgspec.Struct, frozen=True):
    """Something that happened at ``x``: ``kind`` is ``promotion`` or ``alarm``."""

    x: float
    kind: str
    label: str


def learning(desk: Desk, request: Request, session: Session) -> Response:
    """How learning goes, and the button that goes back."""
    told = desk.services.learning()
    points, top = told["points"], top_of(told["points"])
    return page(
        desk, request, "learning.html", session=session, told=told,
        lines=[line(key, points, told["rates"], top) for key in LINES] if points else [],
        marks=marks(told), ticks=[f"{100 * share:g}%" for share in (top, top / 2, 0)],
        words=rate_words(told["rates"]) if points else [], states=STATES, learner=LEARNER,
        loss=loss_words, done=done_words,
        picture=base64.b64encode(told["heat"]["svg"].encode()).decode() if told["heat"] else "",
    )  # fmt: skip


def rollback(desk: Desk, request: Request, body: dict[str, Any]) -> Response:  # noqa: ARG001 (every action has it)
    """``{"confirm": true, "serves"}``: what served before that one serves again; answers which."""
    if body.get("confirm") is not True:
        raise InvalidInput("going back changes what everybody is shown: send confirm as true")
    expected = body.get("serves")
    if not isinstance(expected, str) or not 0 < len(expected) <= MAX_NAME:
        raise InvalidInput("serves must name the snapshot that serves, as text")
    return json(desk.services.rollback(expected))


def top_of(points: Sequence[Point]) -> float:
    """The share at the upper edge of the picture.

    >>> top_of([{"serves": 0.21, "still": 0.2, "frozen": 0.1}])
    0.3
    """
    most = max((point[key] for point in points for key in LINES), default=0.0)
    return next(top for top in TOPS if most <= top or top == TOPS[-1])


def line(key: str, points: Sequence[Point], overall: Point, top: float) -> Line:
    """One of :data:`LINES` through all points, in the units of the picture; 0 is at the bottom."""
    dots = [
        Dot(
            place(point["start"], points),
            round(HEIGHT * (1 - point[key] / top), 2),
            f"from {moment(point['start'])} UTC: {point[key]:.1%} of {point['asked']:,}",
        )
        for point in points
    ]
    return Line(key, LINES[key], overall[key], dots)


def place(time: float, points: Sequence[Point]) -> float:
    """Where ``time`` is between the first point and the last; a single one is in the middle.

    >>> place(5.0, [{"start": 0.0}, {"start": 20.0}])
    150.0
    """
    first, last = points[0]["start"], points[-1]["start"]
    return round(WIDTH * (time - first) / (last - first), 2) if last > first else WIDTH / 2


def marks(told: Mapping[str, Any]) -> list[Mark]:
    """Promotions and alarms within the time of the picture."""
    points = told["points"]
    happened = [("promotion", one["time"], f"{one['name']} took over") for one in told["promotions"]]
    happened += [("alarm", one["time"], one["what"]) for one in told["alarms"]]
    return [
        Mark(place(time, points), kind, f"{moment(time)} UTC: {words}")
        for kind, time, words in happened
        if len(points) > 1 and points[0]["start"] <= time <= points[-1]["start"]
    ]


def rate_words(overall: Point) -> list[str]:
    """What the lines say, in sentences.

    >>> for words in rate_words({"start": 0.0, "asked": 900, "serves": 0.3, "still": 0.3, "frozen": 0.3}):
    ...     print(words)
    Since 1 Jan 1970, 900 times somebody took, or looked at, an item that was new to them.
    It was among the ten best of what was new to them 30.0% of the time.
    That is as often as without what was learned since the snapshot, and as often as with a frozen model.
    """
    asked = f"{overall['asked']:,.0f} time{'' if overall['asked'] == 1 else 's'}"
    words = [
        f"Since {day(overall['start'])}, {asked} somebody took, or looked at, an item that was new to them.",
        f"It was among the ten best of what was new to them {overall['serves']:.1%} of the time.",
        f"That is {as_often(overall['serves'], overall['still'])} without what was learned since the "
        f"snapshot, and {as_often(overall['serves'], overall['frozen'])} with a frozen model.",
    ]
    if overall.get("followed"):
        words.append(f"{overall['followed']:.0%} were things that a list had shown to them the day before.")
    return [*words, "So few say little: wait for more."] if overall["asked"] < FEW else words


def as_often(share: float, other: float) -> str:
    """How two shares compare.

    >>> as_often(0.3, 0.25), as_often(0.3, 0.3), as_often(0.3, 0.0), as_often(0.0, 0.0)
    ('1.20 times as often as', 'as often as', '30.0% against none', 'as often as')
    """
    if share == other or (other and abs(share / other - 1) < 0.005):
        return "as often as"
    return f"{share / other:.2f} times as often as" if other else f"{share:.1%} against none"


def loss_words(loss: float | None) -> str:
    """What the gate measured against the champion, or on the anchor against the last full retrain.

    >>> loss_words(0.1169), loss_words(-0.013), loss_words(0.0), loss_words(None)
    ('11.7% worse', '1.3% better', 'level', '–')
    """
    if loss is None:
        return "–"
    if abs(loss) < 0.0005:
        return "level"
    return f"{abs(loss):.1%} {'worse' if loss > 0 else 'better'}"


def done_words(response: Mapping[str, Any]) -> str:
    """What the learner did about an alarm.

    >>> done_words({"action": "faster", "factor": 1.25, "events": 4500})
    'Learns 1.25 times as fast for 4,500 events'
    """
    faster = f"{response['factor']:.3g} times as fast for {response['events']:,} events"
    if response["action"] == "retrain":
        return f"Ordered a retrain; learns {faster} or until it is there"
    return f"Learns {faster}" if response["action"] == "faster" else "Nothing: it only tells you"


STATES = {"serves": "Serves now", "served": "Served before", "kept": "Never served"}

LEARNER = {
    "running": "Runs beside this server",
    "off": "Is off: nothing is learned beside this server",
    "failed": "Has failed and is started again soon; the server's log says why",
}
