"""Item to items: what is chosen in the same way, or described in the same words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import CatalogView
from penchant.errors import EncoderGone, NotFound
from penchant.recommend.fallback import MODEL, PERSON, OnFault, nobody_hears, reason_of
from penchant.recommend.filters import on_sale
from penchant.recommend.popularity import Popular, none_popular
from penchant.recommend.retrieval.follow import Question, Retrieval
from penchant.recommend.rules.arrange import limited
from penchant.recommend.rules.force import Ruled, Rules, RulesInForce
from penchant.recommend.shown import Found
from penchant.taste.corrections import Correction
from penchant.taste.tracker import TasteTracker
from penchant.taste.wished import bent, never, steered
from penchant.types import Reason, Recommendation

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

Best = tuple[Rows, Floats, Mapping[int, Reason]]
"""Rows, best first, their scores, and the reasons of those that a rule lifted."""


class Directions:
    """Item vectors (N, D) at length 1, as retrieval takes a model: its scores are cosines with a direction
    (D,), its "state", and nobody wanted anything before."""

    def __init__(self, vectors: Floats) -> None:
        self.of = vectors
        self.unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        self._levels = np.zeros(len(vectors), np.float32)

    @property
    def n_items(self) -> int:
        return len(self.unit)

    def h(self, state: Floats, now: float, about: Floats | None = None) -> Floats:
        del now, about
        return state

    def again(
        self, state: Any, now: float, record: Any = None, about: Any = None
    ) -> tuple[Rows, Floats, Any]:
        del state, now, record, about
        return np.zeros(0, np.int64), np.zeros(0, np.float32), np.float32(0)

    def biases(self, now: float) -> Floats:
        del now
        return self._levels

    def vectors(self) -> Floats:
        return self.unit


class SimilarItems:
    """Nearest available items by cosine: of the model's vectors, or of texts for items it does not know.

    ``tracker`` gives the one that serves now, None where there is no model yet. Where neither model nor text
    can be asked, ``popular`` gives scores (N,) of a catalogue for who looks at the item of a row.
    ``retrieval`` finds the nearest of very many; it is nobody else's, for its forms are of directions.
    """

    def __init__(
        self,
        catalog: Catalog,
        tracker: Callable[[], TasteTracker | None],
        popular: Popular = none_popular,
        on_fault: OnFault = nobody_hears,
        *,
        rules: Rules | None = None,
        retrieval: Retrieval | None = None,
    ) -> None:
        self._catalog = catalog
        self._tracker = tracker
        self._popular = popular
        self._on_fault = on_fault
        self._rules: Rules = rules or RulesInForce(catalog, lambda _: {})
        self._retrieval = retrieval
        # Replaced as a whole: threads must not see half of one.
        self._made: Directions | None = None

    def similar(self, item_id: str, n: int, now: float = 0.0, wishes: Sequence[Correction] = ()) -> Found:
        """Up to ``n`` available items at ``now`` (unix seconds), most similar first, never the item itself;
        by the ``wishes`` of whoever is asking.

        The rules of the house hold as for a person of whom nothing is known; nothing is pinned.

        Raises:
            NotFound: the item is not in the catalogue.
        """
        view = self._catalog.view()
        row = view.row(item_id)
        if row < 0 or not view.listed[row]:
            raise NotFound(f"no item {item_id!r} in the catalogue")
        ruled = self._rules.about(view, None, "similar", now)
        choice = _Choice(
            view, n, ruled, wishes, ruled.allowed(on_sale(view, [item_id]) & ~never(wishes, view))
        )
        best, snapshot, fallback = self._tried(view, row, choice)
        rows, scores, lifted = best
        why = Reason(kind="similar", items=(item_id,))
        ranked = [
            (row, score, lifted.get(row, why))
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
        ]
        items = [
            Recommendation(item_id=view.ids[row], score=score, position=place, reason=reason)
            for place, (row, score, reason) in enumerate(limited(ranked, n, ruled.plan))
        ]
        return Found(tuple(items), snapshot, fallback)

    def _tried(self, view: CatalogView, row: int, choice: "_Choice") -> tuple[Best, str, str]:
        """What is chosen, the snapshot that says so, and why something else was found."""
        try:
            best, snapshot = self._nearest(view, row, choice)
        except Exception as error:  # A list is answered, whatever is wrong with the model.
            reason = reason_of(error)
            reason = MODEL if reason == PERSON else reason
            self._on_fault(reason, error)
            return choice.best(self._popular(view, row)), "", reason
        return best, snapshot, "" if self._tracker() is not None else MODEL

    def _nearest(self, view: CatalogView, row: int, choice: "_Choice") -> tuple[Best, str]:
        """What is most similar to ``row``, and the snapshot that says so; "" where texts do."""
        tracker = self._tracker()
        if tracker is not None:
            model, snapshot = tracker.serves
            items = self._directions(model.vectors())
            if row < items.n_items and items.unit[row].any():
                return self._among(items, snapshot, row, choice), snapshot
        table = self._catalog.texts_at_hand()
        slot = int(table.slot[row]) if row < len(table.slot) else 0
        if not slot and self._catalog.unread and view.listed[row]:
            raise EncoderGone("the text of this item could not be read yet")
        return choice.best((table.vectors @ table.vectors[slot])[table.slot[: len(view)]]), ""

    def _among(self, items: Directions, snapshot: str, row: int, choice: "_Choice") -> Best:
        direction = items.unit[row]
        if self._retrieval is not None and not choice.moves:
            key, question = (0, snapshot.partition("+")[0]), Question(direction, 0.0, None, None)
            found = self._retrieval.best(items, key, question, choice.allowed, choice.pool)
            if found is not None:
                return *found, {}
        return choice.best(items.unit @ direction)

    def _directions(self, vectors: Floats) -> Directions:
        """Made once for each table."""
        made = self._made
        if made is None or made.of is not vectors:
            self._made = made = Directions(vectors)
        return made


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """What is wanted beside an item: up to ``n`` of ``allowed`` (N,), as rules and wishes have it."""

    view: CatalogView
    n: int
    ruled: Ruled
    wishes: Sequence[Correction]
    allowed: NDArray[np.bool_]

    @property
    def moves(self) -> bool:
        """Whether scores are moved: then those of all items are needed."""
        return self.ruled.bends or bent(self.wishes)

    @property
    def pool(self) -> int:
        return self.ruled.pool(self.n)

    def best(self, scores: Floats) -> Best:
        """Of all rows, or of the first of them that something is known of."""
        scores = scores[: len(self.allowed)]
        allowed = self.allowed[: len(scores)]
        return self.ruled.best(steered(scores, self.wishes, self.view, allowed), allowed, self.pool)
