"""The snapshot that serves: found, checked, loaded; the last good one where the newest is broken."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

import msgspec

from penchant.app.deltas import Signature, signature
from penchant.app.shop import Shop
from penchant.errors import NotFound, PenchantError, SnapshotRefused, StorageError
from penchant.events.attributes import ConsentedAttributes
from penchant.learn.shelf import Promotion
from penchant.model.serving import ServingModel, load_serving
from penchant.model.snapshot import MANIFEST, WEIGHTS, read_manifest
from penchant.model.trend import LiveTrend
from penchant.recommend.experiment import Arms, Experiment
from penchant.taste.disregarded import CountedHistories
from penchant.taste.tokens import TokenMaker
from penchant.taste.tracker import TasteTracker

_log = logging.getLogger(__name__)

AGAIN = 10.0
"""Seconds before one is tried again that may not be to blame: memory was short, or a disk."""


class _Refused(NamedTuple):
    """What was refused, its files as they were, and when it is tried again whatever they are (monotonic)."""

    promotion: Promotion
    files: tuple[Signature | None, ...]
    again: float


class CurrentModel:
    """Loads from the shop's shelf; all models read one ``trend``.

    ``failure`` is what went wrong last; empty where nothing did."""

    def __init__(self, shop: Shop, trend: LiveTrend, clock: Callable[[], float] = monotonic) -> None:
        self._shop = shop
        self._clock = clock
        self._trend = trend
        self.failure = ""
        self._refused: _Refused | None = None

    def experiment(self) -> Experiment:
        """The arms of the settings. One whose snapshot is not there or broken is told, and has no lists."""
        said = self._shop.settings.experiment
        pinned: dict[str, TasteTracker] = {}
        missing: dict[str, str] = {}
        for arm, name in said.pinned().items():
            try:
                pinned[arm] = self.alone(name)
            except PenchantError as error:
                missing[arm] = f"arm {arm}: {error}"
                _log.warning("%s; its people get what serves", missing[arm])
        arms = Arms(said.name, {arm: one.share for arm, one in said.arms.items()})
        return Experiment(arms, pinned, missing, self._shop.consent)

    def tracker(self) -> TasteTracker | None:
        """States under the newest snapshot that is whole; None before the first training."""
        try:
            history = self._shop.shelf.history()
        except (OSError, msgspec.DecodeError) as error:
            self.refuse(None, error)
            return None
        for promotion in reversed(history):
            try:
                model = self.load(promotion.name)
            # Whatever is wrong with one, an earlier one may be whole, and without any what is popular serves.
            except Exception as error:
                if promotion is history[-1]:
                    self.refuse(promotion, error)
                continue
            return self._followed(model, promotion.name)
        return None

    def alone(self, name: str) -> TasteTracker:
        """States under one snapshot, whatever serves. Raises as :meth:`load`."""
        return self._followed(self.load(name), name)

    def _followed(self, model: ServingModel, name: str) -> TasteTracker:
        return TasteTracker(
            model,
            CountedHistories(self._shop.log, self._shop.corrections.disregarded, self._shop.clock),
            TokenMaker(self._shop.ids, self._shop.catalog.queries.of),
            self._shop.consent,
            ConsentedAttributes(self._shop.attributes, self._shop.consent).attributes_of,
            snapshot=name,
            capacity=self._shop.settings.serve.states,
            rest=self._shop.settings.serve.rest,
        )

    def load(self, name: str) -> ServingModel:
        """The serving form of one snapshot, with a row for every item there is now.

        Raises:
            SnapshotRefused: broken, or of another shop. NotFound: no such snapshot.
        """
        text = self._shop.catalog.text_table(whole=False).by_row()
        prices = self._shop.catalog.prices(len(text))
        model = load_serving(self._shop.shelf.path(name), text, self._trend, prices)
        manifest = model.manifest
        if self._shop.ids.digest(manifest.id_table_length) != manifest.id_table_hash:
            raise SnapshotRefused(f"snapshot {name} belongs to another shop: its item table differs")
        return model

    def load_metrics(self, name: str) -> dict[str, float]:
        """What the snapshot reached when it was made."""
        try:
            return dict(read_manifest(self._shop.shelf.path(name)).metrics)
        except PenchantError:
            return {}  # It serves from memory, whatever became of its folder.

    def newer_than(self, tracker: TasteTracker | None) -> Promotion | None:
        """What was promoted since, and not refused yet; None where nothing was."""
        history = self._shop.shelf.history()
        if not history:
            return None
        newest = history[-1]
        if tracker is not None and tracker.snapshot == newest.name:
            self.failure, self._refused = "", None
            return None
        refused = self._refused
        if refused is None or refused.promotion != newest:
            return newest
        # Files that were put right, or a fault that was not theirs: it is worth another look.
        changed = refused.files != self._files(newest.name)
        return newest if changed or self._clock() >= refused.again else None

    def refuse(self, promotion: Promotion | None, error: Exception) -> None:
        """Serve on with what there is; ``promotion`` is not tried again before something is promoted or its
        files change, unless the fault may not be its own. What is the same is told once.

        None where the shelf itself cannot be read.
        """
        told = str(error) or type(error).__name__
        if told != self.failure:
            _log.warning("%s does not serve: %s", promotion.name if promotion else "a new snapshot", told)
        self.failure = told
        if promotion is not None and not _may_pass(error):
            own = isinstance(error, (SnapshotRefused, NotFound))
            again = float("inf") if own else self._clock() + AGAIN
            self._refused = _Refused(promotion, self._files(promotion.name), again)

    def _files(self, name: str) -> tuple[Signature | None, ...]:
        folder = self._shop.shelf.folder / name
        return signature(folder / MANIFEST), signature(folder / WEIGHTS)


def _may_pass(error: BaseException) -> bool:
    """Whether it was the disk that refused, not what is on it."""
    because = error.__cause__
    broken = isinstance(because, OSError) and not isinstance(because, FileNotFoundError)
    return broken or isinstance(error, StorageError | OSError)
