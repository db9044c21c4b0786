"""From a person to the list that is shown: a pipeline of small stages."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import CatalogView
from penchant.model.records import one_more
from penchant.model.tokens import Token
from penchant.privacy.consent import ConsentStore
from penchant.recommend.candidates import top_k
from penchant.recommend.experiment import Experiment
from penchant.recommend.filters import SeenFilter, on_sale
from penchant.recommend.impressions import ImpressionSink
from penchant.recommend.popularity import Popularity, fallback_scores
from penchant.recommend.reasons import AS_A_WHOLE, POPULAR, personal_reasons
from penchant.taste.corrections import Correction, Corrections, never, shift
from penchant.taste.tracker import Reading, TasteTracker
from penchant.types import EventType, Impression, Pseudonym, Reason, Recommendation

Ranked = list[tuple[int, float, Reason]]
"""Row, score and reason of each item of a list, best first."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """One request, looked up. ``person`` is None where nobody may be recognised."""

    view: CatalogView
    person: Pseudonym | None
    wishes: Sequence[Correction]
    allowed: NDArray[np.bool_]
    context_row: int
    n: int
    now: float


class Recommender:
    """Makes lists and logs each one. It shows what is popular without a model, and to strangers of whom
    nothing is known that the model learned from.

    ``new_id`` makes the ``recommendation_id`` of a list. A person who opted out of profiling gets the
    same list as such a stranger, logged for nobody.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        tracker: TasteTracker | None,
        popularity: Popularity,
        seen: SeenFilter,
        corrections: Corrections,
        consent: ConsentStore,
        sink: ImpressionSink,
        new_id: Callable[[], str],
        experiment: Experiment | None = None,
    ) -> None:
        self._catalog = catalog
        self._tracker = tracker
        self._popularity = popularity
        self._seen = seen
        self._corrections = corrections
        self._consent = consent
        self._sink = sink
        self._new_id = new_id
        # Threads that compute at the same time only take the interpreter from each other: with 16 requests
        # at once half as many were answered in a second as with one.
        self._one_at_a_time = Lock()
        self.experiment = experiment or Experiment()

    @property
    def tracker(self) -> TasteTracker | None:
        """The one that serves now; None where there is no model yet."""
        return self._tracker

    def tracker_of(self, person: Pseudonym | None) -> TasteTracker | None:
        """The one that reads the person: of an arm with weights of its own, else the one that serves."""
        return self.experiment.tracker_of(person, self._tracker)

    def use(self, tracker: TasteTracker, seen: SeenFilter) -> None:
        """Serve with a first model, or with newly learned repeat rates, from the next request on."""
        self._tracker, self._seen = tracker, seen

    def recommend(
        self,
        person: Pseudonym | None,
        n: int,
        placement: str,
        now: float,
        *,
        context_item: str | None = None,
        exclude: Iterable[str] = (),
    ) -> Impression:
        """The list of up to ``n`` items for ``person`` (None: nobody known) at ``now`` (unix seconds).

        ``context_item`` is what is being looked at: it bends the list and is not in it.
        """
        impression = self._made(self._wanted(person, n, now, context_item, exclude), placement)
        self._sink.put(impression)
        return impression

    def rehearse(self, person: Pseudonym | None, n: int, now: float) -> None:
        """Make a list that nobody sees and no log holds: the first one of a process takes longest."""
        self._made(self._wanted(person, n, now, None, ()), "rehearsal")

    def _made(self, wanted: _Wanted, placement: str) -> Impression:
        reading = None
        tracker = self.tracker_of(wanted.person)
        if wanted.person is not None and tracker is not None:
            reading = tracker.read(wanted.person)
        ranked: Ranked = []
        if reading is not None:
            with self._one_at_a_time:
                ranked = self._personal(wanted, reading)
        snapshot = reading.snapshot if reading is not None and ranked else ""
        if len(ranked) < wanted.n:
            ranked += self._popular(wanted, ranked)
        return self._shown(wanted, ranked, placement, snapshot)

    def _wanted(
        self,
        person: Pseudonym | None,
        n: int,
        now: float,
        context_item: str | None,
        exclude: Iterable[str],
    ) -> _Wanted:
        view = self._catalog.view()
        known = person if person is not None and self._consent.get(person).profiling else None
        wishes = self._corrections.get(known) if known is not None else ()
        allowed = on_sale(view, [*exclude, *([context_item] if context_item else [])])
        allowed &= ~never(wishes, view)
        context_row = view.row(context_item) if context_item else -1
        return _Wanted(view, known, wishes, allowed, context_row, n, now)

    def _personal(self, wanted: _Wanted, reading: Reading) -> Ranked:
        view, model, now = wanted.view, reading.model, wanted.now
        # In place, on purpose: what is popular must not bring back what was hidden here.
        wanted.allowed[:] &= self._seen.unseen(view, reading.bought, reading.viewed)
        state, record = reading.state, reading.record
        if 0 <= wanted.context_row < model.n_items:
            look = _looked_at(wanted.context_row, reading, now)
            state, record = model.step(state, look), one_more(record, look.item, look.type, look.time)
        scores = model.scores(state, now, record, reading.about)[: len(view)]
        scores = corrected(scores, wanted.wishes, view)
        rows = top_k(scores, wanted.allowed[: len(scores)], wanted.n)
        # Wishes and the item on the page bend the list too: then it is not only what others take.
        otherwise = AS_A_WHOLE if wanted.wishes or wanted.context_row >= 0 else POPULAR
        reasons = personal_reasons(reading, now, rows, view.name, otherwise=otherwise)
        return [(int(row), float(scores[row]), why) for row, why in zip(rows, reasons, strict=True)]

    def _popular(self, wanted: _Wanted, ranked: Ranked) -> Ranked:
        """What is popular, for the places that ``ranked`` left open."""
        view = wanted.view
        scores = fallback_scores(self._popularity, view, wanted.context_row)
        scores = corrected(scores, wanted.wishes, view)
        wanted.allowed[[row for row, _, _ in ranked]] = False
        rows = top_k(scores, wanted.allowed, wanted.n - len(ranked))
        return [(int(row), float(scores[row]), POPULAR) for row in rows]

    def _shown(self, wanted: _Wanted, ranked: Ranked, placement: str, snapshot: str) -> Impression:
        items = tuple(
            Recommendation(item_id=wanted.view.ids[row], score=score, position=place, reason=reason)
            for place, (row, score, reason) in enumerate(ranked)
        )
        return Impression(
            recommendation_id=self._new_id(),
            user_id=wanted.person or "",
            timestamp=wanted.now,
            placement=placement,
            items=items,
            snapshot=snapshot,
            arm=self.experiment.arm_of(wanted.person),
        )


def corrected(
    scores: NDArray[np.float32], wishes: Sequence[Correction], view: CatalogView
) -> NDArray[np.float32]:
    """Scores moved by what a person wants more or less of."""
    if not any(wish.weight in ("less", "more") for wish in wishes):
        return scores
    return scores + shift(wishes, view)[: len(scores)] * scores.std()


def _looked_at(row: int, reading: Reading, now: float) -> Token:
    """The item on the page, as if it had been viewed a second ago; not an event of the log.

    No time at all since the last event is what strangers have.
    """
    basket = reading.window[-1].basket + 1 if reading.window else 0
    return Token(item=row, type=EventType.VIEW.code, time=now - 1.0, basket=basket)
