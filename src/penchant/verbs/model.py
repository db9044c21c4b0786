"""Verbs that train and compare."""

import argparse

import msgspec

from penchant.app import work
from penchant.app.bars import training_bar
from penchant.app.output import note, progress, say
from penchant.app.shop import Shop
from penchant.evaluate.run import Plan
from penchant.evaluate.tables import terminal_report

Arguments = argparse.Namespace


def train(arguments: Arguments) -> None:
    """Train on the whole log and promote."""
    with Shop(arguments.shop, writer=False) as shop, shop.training(), progress() as told:
        given = work.material(shop, told)
        model = work.train_model(shop, given, training_bar(told, shop.settings.train.time_budget))
        manifest = work.keep_model(shop, model, given, {})
        name = shop.shelf.current()
    found = {"snapshot": name, **msgspec.to_builtins(manifest)}
    say(arguments, found, lambda: f"trained {name}: it serves from now on")


def evaluate(arguments: Arguments) -> None:
    """Compare models; the shop's snapshots are not touched."""
    with Shop(arguments.shop, writer=False) as shop, progress() as told:
        given = work.material(shop, told)
        found = work.compare(shop, given, Plan(protocol=arguments.protocol), told)
    note(f"as a page: {shop.folder / 'reports' / 'evaluation.html'}")
    say(arguments, msgspec.json.decode(found.json()), lambda: terminal_report(found))
