"""Which trained model serves."""

import argparse

from penchant.app.output import plain, say
from penchant.app.shop import Shop
from penchant.errors import InvalidInput

Arguments = argparse.Namespace


def snapshots(arguments: Arguments) -> None:
    """List, promote or roll back."""
    with Shop(arguments.shop, writer=False) as shop:
        if arguments.action == "promote":
            if not arguments.name:
                raise InvalidInput("say which snapshot: `penchant snapshots list` shows them")
            shop.shelf.promote(arguments.name, shop.clock())
        elif arguments.action == "rollback":
            shop.shelf.rollback(shop.clock())
        history = shop.shelf.history()
        serving = history[-1].name if history else ""
        listed = [
            {"name": name, "serving": name == serving, "broken": manifest is None}
            | ({"metrics": manifest.metrics, "log_position": manifest.log_position} if manifest else {})
            for name, manifest in shop.shelf.manifests().items()
        ]
    say(arguments, listed, lambda: "\n\n".join(plain(row) for row in listed) or "no snapshots yet")
