"""Verbs that train and compare."""

import argparse
import time

import msgspec

from penchant.app import ranking, tuning, work
from penchant.app.bars import training_bar
from penchant.app.distil import distil_model
from penchant.app.output import note, progress, say
from penchant.app.ranking import Learned
from penchant.app.shop import Shop
from penchant.app.tomltext import block, write_values
from penchant.errors import InvalidInput
from penchant.evaluate.arms import make_arms
from penchant.evaluate.run import Plan
from penchant.evaluate.stream_cut import StreamPlan
from penchant.evaluate.stream_report import stream_tables
from penchant.evaluate.tables import terminal_report

Arguments = argparse.Namespace


def train(arguments: Arguments) -> None:
    """Train on the whole log and promote."""
    with Shop(arguments.shop, writer=False) as shop, shop.training(), progress() as told:
        settings = shop.settings.train
        if arguments.pretrain is not None:
            settings = msgspec.structs.replace(settings, pretrain=arguments.pretrain)
        work.model_settings(settings)  # a wrong one is refused before anything is read
        given = work.material(shop, told)
        split = ranking.ready(given) if arguments.ranker else None
        bar = training_bar(told, settings.time_budget)
        model = work.train_model(shop, given, bar, settings=settings)
        manifest = work.keep_model(shop, model, given, {})
        name = shop.shelf.current()
        ranker = None if split is None else ranking.train_ranker(shop, given, split, told)
    found = {"snapshot": name, **msgspec.to_builtins(manifest)}
    if ranker is not None:
        found["ranker"] = msgspec.to_builtins(ranker)
    say(arguments, found, lambda: f"trained {name}: it serves from now on{_told(ranker)}")


def _told(ranker: Learned | None) -> str:
    if ranker is None:
        return ""
    found = ranker.verdict
    change = f"NDCG@10 {found.taste:.4f} by taste alone, {found.ranked:.4f} ranked, on {found.lists:,} lists"
    verdict = "the ranker serves" if found.trees else "that is not surely better: taste alone orders lists"
    return f"\n{change}; {verdict}, in a server that runs within a minute"


def distil(arguments: Arguments) -> None:
    """A smaller model taught by the one that serves; it waits to be promoted."""
    with Shop(arguments.shop, writer=False) as shop, shop.training(), progress() as told:
        found = distil_model(shop, told, arguments.dim, arguments.layers)
    say(arguments, found, found.words)


def tune(arguments: Arguments) -> None:
    """Look for better settings; what serves is not touched."""
    with Shop(arguments.shop, writer=False) as shop, shop.training(), progress() as told:
        given = work.material(shop, told)
        found = tuning.tune(shop, given, arguments.minutes, told, time.monotonic)
        path = shop.folder / "shop.toml"
        if arguments.apply:
            write_values(path, "train", found.settings)
            found = msgspec.structs.replace(found, applied=True)
    before = "" if found.validation_before is None else f", {found.validation_before:.4f} as it is set now"
    how = f"validation NDCG@10 {found.validation:.4f}{before}; {found.attempts} attempts"
    then = (
        f"written to {path}" if arguments.apply else "put this into shop.toml, or run it again with --apply"
    )
    say(arguments, found, lambda: f"{how}\n{then}:\n\n{block('train', found.settings)}")


def evaluate(arguments: Arguments) -> None:
    """Compare models, or with ``--arms`` ways of learning on; the shop's snapshots are not touched."""
    if arguments.arms is not None:
        replay_stream(arguments)
        return
    with Shop(arguments.shop, writer=False) as shop, progress() as told:
        given = work.material(shop, told)
        found = work.compare(shop, given, Plan(protocol=arguments.protocol), told)
    note(f"as a page: {shop.folder / 'reports' / 'evaluation.html'}")
    say(arguments, msgspec.json.decode(found.json()), lambda: terminal_report(found))


def replay_stream(arguments: Arguments) -> None:
    """Replay the shop's history for each way of learning on, and compare them."""
    if arguments.protocol != "prequential":
        raise InvalidInput(
            f"--arms replays the log as a stream, which --protocol {arguments.protocol} is not: "
            "use --protocol prequential"
        )
    names = tuple(name for name in arguments.arms.split(",") if name)
    make_arms(names)  # a wrong one is refused before anything is read
    plan = StreamPlan(arms=names, blocks=arguments.blocks, checkpoints=arguments.checkpoints)
    with Shop(arguments.shop, writer=False) as shop, progress() as told:
        found = work.replay(shop, work.material(shop, told), plan, told)
    note(f"as a page: {shop.folder / 'reports' / 'learning.html'}")
    say(arguments, msgspec.json.decode(found.json()), lambda: stream_tables(found))
