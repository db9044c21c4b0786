"""Lists and events of an experiment."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from penchant.evaluate.ab.lists import lists_of
from penchant.evaluate.ab.outcomes import Outcomes, outcomes_of
from penchant.evaluate.ab.report import Experiment, Question, judge
from penchant.events.cleaning.run import Cleaned
from penchant.events.log import EventColumns
from penchant.testing.fakes import InMemoryImpressions, InMemoryLog
from penchant.types import Event, EventType, Impression, Reason, Recommendation

POPULAR = Reason(kind="popular")
AT, DAY = 1_767_225_600.0, 86_400.0
World = tuple[list[Impression], list[Event]]


def impression(
    name: str, person: str, at: float, *items: str, arm: str = "", fallback: str = "", chance: float = 1.0
) -> Impression:
    return Impression(
        recommendation_id=name,
        user_id=person,
        timestamp=AT + at,
        placement="home",
        items=tuple(
            Recommendation(item_id=item, score=1.0, position=place, reason=POPULAR, propensity=chance)
            for place, item in enumerate(items)
        ),
        arm=arm,
        fallback=fallback,
    )


def columns(events: Sequence[Event]) -> tuple[EventColumns, dict[int, str]]:
    """The log, and which events name a list."""
    log = InMemoryLog()
    log.append([msgspec.structs.replace(one, event_id=f"e{number}") for number, one in enumerate(events)])
    return log.columns(), InMemoryImpressions(log).named()


def outcomes(
    shown: Sequence[Impression],
    events: Sequence[Event],
    arms: Sequence[str] = ("old", "new"),
    *,
    marked: Sequence[str] | set[str] = (),
    **more: Any,
) -> Outcomes:
    log, named = columns(events)
    cleaned = Cleaned(events={}, people={"bot": list(marked)} if marked else {}, steps=[])  # type: ignore[arg-type]
    return outcomes_of(lists_of(shown), log, named, list(arms), cleaned=cleaned, **more)


def asked(shares: Mapping[str, float]) -> Question:
    return Question("spring", "conversion", "old", shares)


def judged(made: World) -> Experiment:
    return judge(outcomes(*made), asked({"old": 0.5, "new": 0.5}), AT + 10 * DAY)


def world(
    people: int,
    buys: Mapping[str, float],
    refunds: Mapping[str, float] | None = None,
    lost: float = 0.0,
    seed: int = 0,
) -> World:
    """One list for each person, who then buys with the arm's chance; a share of the new arm is lost."""
    rng = np.random.default_rng(seed)
    shown, events = list[Impression](), list[Event]()
    for number in range(people):
        arm, name = ("old", "new")[number % 2], f"p{number}"
        chance = rng.random(3)
        if arm == "new" and chance[0] < lost:
            continue
        at = 10 * DAY * number / people
        shown.append(impression(f"r{number}", name, at, "tea", arm=arm))
        made = {"purchase": (buys, chance[1]), "refund": (refunds or {}, chance[2])}
        for kind, (chances, drawn) in made.items():
            if drawn < chances.get(arm, 0.0):
                when = AT + at + 60
                events.append(
                    Event(user_id=name, type=EventType(kind), timestamp=when, item_id="tea", price=5.0)
                )
    return shown, events
