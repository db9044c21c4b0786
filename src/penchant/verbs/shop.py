"""Verbs on the shop and its data. No model is loaded."""

import argparse
import sys
from typing import Any

import msgspec

from penchant.app.output import iso, note, plain, progress, say
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import refusals, take_in
from penchant.errors import InvalidInput
from penchant.events.repair import export_letters as lines_of_letters

Arguments = argparse.Namespace
REFUSED = 3
"""Exit code of an import that is done, where some records were refused."""


def init(arguments: Arguments) -> None:
    """Make a new shop."""
    init_shop(arguments.shop, name=arguments.name, currency=arguments.currency)
    say(arguments, {"shop": str(arguments.shop)}, lambda: f"made a shop in {arguments.shop}")


def take(arguments: Arguments) -> int:
    """Import files, or replay the dead letters; returns 3 where records were refused and all else is in."""
    if not arguments.files and arguments.repaired is None:
        raise InvalidInput("nothing to import: name a file, or --repaired")
    if arguments.table and not arguments.files:
        raise InvalidInput("--table says what a file holds: name the file; dead letters name their own table")
    with Shop(arguments.shop, writer=True) as shop, progress() as told:
        taken = take_in(shop, arguments.files, told, arguments.repaired, arguments.table)
    reports = msgspec.to_builtins(taken)
    say(arguments, reports, lambda: "\n\n".join(plain(report) for report in reports))
    refused = refusals(taken)
    if refused:
        note(f"penchant: {refused} (`penchant export-dead-letters` shows them)")
    return REFUSED if refused else 0


def export_events(arguments: Arguments) -> None:
    """All events as JSON lines."""
    with Shop(arguments.shop, writer=False) as shop:
        place = 0
        while entries := shop.log.follow(place, 10_000):
            for entry in entries:
                sys.stdout.buffer.write(msgspec.json.encode(entry.event) + b"\n")
            place = entries[-1].position
        sys.stdout.flush()


def export_letters(arguments: Arguments) -> None:
    """Dead letters as JSON lines."""
    with Shop(arguments.shop, writer=False) as shop:
        for line in lines_of_letters(shop.dead_letters):
            sys.stdout.buffer.write(line.rstrip(b"\n") + b"\n")
        sys.stdout.flush()


def keys(arguments: Arguments) -> None:
    """Create, list or revoke API keys."""
    with Shop(arguments.shop, writer=False) as shop:
        if arguments.action == "create":
            made = shop.keys.create(arguments.scope, shop.clock())
            say(arguments, {"key": made}, lambda: f"{made}\nKeep it: it is not shown again.")
        elif arguments.action == "revoke":
            if not arguments.id:
                raise InvalidInput("say which key to revoke: `penchant keys list` shows their ids")
            shop.keys.revoke(arguments.id, shop.clock())
            say(arguments, {"revoked": arguments.id}, lambda: f"revoked {arguments.id}")
        else:
            listed = [
                {"id": k.id, "scopes": sorted(k.scopes), "created": k.created, "revoked": k.revoked}
                for k in shop.keys.listed()
            ]
            say(arguments, listed, lambda: "\n\n".join(map(_key_words, listed)) or "no keys yet")


def _key_words(key: dict[str, Any]) -> str:
    """A key as people read it."""
    revoked = "no" if key["revoked"] is None else iso(key["revoked"])
    return plain(
        key | {"scopes": ", ".join(key["scopes"]), "created": iso(key["created"]), "revoked": revoked}
    )


def export_user(arguments: Arguments) -> None:
    """All that is held on a person, always as JSON."""
    with Shop(arguments.shop, writer=False) as shop:
        found = shop.rights().export(shop.pseudonymizer.pseudonym(arguments.user))
    say(arguments, found)


def erase_user(arguments: Arguments) -> None:
    """Remove all that is held on a person."""
    if not arguments.yes:
        raise InvalidInput("this cannot be undone: say --yes to erase")
    with Shop(arguments.shop, writer=True) as shop:
        erased = shop.rights().erase(shop.pseudonymizer.pseudonym(arguments.user), shop.clock())
    say(arguments, erased, lambda: plain(erased.removed))
