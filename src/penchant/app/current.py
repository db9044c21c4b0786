"""The snapshot that serves: found, checked, loaded; the last good one where the newest is broken."""

from typing import Any

from penchant.app.shop import Shop
from penchant.errors import NotTrained, PenchantError, SnapshotRefused
from penchant.model.serving import ServingModel, load_serving
from penchant.model.trend import LiveTrend
from penchant.taste.tokens import TokenMaker
from penchant.taste.tracker import TasteTracker


class CurrentModel:
    """Loads from the shop's shelf; all models read one ``trend``.

    ``failure`` is what went wrong last; empty where nothing did."""

    def __init__(self, shop: Shop, trend: LiveTrend) -> None:
        self._shop = shop
        self._trend = trend
        self.failure = ""

    def tracker(self) -> TasteTracker | None:
        """States under the newest snapshot that is whole; None before the first training."""
        for promotion in reversed(self._shop.shelf.history()):
            try:
                model = self.load(promotion.name)
            except PenchantError as error:
                self.failure = self.failure or str(error)
                continue
            return TasteTracker(
                model,
                self._shop.log,
                TokenMaker(self._shop.ids, self._read_query),
                self._shop.consent,
                snapshot=promotion.name,
                capacity=self._shop.settings.serve.states,
            )
        return None

    def load(self, name: str) -> ServingModel:
        """The serving form of one snapshot, with a row for every item there is now.

        Raises:
            SnapshotRefused: broken, or of another shop. NotFound: no such snapshot.
        """
        model = load_serving(self._shop.shelf.path(name), self._shop.catalog.text_vectors(), self._trend)
        manifest = model.manifest
        if self._shop.ids.digest(manifest.id_table_length) != manifest.id_table_hash:
            raise SnapshotRefused(f"snapshot {name} belongs to another shop: its item table differs")
        return model

    def load_metrics(self, name: str) -> dict[str, float]:
        """What the snapshot reached when it was made."""
        manifest = self._shop.shelf.manifests().get(name)
        return dict(manifest.metrics) if manifest is not None else {}

    def newer_than(self, tracker: TasteTracker | None) -> str:
        """Name of a snapshot that was promoted since; empty where there is none."""
        try:
            name = self._shop.shelf.current()
        except NotTrained:
            return ""
        return "" if tracker is not None and tracker.snapshot == name else name

    def _read_query(self, text: str) -> Any:
        return self._shop.encoder.encode([text])[0]
