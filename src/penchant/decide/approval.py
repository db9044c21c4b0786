"""The queue: nothing that was suggested holds before people have approved it, two where much is at stake."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from penchant.catalog.prices import DAY
from penchant.errors import Conflict, InvalidInput, NotFound
from penchant.events.decisions import Decided, Decision, DecisionLog, Offered, Step, What, folded, has_changed
from penchant.settings import DecisionSettings
from penchant.types import Scalar

LONGEST: Final = 500
"""Characters of a name or a note."""
LARGEST: Final = 2**53
"""Of a figure: up to it whole numbers are exact."""
MOST_FIGURES: Final = 50
"""Of what came of a decision."""


class Person(NamedTuple):
    """Who decides: the name that the record keeps, and what they are known by (a key, a session), or nothing.

    >>> Person("Ann").other_than(Person(" ann ")), Person("Ann").other_than(Person("Bob"))
    (False, True)
    >>> Person("Ann", "key 1").other_than(Person("Bob", "key 1"))
    False
    """

    name: str
    via: str = ""

    def other_than(self, other: "Person") -> bool:
        """Two people have two names, and do not share a key."""
        shared = bool(self.via) and self.via == other.via
        return _plain(self.name) != _plain(other.name) and not shared


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


class Queue:
    """Decisions of a shop. ``clock`` in unix seconds.

    ``seen`` of its methods is the number of steps that somebody saw: if there are more by now, nothing is
    done and Conflict is raised; None for whatever there is.
    """

    def __init__(
        self, log: DecisionLog, settings: DecisionSettings, clock: Callable[[], float], most: float = 1e6
    ) -> None:
        """``most``: the highest price or quantity that anybody may suggest."""
        self.log = log
        self._settings = settings
        self._most = most
        self._clock = clock

    def propose(
        self,
        decisions: Sequence[Decision],
        who: Person,
        offers: Mapping[str, Sequence[Offered]] | None = None,
    ) -> list[str]:
        """Put them into the queue; ids of those that are new. ``offers`` of a campaign are kept with it.

        An earlier one on the same subject that still waits is replaced; where it says the same, it stays.
        """
        now = self._clock()
        waiting = {(one.decision.kind, one.decision.subject): one for one in self.log.find(state="waiting")}
        steps, seen, new = list[tuple[str, Step]](), dict[str, int](), list[str]()
        for decision in decisions:
            before = waiting.get((decision.kind, decision.subject))
            if before is not None and _same(before, decision):
                continue
            if before is not None:
                seen[before.decision.id] = len(before.steps)
                steps.append((before.decision.id, self._step("replaced", who, now, f"by {decision.id}")))
            steps.append((decision.id, replace(self._step("proposed", who, now, ""), decision=decision)))
            new.append(decision.id)
        if steps:
            self.log.add(steps, seen, {name: held for name, held in (offers or {}).items() if name in new})
        return new

    def get(self, name: str) -> Decided:
        """Raises NotFound."""
        found = self.log.get(name)
        if found is None:
            raise NotFound(f"there is no decision {name[:80]!r}; `penchant decisions list` shows them")
        return found

    def needed(self, found: Decided) -> int:
        """How many different people must approve it as it is now; of what was decided, how many had to."""
        if found.approvals and found.state != "waiting":
            return found.approvals[-1].needed
        return 2 if _above(self._settings, found, self._started(found)) else 1

    def _started(self, found: Decided) -> float | None:
        """The price that its change counts from: many small ones are not smaller than a large one."""
        made = found.decision
        if made.kind != "price" or found.state != "waiting":
            return made.now
        since = self._clock() - DAY * self._settings.price_days
        held = [
            one for one in self.log.find(kind=made.kind, subject=made.subject)
            if one.state in ("approved", "sent")
        ]  # fmt: skip
        return _alone_since(sorted(held, key=_approved_at, reverse=True), since, made.now)

    def approve(self, name: str, who: Person, *, note: str = "", seen: int | None = None) -> Decided:
        """One person's yes.

        Raises:
            Conflict: it does not wait, a former price of the item is still on its way back, or the other one
                who approved it is the same person.
        """
        found = self._waiting(name, "approved")
        self._check_going_back(found)
        needed = self.needed(found)
        if needed > 1 and who.name == who.via:
            raise InvalidInput(
                f"decision {name} needs two people, and the record their names: say who you are (by)"
            )
        if not all(who.other_than(Person(step.by, step.via)) for step in found.approvals):
            raise Conflict(
                f"decision {name} needs two different people: {found.approvals[0].by} has approved it already"
            )
        step = replace(self._step("approved", who, self._clock(), note), needed=needed)
        kept = self._add(found, step, seen)
        if kept.due:
            self._pass_over(kept, who)
        return kept

    def edit(
        self, name: str, value: float, who: Person, *, note: str = "", seen: int | None = None
    ) -> Decided:
        """Suggest another value instead; whoever approved the one before has to look again.

        Raises:
            InvalidInput: no price or quantity. Conflict: it went out, was refused, or is a campaign, whose
            costs follow from who gets what.
        """
        found = self._open(name, "edited")
        if found.decision.kind == "campaign":
            raise Conflict("a campaign cannot be edited: allocate it again with another budget")
        if not 0 < value <= self._most:
            raise InvalidInput(f"the value must be a number above 0 and up to {self._most:g}, not {value:g}")
        step = self._step("edited", who, self._clock(), note)
        return self._add(found, replace(step, value=value), seen)

    def reject(self, name: str, who: Person, *, note: str = "", seen: int | None = None) -> Decided:
        """No. Raises Conflict where it went out: then it can be taken back."""
        return self._add(self._open(name, "rejected"), self._step("rejected", who, self._clock(), note), seen)

    def take_back(self, name: str, who: Person, *, note: str = "", seen: int | None = None) -> Decided:
        """What was approved holds no more; of what went out the former price is due.

        Raises:
            Conflict: nobody approved it, there is no former price, or a later one of the item went out.
        """
        found = self.get(name)
        if found.state not in ("approved", "sent"):
            raise Conflict(f"decision {name} is {found.state}: only what was approved can be taken back")
        if _began(found):
            if found.decision.now is None:
                raise Conflict(f"decision {name} has no former price to go back to")
            self._check_last(found)
        return self._add(found, self._step("taken-back", who, self._clock(), note), seen)

    def outcome(self, name: str, came: dict[str, Scalar], who: Person, *, note: str = "") -> Decided:
        """What came of it: figures by name, as they are known; later ones stand beside earlier ones."""
        if not 0 < len(came) <= MOST_FIGURES or not all(map(_figure, came.items())):
            raise InvalidInput(
                f"say what came of it: 1 to {MOST_FIGURES} names, each with a number or a short text"
            )
        step = self._step("outcome", who, self._clock(), note)
        return self._add(self.get(name), replace(step, came=came), None)

    def _pass_over(self, kept: Decided, who: Person) -> None:
        """What else is due of the item must not go out any more, least of all after this one."""
        made = kept.decision
        others = [
            one for one in self.log.find(kind=made.kind, subject=made.subject, due=True)
            if one.decision.id != made.id and one.due != "back"
        ]  # fmt: skip
        step = self._step("replaced", who, self._clock(), f"by {made.id}")
        if others:
            self.log.add([(one.decision.id, step) for one in others])

    def _check_going_back(self, found: Decided) -> None:
        """A former price that is due must be back first: passed over, it would be forgotten."""
        made = found.decision
        for other in self.log.find(kind=made.kind, subject=made.subject, due=True):
            if other.due == "back":
                raise Conflict(
                    f"the former price of {made.subject!r} is still on its way back (decision "
                    f"{other.decision.id}): see that it arrives (`penchant decisions send`) first"
                )

    def _check_last(self, found: Decided) -> None:
        others = self.log.find(kind=found.decision.kind, subject=found.decision.subject)
        for other in others:
            if other.state in ("approved", "sent") and _approved_at(other) > _approved_at(found):
                raise Conflict(
                    f"decision {other.decision.id} on {found.decision.subject!r} was approved later: take "
                    "that one back first"
                )

    def _waiting(self, name: str, what: str) -> Decided:
        found = self.get(name)
        if found.state != "waiting":
            raise Conflict(f"decision {name} is {found.state}: it cannot be {what} any more")
        return found

    def _open(self, name: str, what: str) -> Decided:
        found = self.get(name)
        if found.state not in ("waiting", "approved") or _began(found):
            state = "on its way" if found.state == "approved" else found.state
            raise Conflict(f"decision {name} is {state}: it cannot be {what} any more")
        return found

    def _step(self, what: What, who: Person, now: float, note: str) -> Step:
        if not 0 < len(who.name.strip()) <= LONGEST or len(note) > LONGEST:
            raise InvalidInput(
                f"the record needs the name of who decides, and a note at most; up to {LONGEST} characters"
            )
        return Step(what=what, time=now, by=" ".join(who.name.split()), via=who.via, note=note)

    def _add(self, found: Decided, step: Step, seen: int | None) -> Decided:
        """What the decision then is. Where somebody else was faster, nothing is kept."""
        name = found.decision.id
        # What was checked is what was found: a number that somebody guessed must not stand for it.
        if seen is not None and seen != len(found.steps):
            raise has_changed(name)
        self.log.add([(name, step)], {name: len(found.steps)})
        return folded([*found.steps, step])


def _began(found: Decided) -> bool:
    """Whether anything of it may be outside the house."""
    return any(step.what == "sending" for step in found.steps)


def _approved_at(found: Decided) -> float:
    return max((step.time for step in found.approvals), default=-math.inf)


def _same(before: Decided, decision: Decision) -> bool:
    """Whether it says again what waits already, as it was proposed."""
    asked = replace(before.decision, id=decision.id)
    return before.value == before.decision.suggested and asked == decision


def _alone_since(newest_first: Sequence[Decided], since: float, now: float | None) -> float | None:
    """The price before the first of the changes since then that no two people approved; else ``now``."""
    start = now
    for one in newest_first:
        if _approved_at(one) < since or one.approvals[-1].needed > 1:
            break
        start = one.decision.now
    return start


def _above(settings: DecisionSettings, found: Decided, started: float | None) -> bool:
    """Whether it is above the limit of its kind; what is not known may be.

    ``started``: a price that its change counts from, beside the one of now.
    """
    made = found.decision
    if made.kind == "price":
        change = max(abs(found.value / price - 1) if price else math.inf for price in (made.now, started))
        # What is at the limit is not above it, however floats divide.
        return change > settings.price_change + 1e-9
    cost = math.inf if made.cost is None else made.cost
    if made.kind == "order":
        each = found.value / made.suggested if made.suggested else math.inf
        return cost * each > settings.order_cost
    return cost > settings.campaign_budget


def _figure(named: tuple[object, object]) -> bool:
    name, value = named
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST:
        return False
    if isinstance(value, (int, float)):
        return abs(value) <= LARGEST
    return value is None or (isinstance(value, str) and len(value) <= LONGEST)
