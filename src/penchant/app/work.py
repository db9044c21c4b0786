"""The long jobs on a model: gather what it learns from, train, compare."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from penchant.app.bars import training_bar
from penchant.app.output import Told
from penchant.app.shop import Shop
from penchant.evaluate.baselines import baselines
from penchant.evaluate.model import Preference
from penchant.evaluate.recommender import ItemTable
from penchant.evaluate.report import html_report
from penchant.evaluate.result import Evaluation
from penchant.evaluate.run import Plan, evaluate
from penchant.evaluate.stream import run_stream
from penchant.evaluate.stream_cut import StreamPlan
from penchant.evaluate.stream_report import stream_html
from penchant.evaluate.stream_result import StreamResult
from penchant.learn.data import TrainingData, training_data
from penchant.model.checkpoint import clear_checkpoint
from penchant.model.histories import FloatArray
from penchant.model.saving import save_snapshot
from penchant.model.scoring import PreferenceModel
from penchant.model.settings import ModelSettings
from penchant.model.snapshot import Learned, Manifest
from penchant.model.training import Progress, train
from penchant.settings import TrainSettings

TRAINING = "training"
"""Folder in a shop where an interrupted training waits to go on."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All that training and evaluation need of a shop. ``read``: unix seconds when the log was read."""

    data: TrainingData
    items: ItemTable
    queries: FloatArray | None
    read: float = np.inf


def material(shop: Shop, tell: Told) -> Material:
    """The log and the catalogue as arrays; texts that are new are read by the language model first."""
    model_settings(shop.settings.train)  # a wrong one is refused before the texts are read
    read = shop.clock()
    data = training_data(
        shop.log, shop.ids, shop.settings.cleaning, shop.consent, shop.attributes, until=read,
        disregarded=shop.corrections.all_disregarded(),
    )  # fmt: skip
    vectors = shop.catalog.text_vectors(lambda done, all_: tell("reading product texts", done / max(all_, 1)))
    queries = shop.encoder.encode(data.queries) if data.queries else None
    count = len(vectors)
    items = ItemTable(count=count, vectors=vectors, prices=shop.catalog.prices(count))
    return Material(data, items, queries, read)


def model_settings(settings: TrainSettings) -> ModelSettings:
    """A shop's settings as the model room calls them."""
    named = msgspec.structs.asdict(settings)
    return ModelSettings(time_budget_s=named.pop("time_budget"), **named)


def train_model(
    shop: Shop,
    given: Material,
    tell: Callable[[Progress], None],
    until: float | None = None,
    settings: TrainSettings | None = None,
) -> PreferenceModel:
    """A model of everything before ``until`` (unix seconds; None for all). Goes on where it was cut off.

    ``settings`` take the place of the shop's own.
    """
    histories = given.data.histories if until is None else given.data.histories.before(until)
    return train(
        histories,
        given.items.vectors,
        model_settings(settings or shop.settings.train),
        n_items=given.items.count,
        queries=given.queries,
        prices=given.items.prices,
        attributes=given.data.attributes,
        on_progress=tell,
        checkpoint=shop.folder / TRAINING,
    )


def keep_model(shop: Shop, model: PreferenceModel, given: Material, metrics: dict[str, float]) -> Manifest:
    """Write the snapshot, let it serve, prune what is old; its training has no more need of a checkpoint."""
    now = shop.clock()
    path = shop.shelf.new_path(now)
    history = shop.shelf.history()
    manifest = save_snapshot(
        model,
        path,
        id_table_hash=shop.ids.digest(given.items.count),
        id_table_length=given.items.count,
        log_position=given.data.log_position,
        metrics=metrics,
        parent=history[-1].name if history else "",
        learned=from_scratch(given, now),
    )
    shop.shelf.promote(path.name, now, "trained")
    shop.shelf.prune(also=shop.settings.experiment.pinned().values())
    clear_checkpoint(shop.folder / TRAINING)
    return manifest


def from_scratch(given: Material, now: float) -> Learned:
    """All there was is learned; a time that is still to come must not hide what happens before it."""
    times = given.data.histories.times
    to = float(np.nextafter(min(times.max(initial=0.0), given.read), np.inf))
    return Learned(
        since=None, to=to, seen=given.data.log_position, events=len(times), made=now,
        reasons=("trained from scratch",),
    )  # fmt: skip


def compare(
    shop: Shop, given: Material, plan: Plan, tell: Told, trained: PreferenceModel | None = None
) -> Evaluation:
    """Compare the preference model with the baselines and keep the report; snapshots are not touched.

    A model is trained for it, unless one that was ``trained`` before the plan's cut is given.
    """
    settings = shop.settings.train
    bar = training_bar(tell, settings.time_budget)
    ours = Preference(
        model_settings(settings),
        queries=given.queries,
        attributes=given.data.attributes,
        tell=bar,
        trained=trained,
    )
    evaluation = evaluate(
        given.data.histories,
        given.items,
        [ours, *baselines()],
        plan,
        dataset=shop.settings.name,
        progress=tell,
    )
    _keep_report(shop, "evaluation", html_report(evaluation), evaluation.json())
    return evaluation


def replay(shop: Shop, given: Material, plan: StreamPlan, tell: Told) -> StreamResult:
    """Replay the shop's history for each arm of ``plan`` and keep the report; snapshots are not touched."""
    found = run_stream(
        given.data.histories,
        given.items,
        plan,
        model_settings(shop.settings.train),
        queries=given.queries,
        attributes=given.data.attributes,
        dataset=shop.settings.name,
        tell=tell,
    )
    _keep_report(shop, "learning", stream_html(found), found.json())
    return found


def _keep_report(shop: Shop, name: str, html: str, json: bytes) -> None:
    folder = shop.folder / "reports"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.html").write_text(html, encoding="utf-8")
    (folder / f"{name}.json").write_bytes(json)


def last_weeks(given: Material, weeks: int) -> float:
    """Unix seconds of the moment that many weeks before the last event."""
    times = given.data.histories.times
    return float(times.max() - weeks * 7 * 86_400) if len(times) else float(np.inf)
