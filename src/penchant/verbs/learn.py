"""The verb that learns on, by hand or beside a server."""

import argparse
import os
import sys
import threading
from collections.abc import Callable

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


def learn(arguments: Arguments) -> None:
    """Learn on from what came in: once, or whenever it is due until a signal."""
    os.nice(NICENESS)
    if arguments.once or arguments.from_scratch:
        with progress() as told:
            outcome = learn_now(arguments.shop, told, from_scratch=arguments.from_scratch)
        say(arguments, outcome, outcome.words)
        return
    # A low priority alone does not leave shoppers' lists a core: of a product of numpy, however small, the
    # second thread waits busily for the next one (decision record 46).
    with threadpool_limits(1, user_api="blas"):
        _follow(arguments)


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
