"""What must hold whatever goes wrong."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from penchant.testing.simulation.clients import USERS, Clients
from penchant.testing.simulation.house import Floats, House
from penchant.types import Event, Logged

ALL = 1_000_000


class Violated(AssertionError):
    """An invariant does not hold."""


@dataclass(slots=True)
class Seen:
    """What somebody was shown once: positions and ids in the log, and the id table. Neither may change.

    ``begun``: end of the log before anything was sent.
    """

    begun: int = 0
    places: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    items: list[str] = field(default_factory=list[str])


def check_log(house: House, clients: Clients, seen: Seen) -> None:
    """Acknowledged is durable, each event once, nothing invented, what was there stays in its place.

    Raises:
        Violated: something of that is not so.
    """
    entries = house.log.follow(0, ALL)
    places = [(entry.position, str(entry.event.event_id)) for entry in entries]
    lost = clients.acknowledged - {name for _, name in places}
    _hold(not lost, f"acknowledged and not in the log: {sorted(lost)}")
    ours = [entry for entry in entries if entry.position > seen.begun]
    twice = [mark for mark, times in Counter(map(_mark, ours)).items() if times > 1]
    _hold(not twice, f"in the log more than once: events with the marks {twice}")
    _hold(all(b > a for (a, _), (b, _) in pairwise(places)), "positions do not grow")
    _hold(places[: len(seen.places)] == seen.places, "what was read once is gone or in another place")
    for entry in ours:
        _same(entry.event, clients.sent)
    seen.places = places


def _same(event: Event, sent: dict[str, dict[str, Any]]) -> None:
    record = sent.get(str(event.event_id))
    _hold(record is not None, f"{event.event_id} is in the log and was never sent")
    assert record is not None
    told = (event.item_id, event.type.value, event.timestamp, event.sequence, event.context.get("mark"))
    meant = tuple(record.get(name) for name in ("item_id", "type", "timestamp", "sequence", "mark"))
    _hold(told == meant, f"{event.event_id} was sent as {meant} and is in the log as {told}")


def check_items(house: House, seen: Seen) -> None:
    """A row of the id table is never given to another item.

    Raises:
        Violated: one was.
    """
    found = house.item_ids()
    _hold(found[: len(seen.items)] == seen.items, "the id table changed where it was known")
    seen.items = found


def check_state(house: House, user: str) -> None:
    """What follows a person holds what a new reading of the log holds.

    Raises:
        Violated: it does not.
    """
    _equal(house.state(user), house.fresh_state(user), f"the state of {user} is not that of the log")


def check_effects(house: House) -> None:
    """Everybody's state, and every count, is that of the log; everything was heard.

    Raises:
        Violated: one is not.
    """
    for user in USERS:
        check_state(house, user)
    _equal(house.effects(), house.fresh_effects(), "an event counts twice, or not at all")


def check_serves(house: House) -> None:
    """On a good disk there is a model.

    Raises:
        Violated: there is none.
    """
    _hold(house.serves(), "no model serves, though the disk is good")


def check_learned(house: House) -> None:
    """What the learner counted, over all of its lives, is in it once.

    Raises:
        Violated: it is not.
    """
    found = house.learned()
    if found is not None:
        _equal(found, house.fresh_learned(), "the learner counted an event twice, or not at all")


def _equal(found: Floats | None, expected: Floats | None, why: str) -> None:
    if found is None or expected is None:
        _hold(found is None and expected is None, f"{why}: {found} instead of {expected}")
        return
    close = found.shape == expected.shape and bool(np.allclose(found, expected, rtol=1e-5, atol=1e-5))
    _hold(close, f"{why}: {_short(found)} instead of {_short(expected)}")


def _short(numbers: Floats) -> Sequence[float]:
    return [round(float(one), 4) for one in numbers.ravel()[:8]]


def _mark(entry: Logged) -> Any:
    return entry.event.context.get("mark")


def _hold(true: bool, why: str) -> None:
    if not true:
        raise Violated(why)
