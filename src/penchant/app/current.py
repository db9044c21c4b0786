"""The snapshot that serves: found, checked, loaded; the last good one where the newest is broken."""

import logging

from penchant.app.shop import Shop
from penchant.errors import PenchantError, SnapshotRefused
from penchant.events.attributes import ConsentedAttributes
from penchant.learn.shelf import Promotion
from penchant.model.serving import ServingModel, load_serving
from penchant.model.snapshot import read_manifest
from penchant.model.trend import LiveTrend
from penchant.recommend.experiment import Arms, Experiment
from penchant.taste.tokens import TokenMaker
from penchant.taste.tracker import TasteTracker

_log = logging.getLogger(__name__)


class CurrentModel:
    """Loads from the shop's shelf; all models read one ``trend``.

    ``failure`` is what went wrong last; empty where nothing did."""

    def __init__(self, shop: Shop, trend: LiveTrend) -> None:
        self._shop = shop
        self._trend = trend
        self.failure = ""
        self._refused: Promotion | None = None

    def experiment(self) -> Experiment:
        """The arms of the settings. One whose snapshot is not there or broken is told, and has no lists."""
        said = self._shop.settings.experiment
        pinned: dict[str, TasteTracker] = {}
        missing: dict[str, str] = {}
        for arm, name in said.pinned().items():
            try:
                pinned[arm] = self._followed(self.load(name), name)
            except PenchantError as error:
                missing[arm] = f"arm {arm}: {error}"
                _log.warning("%s; its people get what serves", missing[arm])
        arms = Arms(said.name, {arm: one.share for arm, one in said.arms.items()})
        return Experiment(arms, pinned, missing)

    def tracker(self) -> TasteTracker | None:
        """States under the newest snapshot that is whole; None before the first training."""
        history = self._shop.shelf.history()
        for promotion in reversed(history):
            try:
                model = self.load(promotion.name)
            except PenchantError as error:
                if promotion is history[-1]:
                    self.refuse(promotion, error)
                continue
            return self._followed(model, promotion.name)
        return None

    def _followed(self, model: ServingModel, name: str) -> TasteTracker:
        return TasteTracker(
            model,
            self._shop.log,
            TokenMaker(self._shop.ids, self._shop.catalog.queries.of),
            self._shop.consent,
            ConsentedAttributes(self._shop.attributes, self._shop.consent).attributes_of,
            snapshot=name,
            capacity=self._shop.settings.serve.states,
        )

    def load(self, name: str) -> ServingModel:
        """The serving form of one snapshot, with a row for every item there is now.

        Raises:
            SnapshotRefused: broken, or of another shop. NotFound: no such snapshot.
        """
        text = self._shop.catalog.text_vectors()
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
        return None if newest == self._refused else newest

    def refuse(self, promotion: Promotion | None, error: Exception) -> None:
        """Serve on with what there is; ``promotion`` is not tried again before something is promoted.

        None where the shelf itself cannot be read, which is told once.
        """
        told = str(error) or type(error).__name__
        if promotion is not None or told != self.failure:
            _log.warning("%s does not serve: %s", promotion.name if promotion else "a new snapshot", told)
        self.failure, self._refused = told, promotion or self._refused
