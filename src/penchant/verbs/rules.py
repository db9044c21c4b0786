"""The rules of the house: see them, change them, try them, take a change back."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from penchant.app.output import iso, plain, say, who_asks
from penchant.app.ruling import Ruling, book_of
from penchant.app.shop import Shop
from penchant.errors import InvalidInput
from penchant.recommend.fallback import nobody_hears
from penchant.recommend.rules.dryrun import effects
from penchant.types import Impression

Arguments = argparse.Namespace


def rules(arguments: Arguments) -> None:
    """One of its actions."""
    _ACTIONS[arguments.action](arguments)


def _list(arguments: Arguments) -> None:
    with Shop(arguments.shop, writer=False) as shop:
        ruling = Ruling(shop, nobody_hears)
        listed = effects(ruling.force, shop.catalog.view(), [])
    told = {"version": ruling.force.version, "rules": listed}
    say(arguments, told, lambda: "\n".join(map(rule_words, listed)) or "no rules yet")


def _import(arguments: Arguments) -> None:
    data = _file(arguments)
    with Shop(arguments.shop, writer=False) as shop:
        kept = book_of(shop).save(data, who_asks(arguments), note=arguments.note)
    say(arguments, {"version": kept.version}, lambda: f"the rules are at version {kept.version}")


def _export(arguments: Arguments) -> None:
    with Shop(arguments.shop, writer=False) as shop:
        data = msgspec.json.format(book_of(shop).document(), indent=2) + b"\n"
    if arguments.what:
        Path(arguments.what).write_bytes(data)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()


def _dry_run(arguments: Arguments) -> None:
    # What makes lists takes seconds to load, and only this needs it.
    from penchant.app.serving import Serving  # noqa: PLC0415

    data = _file(arguments)
    serving = Serving(Shop(arguments.shop, writer=False), impressions=_Nowhere())
    try:
        found = serving.rules.try_rules(data)
    finally:
        serving.close()
    say(arguments, found, lambda: dry_run_words(found))


def _history(arguments: Arguments) -> None:
    with Shop(arguments.shop, writer=False) as shop:
        history = book_of(shop).history()
    words = [plain(one | {"time": iso(one["time"])}) for one in history]
    say(arguments, history, lambda: "\n\n".join(words) or "no rules yet")


def _rollback(arguments: Arguments) -> None:
    if not arguments.what.isdecimal():
        raise InvalidInput("say which version to bring back: `penchant rules history` shows them")
    with Shop(arguments.shop, writer=False) as shop:
        kept = book_of(shop).rollback(int(arguments.what), who_asks(arguments), note=arguments.note)
    told = {"version": kept.version, "restores": kept.restores}
    say(arguments, told, lambda: f"the rules are at version {kept.version}, as version {arguments.what} was")


_ACTIONS = {
    "list": _list, "import": _import, "export": _export, "dry-run": _dry_run,
    "history": _history, "rollback": _rollback,
}  # fmt: skip


class _Nowhere:
    """Takes shown lists; there are none."""

    def append(self, impressions: Sequence[Impression]) -> None:
        del impressions


def _file(arguments: Arguments) -> bytes:
    if not arguments.what:
        raise InvalidInput(f"say which file: penchant rules {arguments.action} FILE")
    return Path(arguments.what).read_bytes()


def rule_words(rule: Mapping[str, Any]) -> str:
    """A rule as one line.

    >>> rule_words({"name": "Ours", "action": "limit", "amount": 2.0, "per": "brand", "on": True, "items": 31,
    ...             "starts": None, "ends": 0.0})
    'Ours: limit 2 per brand, 31 items until 1970-01-01T00:00:00Z'
    """
    amount = "" if rule["action"] == "exclude" else f" {rule['amount']:g}"
    per = f" per {rule['per']}" if rule["per"] else ""
    times = [f" {word} {iso(rule[name])}" for name, word in _TIMES if rule[name] is not None]
    off = "" if rule["on"] else " (off)"
    return f"{rule['name']}: {rule['action']}{amount}{per}, {rule['items']:,} items{''.join(times)}{off}"


_TIMES = (("starts", "from"), ("ends", "until"))


def dry_run_words(found: Mapping[str, Any]) -> str:
    """What a document would have changed.

    >>> dry_run_words({"lists": 300, "changed": 12, "share": 0.04, "rules": []})
    "These rules would have changed 4.0% of last week's lists (12 of 300 made again)."
    """
    if not found["lists"]:
        return "\n".join(
            ["No list was shown last week: nothing to compare.", *map(rule_words, found["rules"])]
        )
    changed = f"{found['changed']:,} of {found['lists']:,} made again"
    first = f"These rules would have changed {found['share']:.1%} of last week's lists ({changed})."
    return "\n".join(
        [first, *(f"{rule_words(one)}; in {one['lists']} changed lists" for one in found["rules"])]
    )
