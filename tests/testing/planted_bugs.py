"""Bugs that the simulation must find, one and more of each class of fault: kept so that it stays sharp.

Each is a way to make the product wrong that somebody could write by mistake; the first three were in it.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from tests.testing.real_house import RealHouse, open_house, open_with_learner

from penchant.adapters.sqlite import database
from penchant.app import engine
from penchant.app.current import CurrentModel, _Refused
from penchant.app.engine import Engine
from penchant.app.live import Live
from penchant.errors import StorageError
from penchant.events.intake import IntakeResult
from penchant.taste.state import Taste
from penchant.taste.tokens import TokenMaker
from penchant.testing.simulation.clients import DAY
from penchant.testing.simulation.disk import Fault

Patch = tuple[object, str, object]


@dataclass(frozen=True)
class Bug:
    """``faults``: all that the disk does. ``patches``: what is put in the place of the right code."""

    faults: Sequence[Fault]
    patches: Sequence[Patch] = ()
    open_house: Callable[..., RealHouse] = open_house

    @contextmanager
    def planted(self):
        with ExitStack() as stack:
            for target, name, wrong in self.patches:
                stack.enter_context(patch.object(target, name, wrong))
            yield


def options(*wrong):
    """The database is opened with other options; the last one said of a name holds."""
    return (database, "_OPTIONS", (*database._OPTIONS, *wrong))


class AnswersFirst(RealHouse):
    """What is taken is written a moment after the answer."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.later = []

    def take(self, requests):
        self.later += requests
        return [IntakeResult(accepted=len(records)) for records in requests]

    def hear(self):
        if self.later:
            super().take(self.later)
            self.later.clear()
        super().hear()


class SwallowsRefusals(RealHouse):
    """Whoever sends is told that all is well, whatever the disk says."""

    def take(self, requests):
        try:
            return super().take(requests)
        except StorageError:
            return [IntakeResult(accepted=len(records)) for records in requests]


class NamesAnew(RealHouse):
    """An event gets an id of its own each time it comes: a repeat is another event."""

    count = 0

    def take(self, requests):
        for record in (record for records in requests for record in records):
            NamesAnew.count += 1
            record["event_id"] = f"{record['event_id']}-{self.count}"
        return super().take(requests)


class DropsTheLate(RealHouse):
    """What comes a day too late is acknowledged and thrown away."""

    def take(self, requests):
        newest = self.clock() - DAY
        kept = [[one for one in records if one["timestamp"] >= newest] for records in requests]
        super().take(kept)
        return [IntakeResult(accepted=len(records)) for records in requests]


def hears_after_saying_so(engine, entries):
    """The position moves before the effect: what fails in between is never heard."""
    if entries:
        engine.position = entries[-1].position
    right_hear(engine, entries)


right_hear = Engine._hear


def in_order_of_arrival(taste, logged, told):
    """A late event moves the state as if it had happened last."""
    right_hear_one(taste, logged, told)
    taste.late = False


right_hear_one = Taste.hear


def counts_what_it_hears(live, answers):
    """No look at what was counted before a restart."""
    counted = live.counted
    live.counted = 0
    right_answered(live, answers)
    live.counted = max(live.counted, counted)


right_answered = Live.answered


def refused_for_good(current, promotion, error):
    """A model that could not be loaded is never tried again, even if it was the disk."""
    current.failure = str(error)
    if promotion is not None:
        files = current._files(promotion.name)
        current._refused = _Refused(promotion, files, float("inf"))


KILL, CUT, FULL, BROKEN = (Fault.KILL,), (Fault.POWER_CUT,), (Fault.FULL,), (Fault.BROKEN,)

BUGS = {
    "kill: an item of before has no row": Bug(KILL, [(engine, "_give_rows", lambda *_: None)]),
    "order: a state is kept that was read too early": Bug((), [(TokenMaker, "nameless", lambda *_: False)]),
    "EIO: a model is refused for good": Bug(BROKEN, [(CurrentModel, "refuse", refused_for_good)]),
    "kill: the answer comes before the write": Bug(KILL, open_house=AnswersFirst),
    "kill: the learner counts again after a restart": Bug(
        KILL, [(Live, "answered", counts_what_it_hears)], open_with_learner
    ),
    "power cut: a commit is not synced": Bug(CUT, [options("PRAGMA synchronous = NORMAL")]),
    "power cut: nothing is synced": Bug(CUT, [options("PRAGMA synchronous = OFF")]),
    "torn write: no journal": Bug(KILL, [options("PRAGMA journal_mode = OFF")]),
    "torn write: a journal in memory": Bug(CUT, [options("PRAGMA journal_mode = MEMORY")]),
    "ENOSPC: swallowed": Bug(FULL, open_house=SwallowsRefusals),
    "EIO: swallowed": Bug(BROKEN, open_house=SwallowsRefusals),
    "EIO: the position moves before the effect": Bug(BROKEN, [(Engine, "_hear", hears_after_saying_so)]),
    "ENOSPC: the position moves before the effect": Bug(FULL, [(Engine, "_hear", hears_after_saying_so)]),
    "duplicate: a repeat is another event": Bug((), open_house=NamesAnew),
    "reorder: a late event counts as the newest": Bug((), [(Taste, "hear", in_order_of_arrival)]),
    "delay: what comes late is thrown away": Bug((), open_house=DropsTheLate),
}
