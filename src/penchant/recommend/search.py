"""Words to items: their meaning by the language model, and the words themselves, mistyped or half typed."""

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import CatalogView
from penchant.errors import InvalidInput, PenchantError
from penchant.recommend.candidates import places_of, top_k
from penchant.recommend.fallback import MODEL, OnFault, nobody_hears, reason_of
from penchant.recommend.filters import Mask, on_sale
from penchant.recommend.lexicon import Lexicon
from penchant.recommend.meaning import Meaning
from penchant.recommend.popularity import Popular, none_popular
from penchant.recommend.rules.arrange import limited
from penchant.recommend.rules.force import Rules, RulesInForce
from penchant.recommend.shown import Found
from penchant.recommend.terms import terms_of
from penchant.taste.corrections import Correction
from penchant.taste.tracker import Reading, TasteTracker
from penchant.taste.wished import STEP, never, wished
from penchant.types import Pseudonym, Reason, Recommendation

Scores = NDArray[np.float32]

WORDS = 2.0
"""What items that hold all words as well as can be have over others, beside the cosine of meaning. Chosen by
``bench/search.py``. Bruch, Gai and Ingber: An analysis of fusion functions for hybrid retrieval, 2023: a sum
of scores on scales that do not depend on the query finds more than ranks do."""

PERSONAL = 0.1
"""What one standard deviation of personal preference adds."""

EQUAL = 1e-3
"""What being popular adds at most where meaning is not known: it tells apart what letters do not."""

POOL = 200
"""Best matches that personal preference may reorder."""

WORDY = 400
"""Items that hold words best whose meaning is compared, where not all items' is."""

SPREAD = 16_384
"""Items whose scores tell how far apart preferences are: all where there are no more, else some of them."""

FOUND = Reason(kind="similar")


class Search:
    """Text query → available items: cosine of meaning plus ``WORDS`` times how well the words are held.

    ``tracker`` gives the one that reads a person, None where there is no model yet. Without the language
    model only items that hold a word are found, of equal matches first what ``popular`` says more of; where
    none does, what is popular. ``meaning`` finds the nearest of very many texts.
    """

    def __init__(
        self,
        catalog: Catalog,
        tracker: Callable[[Pseudonym | None], TasteTracker | None],
        popular: Popular = none_popular,
        on_fault: OnFault = nobody_hears,
        *,
        rules: Rules | None = None,
        wishes_of: Callable[[Pseudonym], Sequence[Correction]] = lambda _: (),
        meaning: Meaning | None = None,
    ) -> None:
        self._catalog = catalog
        self._tracker = tracker
        self._popular = popular
        self._on_fault = on_fault
        self._rules: Rules = rules or RulesInForce(catalog, lambda _: {})
        self._wishes_of = wishes_of
        self._meaning = meaning or Meaning()
        self._lexicon = Lexicon()
        self._lock = Lock()

    def search(self, query: str, n: int, now: float, *, person: Pseudonym | None = None) -> Found:
        """Up to ``n`` items, best first; with ``person`` the best matches lean towards their taste.

        The rules of the house hold, but nothing is pinned. A query without a letter or a digit finds nothing.

        Raises:
            InvalidInput: the query holds no text.
        """
        if not query.strip():
            raise InvalidInput("the search query is empty: give at least one word")
        view = self._catalog.view()
        ruled = self._rules.about(view, person, "search", now)
        wishes, unknown = self._wishes(person)
        allowed = ruled.allowed(on_sale(view, ()) & ~never(wishes, view))
        scores, lost = self._scores(query, view, allowed, whole=ruled.bends)
        rows, scores, lifted = ruled.best(scores, allowed, max(ruled.pool(n), POOL))
        preference, snapshot, fallback = self._preference(person, rows, now)
        scores = scores + PERSONAL * (preference + _wanted(wishes, view)[rows])
        order = np.argsort(-scores, kind="stable").tolist()
        ranked = [(int(rows[at]), float(scores[at]), lifted.get(int(rows[at]), FOUND)) for at in order]
        items = [
            Recommendation(item_id=view.ids[row], score=score, position=place, reason=reason)
            for place, (row, score, reason) in enumerate(limited(ranked, n, ruled.plan))
        ]
        return Found(tuple(items), snapshot, lost or unknown or fallback)

    def _wishes(self, person: Pseudonym | None) -> tuple[Sequence[Correction], str]:
        """What the person asked for, and why it could not be read."""
        try:
            return (() if person is None else self._wishes_of(person)), ""
        except Exception as error:
            return (), self._told(error)

    def _preference(
        self, person: Pseudonym | None, rows: NDArray[np.int64], now: float
    ) -> tuple[NDArray[np.float32], str, str]:
        """What the person prefers of ``rows``, the snapshot that says so, and why it could not."""
        none = np.zeros(len(rows), dtype=np.float32)
        tracker = self._tracker(person)
        if person is None or tracker is None:
            return none, "", MODEL if person is not None else ""
        try:
            reading = tracker.read(person)
            return _preference(reading, rows, now), reading.snapshot if reading is not None else "", ""
        # The words alone find something: whatever is wrong with one person, it is not that.
        except Exception as error:
            return none, "", self._told(error)

    def _told(self, error: Exception) -> str:
        reason = reason_of(error)
        self._on_fault(reason, error)
        return reason

    def _scores(self, query: str, view: CatalogView, allowed: Mask, *, whole: bool) -> tuple[Scores, str]:
        """Scores (len(view),), ``-inf`` where nothing is found, and why they are not of meaning."""
        held = self._words(query, view)
        if not terms_of(query):
            return np.full(len(view), -np.inf, np.float32), ""
        try:
            table = self._catalog.texts_at_hand()
            asked = self._catalog.queries.of([query])[0]
        except PenchantError as error:
            scores = held + EQUAL * self._popular(view, -1)
            if (allowed & (held > 0)).any():
                scores[held <= 0] = -np.inf
            return scores.astype(np.float32, copy=False), self._told(error)
        near = None if whole else self._meaning.nearest(asked, table, allowed)
        if near is None:
            known = min(len(view), len(table.slot))
            held[:known] += (table.vectors @ asked)[table.slot[:known]]
            return held, ""
        rows = np.union1d(near, top_k(held, allowed & (held > 0), WORDY))
        scores = np.full(len(view), -np.inf, np.float32)
        slots = np.where(rows < len(table.slot), table.slot[np.minimum(rows, len(table.slot) - 1)], 0)
        scores[rows] = held[rows] + table.vectors[slots] @ asked
        return scores, ""

    def _words(self, query: str, view: CatalogView) -> Scores:
        with self._lock:
            self._lexicon.follow(view)
            return WORDS * self._lexicon.match(query, len(view))


def _wanted(wishes: Sequence[Correction], view: CatalogView) -> NDArray[np.float32]:
    """Standard deviations by which wishes move what is found, shape (len(view),): words come first."""
    moved = np.zeros(len(view), dtype=np.float32)
    for wish in wishes:
        if wish.weight in ("less", "more"):
            moved[wished(wish, view)] += STEP if wish.weight == "more" else -STEP
    return moved


def _preference(reading: Reading | None, rows: NDArray[np.int64], now: float) -> NDArray[np.float32]:
    """Standardised preference for each row; zeros without a reading and for unknown items."""
    preference = np.zeros(len(rows), dtype=np.float32)
    if reading is None or not len(rows):
        return preference
    known = rows < reading.model.n_items
    found, spread = _scores_of(reading, rows[known], now)
    preference[known] = (found - spread.mean()) / max(float(spread.std()), 1e-9)
    return preference


def _scores_of(
    reading: Reading, rows: NDArray[np.int64], now: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of ``rows``, and of items that stand for all: of very many only these are scored."""
    model = reading.model
    asked = reading.state, now, reading.record, reading.about
    step = -(-model.n_items // SPREAD)
    if step <= 1:
        scores = model.scores(*asked)
        return scores[rows], scores
    both = np.concatenate([rows, np.arange(0, model.n_items, step)])
    wanted, again, lift = model.again(*asked)
    h = model.h(reading.state, now, reading.about)
    scores = model.vectors()[both] @ h + model.biases(now)[both] + lift
    place = places_of(both, wanted)
    scores[place >= 0] = again[place[place >= 0]]
    return scores[: len(rows)], scores[len(rows) :]
