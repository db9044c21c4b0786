"""Words to items: meaning by the language model, names and codes by the letter."""

from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import CatalogView
from penchant.errors import InvalidInput
from penchant.recommend.candidates import top_k
from penchant.recommend.filters import on_sale
from penchant.recommend.lexicon import Lexicon
from penchant.recommend.shown import Found
from penchant.taste.tracker import Reading, TasteTracker
from penchant.types import Pseudonym, Reason, Recommendation

LETTER = 0.6
"""What a full match by the letter adds to the cosine of meaning."""

PERSONAL = 0.1
"""What one standard deviation of personal preference adds."""

POOL = 200
"""Best matches that personal preference may reorder."""

FOUND = Reason(kind="similar")


class Search:
    """Text query → available items: cosine of meaning plus ``LETTER`` times the share of words held.

    ``tracker`` gives the one that reads a person, None where there is no model yet.
    """

    def __init__(self, catalog: Catalog, tracker: Callable[[Pseudonym | None], TasteTracker | None]) -> None:
        self._catalog = catalog
        self._tracker = tracker
        self._lexicon = Lexicon()
        self._lock = Lock()

    def search(self, query: str, n: int, now: float, *, person: Pseudonym | None = None) -> Found:
        """Up to ``n`` items, best first; with ``person`` the best matches lean towards their taste.

        Raises:
            InvalidInput: the query holds no text.
        """
        if not query.strip():
            raise InvalidInput("the search query is empty: give at least one word")
        view = self._catalog.view()
        scores = self._scores(query, view)
        rows = top_k(scores, on_sale(view, ()), max(n, POOL))
        tracker = self._tracker(person)
        reading = tracker.read(person) if tracker is not None and person else None
        scores = scores[rows] + PERSONAL * _preference(reading, rows, now)
        order = np.argsort(-scores, kind="stable")[:n]
        items = [
            Recommendation(
                item_id=view.ids[int(rows[place])], score=float(scores[place]), position=number, reason=FOUND
            )
            for number, place in enumerate(order)
        ]
        return Found(tuple(items), reading.snapshot if reading is not None else "")

    def _scores(self, query: str, view: CatalogView) -> NDArray[np.float32]:
        table = self._catalog.text_table()
        meaning = table.vectors @ self._catalog.queries.of([query])[0]
        with self._lock:
            self._lexicon.follow(view)
            letters = self._lexicon.match(query, len(view))
        scores = LETTER * letters
        known = min(len(view), len(table.slot))
        scores[:known] += meaning[table.slot[:known]]
        return scores


def _preference(reading: Reading | None, rows: NDArray[np.int64], now: float) -> NDArray[np.float32]:
    """Standardised preference for each row; zeros without a reading and for unknown items."""
    preference = np.zeros(len(rows), dtype=np.float32)
    if reading is None or not len(rows):
        return preference
    scores = reading.model.scores(reading.state, now, reading.record, reading.about)
    known = rows < len(scores)
    found = scores[rows[known]]
    preference[known] = (found - scores.mean()) / max(float(scores.std()), 1e-9)
    return preference
