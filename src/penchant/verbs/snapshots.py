"""Which trained model serves."""

import argparse
from typing import Any

from msgspec import UNSET

from penchant.app.output import plain, say
from penchant.app.shop import Shop
from penchant.errors import InvalidInput
from penchant.model.snapshot import Manifest

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
            | (_told(manifest) if manifest else {})
            for name, manifest in shop.shelf.manifests().items()
        ]
    say(arguments, listed, lambda: "\n\n".join(plain(row) for row in listed) or "no snapshots yet")


def _told(manifest: Manifest) -> dict[str, Any]:
    """Where it comes from and what the gate said."""
    found: dict[str, Any] = {
        "parent": manifest.parent or "none",
        "log_position": manifest.log_position,
        "metrics": manifest.metrics,
    }
    if manifest.learned is not None:
        found["verdict"] = "accepted" if manifest.learned.accepted else "refused"
        found["reasons"] = list(manifest.learned.reasons)
        if manifest.learned.teacher is not UNSET:
            found["teacher"] = manifest.learned.teacher
    return found
