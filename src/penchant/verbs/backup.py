"""Verbs that take a shop to one file and back."""

import argparse
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager

import msgspec

from penchant.app.backup import Restored, back_up
from penchant.app.backup import restore as restored
from penchant.app.output import iso, note, plain, progress, say
from penchant.app.shop import Shop
from penchant.errors import InvalidInput
from penchant.events.cells import BadCell, time_of

Arguments = argparse.Namespace
NO_LEDGER = (
    "penchant: no erased.ledger is in this folder. Were people erased after the backup was made? Put the "
    "shop's erased.ledger into a new folder and restore there: it is obeyed, and they stay erased."
)


def backup(arguments: Arguments) -> None:
    """Write the shop to a file, while it serves."""
    with _tidy_on_sigterm(), Shop(arguments.shop, writer=False) as shop:
        made = back_up(shop, arguments.file, with_key=not arguments.without_key)
    told = {
        "file": str(arguments.file), "bytes": arguments.file.stat().st_size, "time": made.time,
        "events": made.events, "log_position": made.log_position, "snapshot": made.snapshot,
        "key": "secret.key" in made.parts,
    }  # fmt: skip
    say(arguments, told, lambda: plain(told | {"time": iso(made.time)}))


def restore(arguments: Arguments) -> None:
    """Make a shop of such a file."""
    until = None
    if arguments.until is not None:
        try:
            until = time_of(arguments.until)
        except BadCell as error:
            raise InvalidInput(f"--until {arguments.until!r}: {error}") from error
    with _tidy_on_sigterm(), progress() as told:
        found = restored(arguments.file, arguments.shop, until=until, clock=time.time, tell=told)
    if not found.ledger:
        note(NO_LEDGER)
    say(arguments, found, lambda: _words(found, str(arguments.shop)))


@contextmanager
def _tidy_on_sigterm() -> Generator[None]:
    """Within it SIGTERM is as Ctrl-C: no copy of the shop may stay behind, where no erasure finds it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _words(found: Restored, shop: str) -> str:
    told = msgspec.to_builtins(found) | {"taken": iso(found.taken), "shop": shop}
    return plain(told if found.snapshot else told | {"snapshot": "none served then: run `penchant train`"})
