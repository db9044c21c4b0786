"""The rules that are in force in this process, and what they say about one list."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import CatalogView
from penchant.events.attributes import Attributes
from penchant.recommend.candidates import top_k
from penchant.recommend.fallback import OnFault, nobody_hears, reason_of
from penchant.recommend.rules.compiled import CompiledRules
from penchant.recommend.rules.matches import Follows, Matches
from penchant.recommend.rules.people import age_of
from penchant.recommend.rules.plan import Plan, plan_of
from penchant.types import Pseudonym, Reason

PLANS: Final = 16
"""Sets of rules that hold together whose arrays are kept."""

AHEAD: Final = 4
"""Times the length of a list that limits look ahead."""

REQUESTS: Final = 4_096
"""Kinds of requests whose rules are kept."""

AttributesOf = Callable[[Pseudonym], Attributes]


@dataclass(frozen=True, slots=True, eq=False)
class Ruled:
    """What the rules say about one list: a plan, and the age of who sees it."""

    plan: Plan | None = None
    age: int | None = None

    @property
    def key(self) -> Hashable:
        """Equal where the rules say the same."""
        return None if self.plan is None else (self.plan.key, self.age)

    def pool(self, n: int) -> int:
        """How many of the best are needed for a list of ``n``: limits pass some over."""
        return AHEAD * n if self.plan is not None and self.plan.limits else n

    @property
    def bends(self) -> bool:
        """Whether scores are moved: then those of all items are needed."""
        return self.plan is not None and self.plan.shift is not None

    def allowed(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """``mask`` (N,) without what may not be shown."""
        return mask if self.plan is None else mask & self.plan.shown_to(self.age)[: len(mask)]

    def bent(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (N,) moved by what is boosted or buried; in units of their own spread."""
        if self.plan is None or self.plan.shift is None or not len(scores):
            return scores
        finite = scores[np.isfinite(scores)]
        spread = float(finite.std()) if len(finite) else 0.0
        moved = self.plan.shift[: len(scores)] * np.float32(spread or 1.0)
        return (scores + moved).astype(np.float32, copy=False)

    def best(
        self, scores: NDArray[np.float32], allowed: NDArray[np.bool_], n: int, pool: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], Mapping[int, Reason]]:
        """Rows of the ``n`` best of those ``allowed`` (N,), or of more where ``pool`` is, and their moved
        scores; and, of each that would not be among the ``n`` by ``scores`` (N,) alone, the rule that lifted
        it."""
        bent = self.bent(scores)
        rows = top_k(bent, allowed, max(n, pool))
        if self.plan is None or self.plan.shift is None:
            return rows, bent[rows], {}
        without = set(top_k(scores, allowed, n).tolist())
        lifted = {row: self.plan.lifted_by(row) for row in rows.tolist() if row not in without}
        return rows, bent[rows], {row: Reason(kind="rule", rule=name) for row, name in lifted.items() if name}


UNRULED: Final = Ruled()
"""Where there are no rules."""


class _Held:
    """One version of the rules in use."""

    def __init__(self, version: int, rules: CompiledRules, catalog: Catalog) -> None:
        self.version = version
        self.rules = rules
        self.matches = Follows(rules, catalog)
        # The cost of asking the engine is paid once for each kind of request.
        self.requests: OrderedDict[Hashable, NDArray[np.bool_]] = OrderedDict()
        self.plans: OrderedDict[Hashable, Plan] = OrderedDict()


class Rules(Protocol):
    """Whoever says what holds of a list."""

    def about(self, view: CatalogView, person: Pseudonym | None, placement: str, now: float) -> Ruled:
        """See :meth:`RulesInForce.about`."""
        ...


class RulesInForce:
    """Gives each list its :class:`Ruled`. Other rules may come at any time by :meth:`use`.

    ``attributes_of`` gives nothing of people who opted out of profiling.
    """

    def __init__(
        self, catalog: Catalog, attributes_of: AttributesOf, on_fault: OnFault = nobody_hears
    ) -> None:
        self._catalog = catalog
        self._attributes_of = attributes_of
        self._on_fault = on_fault
        self._lock = Lock()
        self._held: _Held | None = None

    @property
    def version(self) -> int:
        """Of the rules in force; 0 for none."""
        return 0 if self._held is None else self._held.version

    @property
    def rules(self) -> CompiledRules:
        """The rules in force."""
        return CompiledRules((), ()) if self._held is None else self._held.rules

    def use(self, version: int, rules: CompiledRules) -> None:
        """From the next list on. All items are asked about before that, which takes a large shop seconds."""
        held = _Held(version, rules, self._catalog)
        if rules.rules:
            held.matches.at(self._catalog.view())
        self._held = held

    def keep_up(self) -> None:
        """Ask about items that changed, so that no list has to wait for very many of them."""
        held = self._held
        if held is not None and held.rules.rules:
            view = self._catalog.view()
            held.matches.at(view)
            held.matches.again(view)

    def apart(self, rules: CompiledRules) -> "RulesInForce":
        """Other rules for the same catalogue and people, in force nowhere."""
        other = RulesInForce(self._catalog, self._attributes_of, self._on_fault)
        other.use(0, rules)
        return other

    def matches(self, view: CatalogView) -> Matches:
        """Which rules hold of which items."""
        held = self._held or _Held(0, self.rules, self._catalog)
        return held.matches.at(view)

    def about(
        self, view: CatalogView, person: Pseudonym | None, placement: str, now: float, *, early: bool = False
    ) -> Ruled:
        """What holds of a list for ``person`` (None: nobody known) at ``now`` (unix seconds).

        ``early``: as if what has not started yet had.
        """
        held = self._held
        if held is None or not held.rules.rules:
            return UNRULED
        known = self._known(person)
        age = age_of(known, now)
        due = [rule.due(max(now, rule.starts) if early else now) for rule in held.rules.rules]
        holds = self._holds(held, known, age, placement, now)
        active = tuple(
            number
            for number, (one, other) in enumerate(zip(due, holds.tolist(), strict=True))
            if one and other
        )
        return Ruled(self._plan(held, active, view), age)

    def _known(self, person: Pseudonym | None) -> Attributes:
        """Where that cannot be read nothing is known, and what has an age limit is not shown."""
        if person is None:
            return {}
        try:
            return self._attributes_of(person)
        except Exception as error:
            self._on_fault(reason_of(error), error)
            return {}

    def _holds(
        self, held: _Held, known: Attributes, age: int | None, placement: str, now: float
    ) -> NDArray[np.bool_]:
        at = datetime.fromtimestamp(now, UTC)
        key = (placement, age, frozenset(known.items()), at.date(), at.hour)
        found = held.requests.get(key)
        if found is None:
            found = held.rules.of_request(_about(known, age, placement, at))
            self._keep(held.requests, key, found, REQUESTS)
        return found

    def _plan(self, held: _Held, active: tuple[int, ...], view: CatalogView) -> Plan:
        matches = held.matches.at(view)
        key = (held.version, matches.version, matches.size, matches.turn, active)
        plan = held.plans.get(key)
        if plan is None:
            plan = plan_of(held.rules.rules, matches, active, view, key)
            self._keep(held.plans, key, plan, PLANS)
        return plan

    def _keep(self, kept: OrderedDict[Hashable, Any], key: Hashable, value: object, most: int) -> None:
        with self._lock:
            kept[key] = value
            while len(kept) > most:
                kept.popitem(last=False)


def _about(known: Attributes, age: int | None, placement: str, at: datetime) -> Mapping[str, Any]:
    return {
        "person": {**known, "age": age},
        "placement": placement,
        "hour": at.hour,
        "weekday": at.isoweekday(),
        "day": at.date().isoformat(),
    }
