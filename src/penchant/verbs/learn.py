"""The verb that learns on, by hand or beside a server."""

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from threadpoolctl import threadpool_limits

from penchant.app.learning import Follower, follow, learn_now
from penchant.app.online import follow_log
from penchant.app.output import note, progress, say
from penchant.app.shop import Shop
from penchant.app.standing import Outcome, standing

Arguments = argparse.Namespace

NICENESS = 10
"""Whoever answers shoppers goes first."""
AUTOGROUP = Path("/proc/self/autogroup")
TRIES = 20


def learn(arguments: Arguments) -> None:
    """Learn on from what came in: once, or whenever it is due until a signal."""
    stand_back()
    if arguments.once or arguments.from_scratch:
        with progress() as told:
            outcome = learn_now(arguments.shop, told, from_scratch=arguments.from_scratch)
        say(arguments, outcome, outcome.words)
        return
    # A low priority alone does not leave shoppers' lists a core: of a product of numpy, however small, the
    # second thread waits busily for the next one (decision record 46).
    with threadpool_limits(1, user_api="blas"):
        _follow(arguments)


def stand_back() -> None:
    """Let others go first, whatever session they are of.

    Linux may give each session an equal share of the cores (autogroup, see sched(7)): then a low priority
    counts only among processes of one session. A learner that a server has started is alone in its own, so
    that the session has to stand back too. One that was started by hand shares it with whatever else runs
    in that terminal, which is left as it is.
    """
    os.nice(NICENESS)
    if os.getsid(0) != os.getpid():
        return
    for _ in range(TRIES):
        try:
            AUTOGROUP.write_text(str(NICENESS), encoding="ascii")
            return
        except BlockingIOError:  # Only so many of these a second are let through, of all processes.
            time.sleep(0.1)
        except OSError:  # Not Linux, or one without it.
            return


def _follow(arguments: Arguments) -> None:
    goes_on = _while_parent_lives(arguments.beside)
    with Shop(arguments.shop, writer=False) as shop:
        if arguments.beside is None:
            standing(shop)  # Without a model it is told at once; beside a server it waits for one.
        online = shop.settings.learn.seconds > 0
    if online:
        # A thread: a pass takes minutes, and what is new must not wait for it.
        threading.Thread(
            target=follow_log, args=(arguments.shop, goes_on), name="online", daemon=True
        ).start()
    follower = Follower(arguments.shop, _silent, arguments.every)
    follow(follower, _teller(arguments), goes_on)


def _while_parent_lives(parent: int | None) -> Callable[[], bool]:
    return lambda: parent is None or os.getppid() == parent


def _silent(what: str, share: float) -> None:
    """Nobody looks at bars of a process that runs for months."""
    del what, share


def _teller(arguments: Arguments) -> Callable[[Outcome], None]:
    """Each pass in a line of JSON, or in words."""

    def tell(outcome: Outcome) -> None:
        if arguments.json:
            sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
            sys.stdout.flush()
        else:
            note(outcome.words())

    return tell
