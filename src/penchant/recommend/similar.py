"""Item to items: what is chosen in the same way, or described in the same words."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import CatalogView
from penchant.errors import NotFound
from penchant.recommend.candidates import top_k
from penchant.recommend.filters import on_sale
from penchant.recommend.shown import Found
from penchant.taste.model import PreferenceModel
from penchant.taste.tracker import TasteTracker
from penchant.types import Reason, Recommendation


class SimilarItems:
    """Nearest available items by cosine: of the model's vectors, or of texts for items it does not know.

    ``tracker`` gives the one that serves now, None where there is no model yet.
    """

    def __init__(self, catalog: Catalog, tracker: Callable[[], TasteTracker | None]) -> None:
        self._catalog = catalog
        self._tracker = tracker
        # One tuple, replaced as a whole: threads must not see vectors of one model and the name of another.
        self._made: tuple[PreferenceModel, NDArray[np.float32]] | None = None

    def similar(self, item_id: str, n: int) -> Found:
        """Up to ``n`` available items, most similar first, never ``item_id`` itself.

        Raises:
            NotFound: the item is not in the catalogue.
        """
        view = self._catalog.view()
        row = view.row(item_id)
        if row < 0 or not view.listed[row]:
            raise NotFound(f"no item {item_id!r} in the catalogue")
        scores, snapshot = self._cosines(view, row)
        rows = top_k(scores, on_sale(view, [item_id])[: len(scores)], n)
        why = Reason(kind="similar", items=(item_id,))
        items = [
            Recommendation(item_id=view.ids[found], score=float(scores[found]), position=place, reason=why)
            for place, found in enumerate(rows.tolist())
        ]
        return Found(tuple(items), snapshot)

    def _cosines(self, view: CatalogView, row: int) -> tuple[NDArray[np.float32], str]:
        """Similarity of every row to ``row``, shape (N,), and the snapshot that says so; "" where texts do.

        N is what model or text table know.
        """
        tracker = self._tracker()
        if tracker is not None:
            # Together, before the work: a swap meanwhile must not put its name to what this model found.
            model, snapshot = tracker.model, tracker.version
            unit = self._units(model)
            if row < len(unit) and unit[row].any():
                return (unit @ unit[row])[: len(view)], snapshot
        table = self._catalog.text_table()
        return (table.vectors @ table.vectors[table.slot[row]])[table.slot[: len(view)]], ""

    def _units(self, model: PreferenceModel) -> NDArray[np.float32]:
        """The model's vectors at length 1, made once for each model."""
        made = self._made
        if made is None or made[0] is not model:
            vectors = model.vectors()
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            self._made = made = (model, vectors / np.maximum(norms, 1e-9))
        return made[1]
