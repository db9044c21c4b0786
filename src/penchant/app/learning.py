"""Follows the log and learns on when enough has come; next to nothing is loaded before that.

What was learned is told by the snapshots alone: each holds up to where it learned, and the one that serves
is where the next pass begins. A process that is killed leaves a whole snapshot or none, so nothing is learned
twice and nothing is left out.
"""

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from penchant.app.drift import wants_a_pass
from penchant.app.output import Told, note
from penchant.app.shop import Shop
from penchant.app.standing import Outcome, Standing, standing
from penchant.errors import Conflict, NotEnoughData, NotTrained, PenchantError
from penchant.learn.shelf import ACCEPTED
from penchant.model.snapshot import read_manifest

POLL_SECONDS = 2.0
"""Between two looks at the log."""

TRIES = 3
"""Passes that are thrown away because somebody was erased meanwhile, before it is given up."""


Step = Callable[[Shop, Standing, Told, bool], Outcome]


def is_due(at: Standing, end: int, now: float, events: int, every: float) -> bool:
    """Whether to learn: ``end`` is the newest log position; after so many events, or seconds (if any came).

    >>> at = Standing("a", None, seen=500, tried=0.0, finished="")
    >>> is_due(at, 1_500, 9.0, 1_000, 60.0), is_due(at, 501, 9.0, 1_000, 60.0), is_due(at, 501, 61.0, 9, 60.0)
    (True, False, True)
    """
    new = end - at.seen
    return bool(at.finished) or new >= events or (new > 0 and now - at.tried >= every)


def scratch_due(at: Standing, end: int, now: float, days: float) -> bool:
    """Whether to train from scratch: so many days after the last time, if anything came; never for 0.

    >>> at = Standing("a", None, seen=500, tried=0.0, finished="", scratched=0.0)
    >>> [scratch_due(at, 501, 31 * 86_400.0, days) for days in (30.0, 60.0, 0.0)]
    [True, False, False]
    """
    return days > 0 and end > at.seen and not at.finished and now - at.scratched >= days * 86_400.0


def learn_now(folder: Path, told: Told, *, from_scratch: bool = False) -> Outcome:
    """One pass, whether it is due or not.

    Raises:
        NotTrained: there is nothing to learn on from. NotEnoughData: too little came. ShopBusy: another
            process trains. Conflict: people were erased all the while; nothing is kept.
    """
    for _ in range(TRIES - 1):
        try:
            return _pass(folder, told, from_scratch)
        except Conflict as error:
            note(str(error))
    return _pass(folder, told, from_scratch)


class Follower:
    """Learns when it is due; what was tried in vain is not tried again before more has come."""

    def __init__(self, folder: Path, told: Told, every: float | None = None) -> None:
        """``every`` takes the place of the shop's own setting."""
        self._folder = folder
        self._told = told
        self._every = every
        self._wait_for = 0

    def look(self) -> Outcome | None:
        """One pass, or None where none is due.

        Raises:
            PenchantError: it could not be done.
        """
        with Shop(self._folder, writer=False) as shop:
            rules, end = shop.settings.learn, shop.log.end()
            at = standing(shop)
            due = is_due(at, end, shop.clock(), rules.events, self._every or rules.every)
            due = due or wants_a_pass(self._folder, at.seen)
            from_scratch = scratch_due(at, end, shop.clock(), rules.scratch)
        if not (due or from_scratch) or end < self._wait_for:
            return None
        try:
            return _pass(self._folder, self._told, from_scratch)
        except NotEnoughData:
            self._wait_for = end + max(1, rules.events // 10)
            raise


def follow(
    follower: Follower,
    on_outcome: Callable[[Outcome], None],
    goes_on: Callable[[], bool] = lambda: True,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Learn as long as ``goes_on`` holds. What goes wrong is told once and tried again.

    After a pass it rests as long as the pass took: half of one processor is the most that is used.
    """
    said = ""
    while goes_on():
        begun, rests = time.monotonic(), 0.0
        try:
            outcome = follower.look()
            if outcome is not None:
                on_outcome(outcome)
                said, rests = "", 1.0
        except PenchantError as error:
            if str(error) != said:
                note(f"learner: {error}")
            said, rests = str(error), 10.0
        sleep(max(POLL_SECONDS, rests * (time.monotonic() - begun)))


def _pass(folder: Path, told: Told, from_scratch: bool) -> Outcome:
    with Shop(folder, writer=False) as shop, shop.training():
        at = standing(shop)
        if at.finished:
            return _finish(shop, at)
        # Only now: torch takes a second and 300 MB.
        step = cast(Step, import_module("penchant.app.nightly").learn_step)
        return step(shop, at, told, from_scratch)


def _finish(shop: Shop, at: Standing) -> Outcome:
    """Promote what an earlier process made and was killed before it could."""
    manifest = read_manifest(shop.shelf.path(at.finished))
    shop.shelf.promote(at.finished, shop.clock(), ACCEPTED)
    learned = manifest.learned
    if learned is None:
        raise NotTrained(f"{at.finished} was not made by a learner")
    return Outcome(
        snapshot=at.finished,
        parent=at.champion,
        serves=True,
        reasons=learned.reasons,
        since=learned.since,
        to=learned.to,
        log_position=manifest.log_position,
        events=learned.events,
    )
