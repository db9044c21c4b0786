"""What a model says to several people at once: scores of all items, the best of them, and why."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.records import one_more
from penchant.model.repeat import Memory
from penchant.model.tokens import Token
from penchant.recommend.circles import Circles
from penchant.recommend.filters import SeenFilter
from penchant.recommend.latest import Latest
from penchant.recommend.ranking.serving import Ranking
from penchant.recommend.reasons import AS_A_WHOLE, FOLLOWED, POPULAR, personal_reasons
from penchant.recommend.request import Listed, Ranked, Request, Spare
from penchant.recommend.retrieval.follow import Question, Retrieval
from penchant.recommend.sources.followed import NOBODY, Followed
from penchant.recommend.variety.stage import Variety
from penchant.settings import VarietySettings
from penchant.taste.tracker import Reading, TasteTracker
from penchant.taste.wished import bent, steered
from penchant.types import EventType, Pseudonym, Reason

Floats = NDArray[np.float32]

AT_ONCE = 2**22
"""Scores that are held at the same time."""

QUICK = 50_000
"""Items whose scores take a millisecond or two."""

NOTHING: tuple[Listed, str] = (Listed([]), "")
"""Of a stranger."""

Asked = tuple[Request, Reading]

Given = tuple[Any, Any, Memory, NDArray[np.float32] | None]
"""What a model's ``scores_each`` takes of a person."""

Best = tuple[NDArray[np.int64], NDArray[np.float32], Mapping[int, Reason]]
"""Rows of a list, best first, their scores, and why those are there that a rule of the house lifted."""


class PersonalLists:
    """Makes them, by ``seen`` without what a person had already, and keeps each person's newest one."""

    def __init__(
        self,
        seen: SeenFilter,
        retrieval: Retrieval | None = None,
        ranking: Ranking | None = None,
        variety: Variety | None = None,
        spare: int = 0,
        *,
        circles: Circles | None = None,
    ) -> None:
        """``retrieval`` finds the best of very many items; None where all are scored. ``ranking`` orders
        them where all are scored; None where the score does. ``variety`` puts the best in another order.
        So many of the next best are kept in ``spare``. ``circles``: whom people follow, None where nobody
        asks."""
        self.seen = seen
        self._ranking = ranking
        self._variety = variety or Variety(VarietySettings())
        self._retrieval = retrieval
        self._spare = spare
        self._circles = circles
        self.latest: Latest[Listed] = Latest()
        # Threads that compute at the same time only take the interpreter from each other: with 16 requests
        # at once half as many were answered in a second as with one.
        self._one_at_a_time = Lock()

    def followed(self, person: Pseudonym | None, now: float) -> Followed:
        """What people took whom the person follows, where lists are ordered by that too.

        Raises:
            WouldWait: something is to be read for it, and nobody is to wait.
        """
        ranking, circles = self._ranking, self._circles  # Another ranker may come meanwhile.
        if person is None or ranking is None or circles is None or not (circles.any and ranking.social):
            return NOBODY
        return circles.of(person, now)

    def apart(self) -> "PersonalLists":
        """The same with kept lists of its own."""
        found = self.seen, self._retrieval, self._ranking, self._variety, self._spare
        return PersonalLists(*found, circles=self._circles)

    def rank(self, ranking: Ranking | None) -> None:
        """Another ranker orders lists from the next request on; those that were kept are made anew."""
        self._ranking = ranking
        self.latest.forget_all()

    def quick(self, tracker: TasteTracker) -> bool:
        """Whether a list is made in a few ms. Not while others are made: they may be many."""
        few = self._ranking is None and tracker.model.n_items <= QUICK
        return few and not self._one_at_a_time.locked()

    def of(
        self, tracker: TasteTracker, requests: Sequence[tuple[Pseudonym, Request]]
    ) -> list[tuple[Listed, str]]:
        """The list of each, and the snapshot that made it; :data:`NOTHING` where there is none to make.

        What a person had already is no longer ``allowed`` in their request: what is popular must not bring
        it back.

        Raises:
            ArithmeticError: there is something to show, and no score is a number.
        """
        forgotten = self.latest.forgotten
        readings = tracker.read_each([person for person, _ in requests])
        found, fresh, keys = [NOTHING] * len(requests), dict[int, Asked](), dict[int, Hashable]()
        for place, ((person, request), reading) in enumerate(zip(requests, readings, strict=True)):
            if reading is not None:
                request.allowed[:] &= self.seen.unseen(request.view, reading.bought, reading.viewed)
                keys[place] = request.same_as(reading), self._variety.aims(request.wanted.placement)
                known = self.latest.get(person, keys[place])
                found[place] = (known or NOTHING[0], reading.snapshot)
                if known is None:
                    fresh[place] = request, reading
        with self._one_at_a_time:
            for place, listed in self._ranked(fresh, id(tracker)):
                request, reading = fresh[place]
                if not listed.ranked and request.allowed[: reading.model.n_items].any():
                    raise ArithmeticError("no score is a finite number")
                if reading.newest >= 0:
                    self.latest.put(requests[place][0], keys[place], listed, forgotten)
                found[place] = listed, reading.snapshot
        return [(listed, snapshot if listed.ranked else "") for listed, snapshot in found]

    def _ranked(self, asked: dict[int, Asked], whose: int) -> Iterator[tuple[int, Listed]]:
        places = list(asked)
        while places:
            model = asked[places[0]][1].model
            most = max(1, AT_ONCE // max(1, model.n_items))
            # All by one model: another one may have come between two readings.
            part = [place for place in places if asked[place][1].model is model][:most]
            people = [asked[place] for place in part]
            without = model.without_each([reading.pasts for _, reading in people], people[0][0].now)
            for place, best, each in zip(part, self._best(people, whose), without, strict=True):
                shown, spare = self._varied(*asked[place], best)
                yield place, Listed(_explained(*asked[place], shown, each), spare)
            places = [place for place in places if place not in part]

    def _best(self, people: Sequence[Asked], whose: int) -> list[Best]:
        """Of each of several people who are read by one model."""
        model, now = people[0][1].model, people[0][0].now
        given = [_given(*one) for one in people]
        quick = (self._found(*one, more, whose) for one, more in zip(people, given, strict=True))
        found = {place: best for place, best in enumerate(quick) if best is not None}
        rest = [place for place in range(len(people)) if place not in found]
        scores = model.scores_each([given[place] for place in rest], now) if rest else ()
        for place, row in zip(rest, scores, strict=True):
            found[place] = self._of_all(*people[place], given[place][2], row)
        return [found[place] for place in range(len(people))]

    def _of_all(self, request: Request, reading: Reading, record: Memory, scores: Floats) -> Best:
        scores = scores[: len(request.view)]
        if self._ranking is not None:
            scores = self._ranking.scores(request, reading.model, record, scores)
        # What a person wishes and the shop rules holds over any order that was learned.
        scores = steered(scores, request.wishes, request.view, request.allowed)
        pool = self._pool(request)
        return request.ruled.best(scores, request.allowed[: len(scores)], request.room, pool)

    def _found(self, request: Request, reading: Reading, given: Given, whose: int) -> Best | None:
        """Without scoring all items; None where they must be."""
        if self._retrieval is None or bent(request.wishes) or request.ruled.bends:
            return None
        state, _, record, about = given
        key = whose, reading.snapshot.partition("+")[0]
        question = Question(state, request.now, record, about)
        pool = self._pool(request)
        best = self._retrieval.best(reading.model, key, question, request.allowed, pool)
        return None if best is None else (*best, {})

    def _pool(self, request: Request) -> int:
        """How many of the best by score are looked for."""
        return max(self._variety.pool(request), request.room + self._spare if request.room else 0)

    def _varied(self, request: Request, reading: Reading, best: Best) -> tuple[Best, Spare]:
        rows, scores, lifted = best
        order = self._variety.order(request, reading, rows, scores)
        left = np.ones(len(rows), bool)
        left[order] = False
        rest = np.flatnonzero(left)[: self._spare]
        return (rows[order], scores[order], lifted), Spare(rows[rest], scores[rest])


def _given(request: Request, reading: Reading) -> Given:
    """State, pasts, record and what else is known, with the item on the page looked at."""
    state, pasts, record = reading.state, reading.pasts, reading.record
    if 0 <= request.context_row < reading.model.n_items:
        look = _looked_at(request.context_row, reading, request.now)
        state, record = reading.model.step(state, look), one_more(record, look.item, look.type, look.time)
        pasts = reading.model.pasts(state)
    return state, pasts, record, reading.about


def _explained(
    request: Request,
    reading: Reading,
    best: Best,
    without: NDArray[np.float32],
) -> Ranked:
    rows, scores, lifted = best
    # Wishes and the item on the page bend the list too: then it is not only what others take.
    otherwise = AS_A_WHOLE if request.wishes or request.context_row >= 0 else POPULAR
    reasons = personal_reasons(
        reading, request.now, rows, request.view.name, otherwise=otherwise, without=without
    )
    # A taste that says nothing of an item leaves it to whoever else does.
    social = set(request.followed.rows.tolist())
    reasons = [
        FOLLOWED if reason is otherwise and row in social else reason
        for row, reason in zip(rows.tolist(), reasons, strict=True)
    ]
    return [
        (row, score, lifted.get(row, reason))
        for row, score, reason in zip(rows.tolist(), scores.tolist(), reasons, strict=True)
    ]


def _looked_at(row: int, reading: Reading, now: float) -> Token:
    """The item on the page, as if it had been viewed a second ago; not an event of the log.

    No time at all since the last event is what strangers have.
    """
    basket = reading.window[-1].basket + 1 if reading.window else 0
    return Token(item=row, type=EventType.VIEW.code, time=now - 1.0, basket=basket)
