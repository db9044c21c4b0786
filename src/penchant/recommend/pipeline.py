"""From people to the lists that are shown: a pipeline of small stages."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from itertools import repeat

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import CatalogView
from penchant.errors import WouldWait
from penchant.privacy.consent import ConsentStore
from penchant.recommend.circles import Circles
from penchant.recommend.experiment import Experiment
from penchant.recommend.exploration.stage import Exploration
from penchant.recommend.fallback import MODEL, PERSON, OnFault, nobody_hears, reason_of
from penchant.recommend.filling import Filling, Suited
from penchant.recommend.filters import SeenFilter, on_sale
from penchant.recommend.impressions import ImpressionSink
from penchant.recommend.offers import OffersInForce
from penchant.recommend.personal import PersonalLists
from penchant.recommend.popularity import Popularity
from penchant.recommend.ranking.serving import Ranking
from penchant.recommend.request import Listed, Ranked, Request, Wanted
from penchant.recommend.retrieval.follow import Retrieval
from penchant.recommend.rules.arrange import More, arranged
from penchant.recommend.rules.force import Rules, RulesInForce
from penchant.recommend.variety.exposure import Exposure
from penchant.recommend.variety.stage import Variety
from penchant.taste.corrections import Correction, Corrections
from penchant.taste.tracker import TasteTracker
from penchant.taste.wished import never
from penchant.types import Impression, Pseudonym, Recommendation

Said = tuple[Listed, str, str]
"""What a model says to somebody, the snapshot that says it, and why it could not say anything."""
Asking = tuple[int, Pseudonym, Request]
"""Place among those asked together, person and request."""


class Recommender:
    """Makes lists and logs each one. It shows what is popular without a model, and to strangers of whom
    nothing is known that the model learned from.

    ``new_id`` makes the ``recommendation_id`` of a list. A person who opted out of profiling gets the
    same list as such a stranger, logged for nobody. Whatever goes wrong with the model or with one person,
    what is popular is shown instead, the list is marked as a fallback, and ``on_fault`` hears of it.
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
        on_fault: OnFault = nobody_hears,
        retrieval: Retrieval | None = None,
        rules: Rules | None = None,
        ranking: Ranking | None = None,
        suited: Suited | None = None,
        variety: Variety | None = None,
        exposure: Exposure | None = None,
        exploration: Exploration | None = None,
        offers: OffersInForce | None = None,
        circles: Circles | None = None,
    ) -> None:
        self._catalog, self._tracker = catalog, tracker
        self._filling = Filling(popularity, suited, self._told)
        self._corrections, self._consent = corrections, consent
        self._sink, self._new_id = sink, new_id
        spare = exploration.candidates if exploration is not None else 0
        self.personal = PersonalLists(seen, retrieval, ranking, variety, spare, circles=circles)
        self._exposure, self._exploration, self._offers = exposure, exploration, offers
        self._on_fault = on_fault
        self._rules: Rules = rules or RulesInForce(catalog, lambda _: {})
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
        self._tracker, self.personal.seen = tracker, seen

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
        """:meth:`recommend_each` of one list; the arguments are those of :class:`Wanted`."""
        wanted = Wanted(person, n, placement, context_item, tuple(exclude))
        return self.recommend_each([wanted], now)[0]

    def recommend_each(self, wanted: Sequence[Wanted], now: float) -> list[Impression]:
        """Lists at ``now`` (unix seconds), each logged. Several at once cost much less than one by one."""
        shown = self.made(wanted, now)
        for impression in shown:
            self._sink.put(impression)
        return shown

    def at_hand(self, person: Pseudonym, is_short: Callable[[Pseudonym], bool]) -> bool:
        """Whether a list for the person is a matter of a few ms: nothing need be read for it, or what is
        short."""
        try:
            tracker = self.tracker_of(person)
            if tracker is None or not self.personal.quick(tracker):
                return False
            known = tracker.holds(person) or is_short(person)
            return known and (self._offers is None or self._offers.at_hand(person))
        except Exception:  # What is wrong is told where the list is made, in place of which another is shown.
            return False

    def rehearse(self, person: Pseudonym | None, n: int, now: float) -> None:
        """Make a list that nobody sees and no log holds: the first one of a process takes longest."""
        self.made([Wanted(person, n, "rehearsal")], now)

    def follow_catalogue(self) -> None:
        """Read what lists need of items that changed, so that nobody waits for it."""
        if self._exposure is not None:
            self._exposure.follow(self._catalog.view())

    def under(self, rules: Rules) -> "Recommender":
        """The same under other rules of the house, to try them."""
        other = copy(self)
        other._rules, other.personal, other._exploration = rules, self.personal.apart(), None
        return other

    def made(self, wanted: Sequence[Wanted], now: float) -> list[Impression]:
        """:meth:`recommend_each` without the log: nobody is shown these.

        Raises:
            WouldWait: in the place of whatever was to be read of a person and raised it.
        """
        view = self._catalog.view()
        requests = [self._request(one, view, now) for one in wanted]
        said: list[Said] = [(Listed([]), "", request.fault) for request in requests]
        for tracker, asked in self._by_tracker(requests):
            found = [(Listed([]), "", MODEL)] * len(asked) if tracker is None else self._said(tracker, asked)
            for (place, _, _), one in zip(asked, found, strict=True):
                said[place] = one
        return [self._shown(request, *one) for request, one in zip(requests, said, strict=True)]

    def _by_tracker(self, requests: Sequence[Request]) -> Iterable[tuple[TasteTracker | None, list[Asking]]]:
        """Who is read together."""
        groups: dict[int, tuple[TasteTracker | None, list[Asking]]] = {}
        for place, request in enumerate(requests):
            if request.person is not None:
                tracker = self.tracker_of(request.person)
                groups.setdefault(id(tracker), (tracker, []))[1].append((place, request.person, request))
        return groups.values()

    def _said(self, tracker: TasteTracker, asked: Sequence[Asking]) -> list[Said]:
        """All together; where that fails one by one, so that nobody else hears of what is wrong with one."""
        try:
            found = self.personal.of(tracker, [(person, request) for _, person, request in asked])
            return [(listed, snapshot, "") for listed, snapshot in found]
        except WouldWait:
            raise
        except Exception as error:
            if len(asked) > 1:
                return [one for alone in asked for one in self._said(tracker, [alone])]
            reason = self._told(error)
            if reason == PERSON:
                # The log is read again next time: the state may be what is wrong.
                tracker.forget(asked[0][1])
            return [(Listed([]), "", reason)]

    def _told(self, error: Exception) -> str:
        reason = reason_of(error)
        self._on_fault(reason, error)
        return reason

    def _request(self, wanted: Wanted, view: CatalogView, now: float) -> Request:
        context = wanted.context_item
        known, wishes, fault = self._known(wanted.person)
        allowed = on_sale(view, [*wanted.exclude, *([context] if context else [])])
        if wishes:
            allowed &= ~never(wishes, view)
        context_row = view.row(context) if context else -1
        ruled = self._rules.about(view, known, wanted.placement, now)
        shared = self._exposure is not None
        return Request(
            wanted, view, known, wishes, ruled.allowed(allowed), context_row, now, fault, ruled, shared,
            self.personal.followed(known, now),
        )  # fmt: skip

    def _known(self, person: Pseudonym | None) -> tuple[Pseudonym | None, tuple[Correction, ...], str]:
        """The person, where they may be recognised, and their wishes. Where that cannot be read they may not
        be: it is not known whether they opted out."""
        if person is None:
            return None, (), ""
        try:
            if not self._consent.get(person).profiling:
                return None, (), ""
            return person, tuple(self._corrections.get(person)), ""
        except Exception as error:
            return None, (), self._told(error)

    def _arranged(self, request: Request, ranked: Ranked) -> Ranked:
        """With what is popular in the places that are left open, and as the rules of the house want it."""
        n, plan = request.wanted.n, request.ruled.plan
        more = self._filling.of(request)
        if self._exposure is not None:
            ranked = self._exposure.arranged(request, _filled(ranked, request, request.room, more), more)
        if plan is not None and (plan.pins or plan.limits):
            return arranged(ranked, request.allowed, n, plan, more)
        return _filled(ranked, request, n, more)[:n]

    def _shown(self, request: Request, listed: Listed, snapshot: str, fallback: str) -> Impression:
        ranked, chances = self._arranged(request, listed.ranked), repeat(1.0)
        if self._exploration is not None:
            ranked, chances = self._exploration.explored(request, ranked, listed.spare)
        items = tuple(
            Recommendation(
                item_id=request.view.ids[row], score=score, position=place, reason=reason, propensity=chance
            )
            for place, ((row, score, reason), chance) in enumerate(zip(ranked, chances, strict=False))
        )
        if self._offers is not None and request.person is not None and self._offers.any:
            items = self._offers.onto(request.person, items, request.now)
        return Impression(
            recommendation_id=self._new_id(),
            user_id=request.person or "",
            timestamp=request.now,
            placement=request.wanted.placement,
            items=items,
            snapshot=snapshot,
            arm=self.experiment.arm_of(request.person),
            fallback=fallback,
        )


def _filled(ranked: Ranked, request: Request, n: int, more: More) -> Ranked:
    """With more up to ``n``, where it has fewer."""
    if len(ranked) >= n:
        return ranked
    left = request.allowed.copy()
    left[[row for row, _, _ in ranked]] = False
    return [*ranked, *more(left, n - len(ranked))]
