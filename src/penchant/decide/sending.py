"""Approved prices on their way out: each once, by its id, whatever is cut off in between."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from penchant.errors import Conflict, PenchantError
from penchant.events.decisions import Decided, DecisionLog, Step


class Letter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A price for an item, the same for everybody.

    Attributes:
        id: the same however often it is sent; who has seen it passes it over.
        former: the price before. back: it is the former one again, taken back.
        time: when it was approved or taken back, unix seconds.
    """

    id: str
    decision: str
    item_id: str
    price: float
    former: float | None
    currency: str
    back: bool
    approved_by: list[str]
    time: float


class Outlet(Protocol):
    """Where approved prices go."""

    def deliver(self, letters: Sequence[Letter]) -> Iterator[Letter]:
        """Each letter once it has arrived for good.

        Raises:
            Unreachable, StorageError: not all of them did; what was not given may have arrived or not.
        """
        ...


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What went out: numbers of prices, and why the ``waiting`` ones did not; empty where none waits."""

    sent: int
    waiting: int
    problem: str = ""


def send(log: DecisionLog, outlet: Outlet, clock: Callable[[], float], currency: str) -> Sent:
    """Deliver what is due, and keep what was. Call it from one place at a time.

    That a letter is on its way is kept before it leaves, that it arrived after: cut off in between, the same
    letter leaves again.
    """
    count, problem, tried = 0, "", set[str]()
    while not problem and (letters := _new(log, clock, currency, tried)):
        tried |= {letter.id for letter in letters}
        try:
            for letter in outlet.deliver(letters):
                log.add([(letter.decision, Step(what="sent", time=clock(), back=letter.back))])
                count += 1
        except PenchantError as error:
            problem = str(error)
    return Sent(sent=count, waiting=len(log.find(due=True)), problem=problem)


def _new(log: DecisionLog, clock: Callable[[], float], currency: str, tried: set[str]) -> list[Letter]:
    """What is due by now and was not tried, in the order in which it was decided.

    Of one moment the newest first: that is how several prices of an item are taken back.
    """
    due = [one for one in log.find(due=True) if _id(one) not in tried]
    letters = [letter for one in due if (letter := _begun(log, one, clock, currency))]
    return sorted(letters, key=lambda letter: letter.time)


def _id(one: Decided) -> str:
    return f"{one.decision.id}-{one.due}"


def _begun(log: DecisionLog, one: Decided, clock: Callable[[], float], currency: str) -> Letter | None:
    """The letter that is due, now that it is kept as on its way; None where somebody has changed that."""
    back = one.due == "back"
    price = one.decision.now if back else one.value
    if price is None:
        return None
    if not any(step.what == "sending" and step.back == back for step in one.steps):
        step = Step(what="sending", time=clock(), value=price, back=back)
        try:
            log.add([(one.decision.id, step)], {one.decision.id: len(one.steps)})
        except Conflict:
            return None
    decided = next(
        step for step in reversed(one.steps) if step.what == ("taken-back" if back else "approved")
    )
    return Letter(
        id=_id(one),
        decision=one.decision.id,
        item_id=one.decision.subject,
        price=price,
        former=one.value if back else one.decision.now,
        currency=currency,
        back=back,
        approved_by=[decided.by] if back else [step.by for step in one.approvals],
        time=decided.time,
    )
